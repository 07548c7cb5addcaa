"""A sample of ``make fuzz``: whatever a file holds, its reader gives a value or an error of its own."""

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automl.errors import AutomlError
from automl.schema.documents import read_json_mapping, read_yaml_mapping
from automl.search.llm_reply import InvalidReplyError, read_reply
from automl.space import Parameter, ParameterKind, SearchSpace
from bevfusion.data.infos import read_infos
from bevfusion.errors import BevfusionError
from bevfusion.spec import load_convert_spec
from tests.fuzz.oracle import DefectError, check
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

SAMPLE = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
KINDS = [
    pytest.param(kind, marks=[pytest.mark.torch] if target.needs_torch else [])
    for kind, target in TARGETS.items()
]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_file_is_read_or_refused(scratch: Path, kind: str) -> None:
    target, place = TARGETS[kind], scratch / kind.replace(" ", "_")
    place.mkdir()
    target.prepare(place)

    @SAMPLE
    @given(content=target.inputs())
    def look(content: bytes) -> None:
        with warnings.catch_warnings(action="ignore"):
            check(target, place, content)

    look()


def spin(_: Path) -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("read", "escaped"),
    [
        (lambda path: {}[path.name], KeyError),
        (lambda _: bytearray(2**40), MemoryError),
        (spin, DefectError),
    ],
)
def test_reader_that_fails_otherwise_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[[Path], object],
    escaped: type[Exception],
) -> None:
    monkeypatch.setattr("tests.fuzz.oracle._LONGEST_S", 0.2)
    with pytest.raises(escaped):
        check(Target("a.txt", st.binary, read), tmp_path, b"")


FOUND = {
    "truth value that is none": ("spec", b"model: !!bool toy\n", "'toy' is neither true nor false"),
    "date that is none": ("spec", b"model: !!timestamp x\n", "could not determine a constructor"),
    "number without digits": ("spec", b"model: !!float ''\n", "could not convert string to float"),
    "list that is called a number": ("detector spec", b"model: !!int [1]\n", "expected a scalar node"),
    "number of hundreds of digits": (
        "detector spec",
        b"train: {optimizer: {lr: " + b"9" * 400 + b"}}\n",
        r"9{20}\.\.\. has too many digits",
    ),
    "alias in itself": (
        "detector spec",
        b"model: &a {b: [*a]}\n",
        "the alias 'a' stands inside what it names",
    ),
    "nesting": ("detector spec", b"model: " + b"[" * 5000, "nested deeper than 100 levels"),
    "truth value of the trainer": (
        "detector spec",
        b"model: !!bool toy\n",
        "'toy' is neither true nor false",
    ),
    "number of the trainer": (
        "conversion spec",
        b"root_dir: !!float ''\n",
        "could not convert string to float",
    ),
    "number with two sets of bounds": (
        "schema",
        b'{"properties": {"train": {"properties": {"lr": {"type": "float", "minimum": [0], '
        b'"maximum": [1]}}}}, "automl_default_parameters": ["train.lr"]}',
        "cannot be searched: a number with lists for bounds",
    ),
    "field that is a number": ("search space", b"parameters: {train.lr: {1.5: 2}}", "lr.1.5: is not a field"),
    "half a character": ("words of a command", b"train.lr=\xff", r"'\\udcff' is not Unicode text"),
    "count without end": ("run file", b"trials: .inf\n", "inf is not a int"),
    "event before its trial": (
        "events",
        b'{"time": 1, "kind": "TrialStarted", "data": {"trial": "7"}, "previous": "' + b"0" * 64 + b'"}\n',
        "the events tell of trial '7' before it was suggested",
    ),
    "event of another type": (
        "events",
        b'{"time": 1, "kind": "TrialStarted", "data": {"trial": {}}, "previous": "' + b"0" * 64 + b'"}\n',
        r"damaged event .*: trial is \{\}",
    ),
    "winner that is no trial": (
        "events",
        b'{"time": 1, "kind": "StudyEnded", "data": {"phase": "finished", "verdict": {}}, "previous": "'
        + b"0" * 64
        + b'"}\n',
        "the events end as 'finished' with None, which is no trial of theirs",
    ),
    "measure that is no number": (
        "events",
        b'{"time": 1, "kind": "EpochReported", "data": {"trial": "0", "report": {"epoch": 1, "max_epoch": 2, '
        b'"value": "9"}}, "previous": "' + b"0" * 64 + b'"}\n',
        r"damaged event .*: the measures are \['9'\]",
    ),
    "deep sheet": ("study sheet", b"[" * 5000, r"study\.json: cannot be read: maximum recursion depth"),
    "mean of no epochs": (
        "study sheet",
        b'{"model": "m", "metric": "AP11", "direction": "maximize", "mean_of_last": -1}',
        r"study\.json: cannot be read: mean_of_last is -1, not a number of epochs from 1 up or null",
    ),
    "deep job": ("job sheet", b"[" * 5000, r"job\.json: cannot be read: maximum recursion depth"),
    "job that is a list": ("job sheet", b"[]", r"job\.json: holds a list, not an object"),
    "long name": ("sequence list", b"9" * 300, r"sequence name '9{20}'\.\.\. has 300 letters"),
    "name with a zero": ("sequence list", b"a\x00b", r"sequence name 'a\\x00b' is not the name of a folder"),
    "number without end": ("frame list", b"9" * 5000, "has 5000 letters"),
    "archive": ("points", b"PK\x03\x04" + bytes(40), "not an array of numbers"),
    "huge array": (
        "points",
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 4), }".ljust(117)
        + b"\n",
        "not an array of numbers",
    ),
    "torn header": ("points", b"\x93NUMPY\x01\x00\x04\x00{'a\n", "not an array of numbers"),
}


