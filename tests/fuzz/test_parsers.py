"""Whatever a file of outside holds, a reader answers with its own kind of error: no traceback, no hang.

Inputs are valid documents with bytes or values damaged, and documents out of nothing. ``FUZZ_EXAMPLES=20000``
makes the long run; the default is a sample.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_study import trial, write_study
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skills import schema_document, toy_info, toy_properties

from automl.errors import AutomlError
from automl.request import parse_duration, parse_size
from automl.schema.documents import parse_value, plain, read_json_mapping, read_yaml_mapping
from automl.schema.loader import load_schema
from automl.schema.space_files import read_space_file
from automl.schema.spec import layer_of_file, layer_of_overrides
from automl.skills import load_skill
from automl.study.events import EventReader, read_events
from automl.study.store import StudyFolder
from automl.trials.status_reader import StatusReader

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
THOROUGH = settings(
    max_examples=EXAMPLES, deadline=5000, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES == 40
)

SPACE = {
    "description": "a space", "extends": [], "drop": ["train.momentum"],
    "parameters": {
        "train.lr": {"low": 1e-5, "high": 1e-2, "log": True}, "model.kind": {"choices": ["small"]},
    },
}  # fmt: skip
STATUS = b"".join(
    json.dumps(line).encode() + b"\n"
    for line in (
        {"status": "STARTED", "max_epoch": 3, "message": ""},
        {"status": "RUNNING", "epoch": 1, "max_epoch": 3, "kpi": {"AP11": 41.2, "loss": None}},
    )
)

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([10**400, -(10**400), "9" * 5000, "../../etc", "=1+1", "\x00", "1e999", ".inf"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | st.just("type"), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            found += paths_of(item, (*path, key))
    return found


def warp(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a place."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = warp(copy[path[0]], path[1:], value)
    return copy


@st.composite
def warped(draw: st.DrawFn, document: Any) -> Any:
    for _ in range(draw(st.integers(1, 3))):
        document = warp(document, draw(st.sampled_from(paths_of(document))), draw(VALUES))
    return document


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 20)))
    return data[:start] + draw(st.binary(max_size=12)) + data[end:]


def as_json(value: Any) -> bytes:
    return json.dumps(value, default=str).encode("utf-8", "surrogatepass")


def as_yaml(value: Any) -> bytes:
    return yaml.safe_dump(json.loads(json.dumps(value, default=str))).encode("utf-8", "surrogatepass")


def holds(path: Path, data: bytes, read: Callable[[Path], Any]) -> None:
    """Reading what a file holds gives a value, or an error for the user."""
    path.write_bytes(data)
    with suppress(AutomlError):
        read(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


SCHEMA = schema_document(toy_properties(), ["train.lr"])
DOCUMENTS = {
    "schema": (SCHEMA, as_json, load_schema),
    "space": (SPACE, as_yaml, read_space_file),
    "spec": (SCHEMA["default"], as_yaml, layer_of_file),
    "json": (SCHEMA, as_json, read_json_mapping),
    "yaml": (SCHEMA["default"], as_yaml, lambda path: plain(read_yaml_mapping(path))),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
@THOROUGH
@given(data=st.data())
def test_document_with_other_values_is_read_or_refused(place: Path, kind: str, data: st.DataObject) -> None:
    document, write, read = DOCUMENTS[kind]
    holds(place / f"{kind}.yaml", write(data.draw(warped(document))), read)


@pytest.mark.parametrize("kind", DOCUMENTS)
@THOROUGH
@given(data=st.data())
def test_document_with_damaged_bytes_is_read_or_refused(place: Path, kind: str, data: st.DataObject) -> None:
    document, write, read = DOCUMENTS[kind]
    holds(place / f"{kind}.yaml", data.draw(damaged(write(document)) | st.binary(max_size=80)), read)


@THOROUGH
@given(data=st.data())
def test_skill_card_is_read_or_refused(place: Path, data: st.DataObject) -> None:
    root = place / "skill"
    (root / "references").mkdir(parents=True, exist_ok=True)
    card = toy_info()
    content = data.draw(warped(card).map(as_yaml) | damaged(as_yaml(card)))
    holds(root / "references" / "skill_info.yaml", content, lambda _: load_skill(None, root))


@THOROUGH
@given(data=st.data())
def test_status_lines_are_read_or_refused(place: Path, data: st.DataObject) -> None:
    line = data.draw(warped(json.loads(STATUS.splitlines()[1])).map(as_json))
    content = data.draw(damaged(STATUS) | st.just(STATUS + line + b"\n"))

    def read(path: Path) -> None:
        StatusReader(path).recover()
        for heard in StatusReader(path).read_new():
            heard.to_report("AP11")

    holds(place / "status.json", content, read)


@pytest.fixture(scope="module")
def events(place: Path) -> bytes:
    return write_study(place / "study", trial("0", [1.0, None])).events.read_bytes()


@THOROUGH
@given(data=st.data())
def test_events_are_read_or_refused(place: Path, events: bytes, data: st.DataObject) -> None:
    first = json.loads(events.splitlines()[0])
    content = data.draw(damaged(events) | warped(first).map(lambda line: as_json(line) + b"\n"))
    holds(place / "events.jsonl", content, lambda path: list(read_events(path)))
    holds(place / "events.jsonl", content, lambda path: EventReader(path).read_new())


@THOROUGH
@given(data=st.data())
def test_study_sheet_and_tracking_are_read_or_refused(place: Path, data: st.DataObject) -> None:
    folder = StudyFolder(place / "study")
    sheet = json.loads((folder.sheet if folder.sheet.exists() else place / "sheet").read_bytes() or b"{}")
    other = StudyFolder(place / "other")
    other.root.mkdir(exist_ok=True)
    holds(other.sheet, data.draw(warped(sheet).map(as_json)), lambda _: other.read_sheet())
    link = {"tracking_uri": "x", "experiment": "y", "artifacts": None, "experiment_id": "1", "run_id": "2"}
    content = data.draw(warped(link).map(as_json) | damaged(as_json(link)))
    holds(other.tracking, content, lambda _: (other.read_tracking(), other.read_tracking_store()))


@THOROUGH
@given(text=st.text(max_size=40) | SCALARS.map(str))
def test_words_of_a_command_line_are_read_or_refused(text: str) -> None:
    for read in (parse_value, parse_duration, lambda word: parse_size(word, "--x")):
        with suppress(AutomlError):
            read(text)
    with suppress(AutomlError):
        layer_of_overrides([text])


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


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_at_once(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(BOMBS[bomb])
    with pytest.raises(AutomlError, match=r"spec\.yaml"):
        read_yaml_mapping(path)


@pytest.mark.parametrize("text", ['{"a": ' + "[" * 100_000, '{"a": ' + "9" * 100_000 + "}"])
def test_bombs_of_json_are_refused_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(AutomlError, match=r"a\.json"):
        read_json_mapping(tmp_path / "a.json")
