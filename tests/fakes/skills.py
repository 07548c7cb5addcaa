"""Skill directories made by code, in the dialect that model banks use."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

INF = float("inf")


def leaf(kind: str | None, default: Any = ..., **rules: Any) -> dict[str, Any]:
    """One leaf of a schema; the default is left out when it is not given."""
    node = {"type": kind, "title": "t", "description": "d", **rules}
    if kind is None:
        del node["type"]
    return node if default is ... else {**node, "default": default}


def group(**children: Any) -> dict[str, Any]:
    """A collection of leaves."""
    return {"type": "collection", "automl_enabled": False, "default": {}, "properties": children}


def defaults_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The template that belongs to properties."""
    spec: dict[str, Any] = {}
    for name, node in properties.items():
        if isinstance(node, dict) and "properties" in node:
            spec[name] = defaults_of(node["properties"])
        elif isinstance(node, dict) and "default" in node:
            spec[name] = node["default"]
    return spec


def schema_document(
    properties: Mapping[str, Any], searched: list[str], disabled: list[str] | None = None
) -> dict[str, Any]:
    """A whole schema file."""
    return {
        "type": "object",
        "automl_default_parameters": searched,
        "automl_disabled_parameters": disabled or [],
        "default": defaults_of(properties),
        "properties": {**properties, "automl_disabled_parameters": ["junk", "among", "keys"]},
    }


def toy_properties() -> dict[str, Any]:
    """A small trainer: an optimizer, a head, the customary keys, and a data source."""
    return {
        "results_dir": leaf("string", ""),
        "encryption_key": leaf("string", ""),
        "model": group(
            kind=leaf("categorical", "small", enum=["small", "large"]),
            width=leaf("int", 64, minimum=8, maximum=512, math_cond="/ 8"),
            queries=leaf("int", 300, minimum=100, maximum=900, parent_param="TRUE"),
            select=leaf("int", 300, minimum=1, maximum=1000, depends_on="model.queries"),
        ),
        "dataset": group(root=leaf("string", ""), train=leaf("string", ""), test=leaf("string", "")),
        "train": group(
            num_epochs=leaf("int", 9, minimum=1, maximum=INF),
            validation_interval=leaf("int", 3, minimum=1),
            checkpoint_interval=leaf("int", 3, minimum=1),
            num_gpus=leaf("int", 1, minimum=1),
            seed=leaf("int", 1, minimum=0),
            checkpoint=leaf("string", None),
            lr=leaf("float", 1e-3, minimum=0.0, maximum=1.0, math_cond="> 0.0"),
            momentum=leaf("float", 0.9, minimum=0.5, maximum=0.99),
            batch=leaf("int", 4, minimum=1, maximum=INF),
            frozen=leaf("int", 1, minimum=0, maximum=9, automl_enabled=False),
            clip=leaf("float", 0.1, minimum=0.0, maximum=10.0),
        ),
    }


TOY_SEARCHED = ["train.lr", "train.momentum", "model.kind"]


def toy_info() -> dict[str, Any]:
    """Its card: train with a check of its own, a convert action, evaluate from a parent."""
    sources = [
        {"key": "dataset.root", "file": "."},
        {"key": "dataset.train", "file": "train.pkl"},
        {"key": "dataset.test", "file": "test.pkl", "fallback": "train.pkl"},
    ]
    return {
        "network_arch": "toy",
        "automl_enabled": True,
        "gpu_spec_key": "train.num_gpus",
        "metric": {"name": "score", "direction": "maximize"},
        "hardware": {"min_gpus": 2, "recommended_gpus": 4, "min_vram_gb": 24},
        "actions": {
            "train": {
                "command": "python '{skill_dir}/train.py' -e {config_path}",
                "spec_keys": {"epochs": "train.num_epochs"},
                "data_sources": sources,
            },
            "dataset_convert": {"command": "python convert.py -e {config_path}"},
            "evaluate": {
                "command": "python evaluate.py -e {config_path}",
                "inputs": {"train.checkpoint": {"type": "file"}},
            },
        },
        "spec_params": {
            "train": {"results_dir": "output_dir", "encryption_key": "key"},
            "evaluate": {"results_dir": "output_dir", "train.checkpoint": "parent_model"},
        },
    }


def write_skill(
    root: Path,
    *,
    properties: Mapping[str, Any] | None = None,
    searched: list[str] | None = None,
    disabled: list[str] | None = None,
    info: Mapping[str, Any] | None = None,
    check: str | None = None,
) -> Path:
    """Write a skill directory; what is not given is the toy's.

    Args:
        check: body of a Python script for the preflight command; it sees ``spec``.
    """
    properties = toy_properties() if properties is None else properties
    document = schema_document(properties, TOY_SEARCHED if searched is None else searched, disabled)
    card = dict(toy_info() if info is None else info)
    (root / "schemas").mkdir(parents=True)
    (root / "references").mkdir()
    if check is not None:
        card["actions"]["train"]["preflight"] = "python check.py -e {config_path}"
        head = "import json, sys, yaml\nspec = yaml.safe_load(open(sys.argv[2]))\n"
        (root / "check.py").write_text(head + textwrap.dedent(check))
    for action in ("train", "evaluate"):
        (root / "schemas" / f"{action}.schema.json").write_text(json.dumps(document))
        (root / "references" / f"spec_template_{action}.yaml").write_text(yaml.safe_dump(document["default"]))
    (root / "references" / "skill_info.yaml").write_text(yaml.safe_dump(card))
    return root


def write_data(root: Path, *files: str) -> Path:
    """A converted data set: files with something in them."""
    root.mkdir(parents=True, exist_ok=True)
    for name in files or ("train.pkl", "test.pkl"):
        (root / name).write_text("x")
    return root