@pytest.mark.parametrize("found", FOUND)
def test_what_was_found_once_is_refused(tmp_path: Path, found: str) -> None:
    kind, content, told = FOUND[found]
    target = TARGETS[kind]
    target.prepare(tmp_path)
    path = tmp_path / target.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with pytest.raises((AutomlError, BevfusionError), match=told):
        target.read(path)


@pytest.mark.parametrize(
    "content", [{"images": []}, {"sample_idx": float("inf")}, {"instances": [{"bbox": 10**400}]}]
)
def test_info_file_of_other_types_is_refused(tmp_path: Path, content: dict[str, object]) -> None:
    meta = {
        "format": "bevfusion-infos",
        "version": 2,
        "dataset_type": "KittiPersonDataset",
        "classes": [],
        "split": "x",
    }
    frame = {
        "name": "1",
        "sample_idx": 1,
        "sequence": "",
        "instances": [],
        "lidar_points": {"lidar_path": "a"},
    } | content
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"metainfo": meta, "data_list": [frame]}))
    with pytest.raises(BevfusionError, match=r"a\.pkl: an entry is damaged or lacks a key"):
        read_infos(tmp_path / "a.pkl")


def test_number_that_no_float_holds_is_no_answer() -> None:
    space = SearchSpace((Parameter("lr", ParameterKind.FLOAT, 0.1, 1.0, default=0.5, source="test"),))
    with pytest.raises(InvalidReplyError, match=r"lr = 9+ is not a number from 0\.1 to 1"):
        read_reply('{"params": {"lr": ' + "9" * 400 + "}}", space)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
BOMBS = {
    "aliases": LAUGHS,
    "itself": "a: &a [*a]\n",
    "deep list": "a: " + "[" * 50_000,
    "deep closed list": "a: " + "[" * 5000 + "]" * 5000,
    "long number": "a: " + "9" * 100_000,
}


@pytest.mark.parametrize("read", [read_yaml_mapping, load_convert_spec])
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_at_once(tmp_path: Path, bomb: str, read: Callable[[Path], object]) -> None:
    def refuse(path: Path) -> None:
        with pytest.raises((AutomlError, BevfusionError), match=r"spec\.yaml"):
            read(path)

    check(Target("spec.yaml", st.binary, refuse), tmp_path, BOMBS[bomb].encode())


@pytest.mark.parametrize("text", ['{"a": ' + "[" * 100_000, '{"a": ' + "9" * 100_000 + "}"])
def test_bombs_of_json_are_refused_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(AutomlError, match=r"a\.json"):
        read_json_mapping(tmp_path / "a.json")
