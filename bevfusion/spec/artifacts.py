"""The generated files of the skill directory: written from the dataclasses, and told apart when stale."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from bevfusion.errors import Fault, SpecError
from bevfusion.spec.schema import ACTIONS, action_schema, manifest, template
from bevfusion.spec.yaml_files import parse_text, write_mapping

__all__ = ["check_artifacts", "generate_artifacts", "validate_template", "write_artifacts"]

REMEDY = "run: bevfusion schema"
_HEADER = "# Written by `bevfusion schema` from the dataclasses in bevfusion/spec; edit those instead.\n"


def generate_artifacts() -> dict[str, str]:
    """Path relative to the skill directory to content, for every generated file.

    Raises:
        SpecError: a template does not fit its own schema.
    """
    texts = {"schemas/manifest.json": _to_json(manifest())}
    for action in ACTIONS:
        schema, yaml_text = action_schema(action), _HEADER + write_mapping(template(action))
        name = f"references/spec_template_{action}.yaml"
        if faults := validate_template(parse_text(yaml_text, name), schema, name):
            raise SpecError(faults)
        texts[f"schemas/{action}.schema.json"] = _to_json(schema)
        texts[name] = yaml_text
    return texts


def write_artifacts(root: Path) -> list[Path]:
    """Write all generated files below a skill directory; the paths that changed."""
    changed = []
    for name, text in generate_artifacts().items():
        path = root / name
        if _read(path) != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def check_artifacts(root: Path) -> list[Fault]:
    """What is missing, stale or contradictory among the generated files of a skill directory."""
    faults = []
    for name, text in generate_artifacts().items():
        found = _read(root / name)
        if found != text:
            state = "is missing" if found is None else "does not agree with the dataclasses"
            faults.append(Fault(state, str(root / name), REMEDY))
    return faults


def validate_template(spec: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> list[Fault]:
    """Hold a spec against a schema of the dialect: types, bounds, choices, unknown keys.

    Args:
        spec: nested plain values.
        schema: as `bevfusion.spec.schema.action_schema` makes it.
        where: file name for messages.
    """
    validator = jsonschema.Draft202012Validator(_to_standard(schema))
    return [
        Fault(error.message, f"{where}:{'.'.join(map(str, error.absolute_path))}", REMEDY)
        for error in validator.iter_errors(spec)
    ]


_STANDARD_TYPES = {
    "int": "integer",
    "ordered_int": "integer",
    "float": "number",
    "bool": "boolean",
    "string": "string",
    "categorical": "string",
    "list": "array",
    "collection": "object",
    "object": "object",
}


def _to_standard(node: Mapping[str, Any]) -> dict[str, Any]:
    """One node of the dialect in the words of JSON Schema."""
    kind = _STANDARD_TYPES[node["type"]]
    if kind == "object":
        inner = {key: _to_standard(child) for key, child in node["properties"].items()}
        return {"type": kind, "properties": inner, "additionalProperties": False, "required": list(inner)}
    standard: dict[str, Any] = {"type": kind}
    if kind == "array":
        lows, highs = node.get("minimum", []), node.get("maximum", [])
        if lows:
            ends = [{"minimum": low, "maximum": high} for low, high in zip(lows, highs, strict=True)]
            standard |= {"prefixItems": ends, "minItems": len(ends), "maxItems": len(ends)}
    else:
        standard |= {key: node[key] for key in ("minimum", "maximum", "enum") if key in node}
    return {"anyOf": [standard, {"type": "null"}]} if node.get("nullable") else standard


def _to_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
