from pathlib import Path

import pytest
import yaml

from automl.errors import SchemaError, SpecError
from automl.schema.documents import dump_yaml, parse_value, plain, read_json_mapping, read_yaml_mapping


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("-2E3", -2000.0),
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("~", None),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("[1, 2e3, off]", [1, 2000.0, "off"]),
        ("0x10", 16),
        (".inf", float("inf")),
        ("a: b: c", "a: b: c"),
        ("", None),
    ],
)
def test_values_are_read_as_people_mean_them(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_written_yaml_reads_alike_under_both_yaml_versions(tmp_path: Path) -> None:
    spec = {"lr": 1e-5, "word": "on", "digits": "1e-4", "list": (1, 2.5), "none": None}
    path = tmp_path / "spec.yaml"
    path.write_text(dump_yaml(spec))
    assert read_yaml_mapping(path) == plain(spec) == yaml.safe_load(path.read_text())


def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("a: 1\nb: 2\na: 3\n")
    with pytest.raises(SpecError, match=r"spec\.yaml:3:1: is not YAML: 'a' stands twice"):
        read_yaml_mapping(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", r"spec\.yaml:\d+:\d+: is not YAML"),
        ("- 1", "holds a list"),
        ("1: 2", "holds a dict, not a mapping of"),
    ],
)
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    with pytest.raises(SpecError, match=message):
        read_yaml_mapping(path)


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    assert read_yaml_mapping(tmp_path / "empty.yaml") == {}


def test_missing_and_binary_files_are_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"^gone\.yaml: cannot be read: No such.*\n  -> the path starts at /"):
        read_yaml_mapping(Path("gone.yaml"))
    with pytest.raises(SpecError, match=r"gone\.yaml: cannot be read: No such file"):
        read_yaml_mapping(tmp_path / "gone.yaml")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SchemaError, match=r"binary\.json: cannot be read: not UTF-8 text"):
        read_json_mapping(tmp_path / "binary.json")


def test_json_takes_infinity_and_tells_the_place_of_an_error(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"maximum": Infinity}')
    assert read_json_mapping(path) == {"maximum": float("inf")}
    path.write_text('{"a": 1,\n "b" 2}')
    with pytest.raises(SchemaError, match=r"s\.json:2:6: is not JSON"):
        read_json_mapping(path)
    path.write_text("[1]")
    with pytest.raises(SchemaError, match="holds a list, not an object"):
        read_json_mapping(path)
