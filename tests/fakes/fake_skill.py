"""A skill directory around the fake trainer: train, evaluate, and one searched parameter."""

import json
from pathlib import Path
from typing import Any

import yaml

FAKES = Path(__file__).resolve().parent


def leaf(kind: str, default: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "default": default, "automl_enabled": False, **more}


TRAIN = {
    "num_epochs": leaf("int", 3, minimum=1, maximum=1000),
    "lr": leaf("float", 1e-5, minimum=1e-6, maximum=1e-1, automl_enabled=True),
    "best_lr": leaf("float", 1e-3),
    "seed": leaf("int", 40, minimum=0),
    "epoch_s": leaf("float", 0.0),
    "swing": leaf("float", 0.0),
    "fail": leaf("string", ""),
    "fail_epoch": leaf("int", 1),
    "resume": leaf("string", ""),
}
EVALUATE = {"checkpoint": leaf("string", ""), "diagnose": leaf("bool", False)}
MODEL = {"width": leaf("int", 8, minimum=1, maximum=64)}
DATASET = {"test_file": leaf("string", "")}


def group(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "collection", "properties": properties, "automl_enabled": False}


def write_action(root: Path, action: str, groups: dict[str, dict[str, Any]]) -> None:
    default = {"results_dir": ""} | {
        name: {key: entry["default"] for key, entry in properties.items()}
        for name, properties in groups.items()
    }
    schema = {
        "type": "object",
        "automl_default_parameters": ["train.lr"],
        "automl_disabled_parameters": [],
        "default": default,
        "properties": {"results_dir": leaf("string", ""), **{name: group(p) for name, p in groups.items()}},
    }
    (root / "schemas" / f"{action}.schema.json").write_text(json.dumps(schema))
    (root / "references" / f"spec_template_{action}.yaml").write_text(
        yaml.safe_dump(default, sort_keys=False)
    )


def write_fake_skill(root: Path) -> Path:
    """Write the skill; its test part is ``test.txt`` in the data root, ``val.txt`` stands in for it."""
    for folder in ("schemas", "references"):
        (root / folder).mkdir(parents=True)
    write_action(root, "train", {"model": MODEL, "train": TRAIN, "dataset": DATASET})
    write_action(root, "evaluate", {"model": MODEL, "evaluate": EVALUATE, "dataset": DATASET})
    source = {"key": "dataset.test_file", "file": "test.txt", "fallback": "val.txt"}
    info = {
        "network_arch": "fake",
        "automl_enabled": True,
        "metric": {"name": "AP11", "direction": "maximize"},
        "actions": {
            "train": {
                "command": f"python {FAKES / 'trainer.py'} -e {{config_path}}",
                "data_sources": [source],
            },
            "evaluate": {
                "command": f"python {FAKES / 'evaluator.py'} -e {{config_path}}",
                "spec_keys": {"diagnosis": "evaluate.diagnose"},
                "data_sources": [source],
            },
        },
        "spec_params": {
            "train": {"results_dir": "output_dir", "train.resume": "resume_model"},
            "evaluate": {"results_dir": "output_dir", "evaluate.checkpoint": "parent_model"},
        },
    }
    (root / "references" / "skill_info.yaml").write_text(yaml.safe_dump(info))
    return root
