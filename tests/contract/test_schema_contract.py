"""The files that the detector generates, as the platform reads them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from automl.schema.documents import read_json_mapping, read_yaml_mapping
from automl.schema.loader import load_schema
from automl.schema.paths import get_path
from automl.schema.validation import find_faults
from automl.skills import load_skill

pytestmark = pytest.mark.contract
SKILL = load_skill("bevfusion")
FILES = sorted((SKILL.root / "schemas").glob("*.json"))


def names_in(spec: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in spec.items():
        if isinstance(value, Mapping) and value:
            yield from names_in(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_every_action_has_its_schema() -> None:
    assert {path.name for path in FILES} == {"manifest.json"} | {
        f"{name}.schema.json" for name in SKILL.actions
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_generated_json_is_strict_and_survives_reading_and_writing(path: Path) -> None:
    text = path.read_text("utf-8")
    document = read_json_mapping(path)
    assert json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n" == text


@pytest.mark.parametrize("action", SKILL.actions)
def test_schema_and_template_know_the_same_keys_in_the_same_order(action: str) -> None:
    schema = load_schema(SKILL.schema_path(action))
    template = read_yaml_mapping(SKILL.template_path(action))
    assert list(schema.leaves) == list(names_in(template))
    assert dict(schema.default) == template
    assert [leaf.default for leaf in schema.leaves.values()] == [get_path(template, n) for n in schema.leaves]


@pytest.mark.parametrize("action", SKILL.actions)
def test_every_default_keeps_to_its_own_bounds(action: str) -> None:
    schema = load_schema(SKILL.schema_path(action))
    template = read_yaml_mapping(SKILL.template_path(action))
    leaves = {name: replace(leaf, has_default=False) for name, leaf in schema.leaves.items()}
    judged = replace(schema, leaves=leaves, default={})  # a default always passes where it is known as one
    assert find_faults(template, judged, set(leaves), str) == []
