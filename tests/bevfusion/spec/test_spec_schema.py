"""The generated files: fresh, strict, and what a tuner expects of them."""

import json
from pathlib import Path

import pytest

from bevfusion.errors import SpecError
from bevfusion.spec import artifacts
from bevfusion.spec.artifacts import check_artifacts, generate_artifacts, write_artifacts
from bevfusion.spec.schema import ACTIONS, action_schema, manifest

ROOT = Path(__file__).parents[3]


def test_committed_files_agree_with_the_dataclasses():
    assert check_artifacts(ROOT) == []


def test_stale_and_missing_files_are_named(tmp_path: Path):
    write_artifacts(tmp_path)
    assert check_artifacts(tmp_path) == []
    (tmp_path / "schemas" / "train.schema.json").write_text("{}")
    (tmp_path / "references" / "spec_template_evaluate.yaml").unlink()
    told = [str(fault) for fault in check_artifacts(tmp_path)]
    assert len(told) == 2
    assert "train.schema.json: does not agree with the dataclasses" in told[0]
    assert "spec_template_evaluate.yaml: is missing" in told[1]
    assert all("bevfusion schema" in text for text in told)


def test_writing_twice_changes_nothing(tmp_path: Path):
    assert len(write_artifacts(tmp_path)) == 2 * len(ACTIONS) + 1
    assert write_artifacts(tmp_path) == []


def test_generated_json_is_strict():
    def refuse(token: str) -> None:
        raise AssertionError(token)

    texts = [text for name, text in generate_artifacts().items() if name.endswith(".json")]
    assert len(texts) == len(ACTIONS) + 1
    for text in texts:
        json.loads(text, parse_constant=refuse)


def test_template_that_breaks_its_schema_is_never_written(monkeypatch):
    monkeypatch.setattr(artifacts, "template", lambda _: {"train": 3})
    with pytest.raises(SpecError, match=r"spec_template_train.yaml"):
        generate_artifacts()


def test_leaf_is_described_in_the_dialect_of_tao():
    rate = action_schema("train")["properties"]["train"]["properties"]["optimizer"]["properties"]["lr"]
    assert rate == {
        "type": "float",
        "title": "lr",
        "description": "Peak learning rate. The strongest single influence on AP11.",
        "default": 0.0002,
        "minimum": 1e-6,
        "maximum": 0.1,
        "math_cond": "> 0.0",
        "log": True,
        "popular": True,
        "automl_enabled": True,
    }


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("model.grid_size", {"type": "list", "default": None, "nullable": True, "minimum": [1, 1, 1]}),
        ("model.view_transform.type", {"type": "categorical", "enum": ["DepthLSSTransform", "LSSTransform"]}),
        ("model.view_transform.downsample", {"type": "ordered_int", "enum": [1, 2]}),
        ("model.img_neck.norm_cfg.type", {"default": "BN2d"}),
        ("dataset.root_dir", {"type": "string", "default": ""}),
        ("train.cudnn", {"type": "collection", "automl_enabled": False}),
        ("train.lr_scheduler", {"type": "list", "nullable": True, "automl_enabled": False}),
    ],
)
def test_kinds_of_leaves(key, expected):
    node = action_schema("train")
    for part in key.split("."):
        node = node["properties"][part]
    assert {name: node[name] for name in expected} == expected


def test_searched_are_the_keys_that_move_the_metric():
    searched = set(action_schema("train")["automl_default_parameters"])
    assert searched >= {
        "train.optimizer.lr",
        "train.optimizer.weight_decay",
        "train.optimizer.clip_grad.max_norm",
        "train.schedule.warmup_fraction",
        "train.schedule.eta_min_ratio",
        "dataset.train_dataset.batch_size",
        "model.img_backbone.drop_path_rate",
        "model.bbox_head.num_proposals",
        "model.bbox_head.loss_bbox.loss_weight",
        "dataset.augmentation.rotation_rad",
    }
    assert not [name for name in searched if "num_workers" in name]
    assert not searched & {"dataset.val_dataset.batch_size", "dataset.test_dataset.batch_size"}


def test_nothing_is_searched_inside_a_disabled_group():
    schema = action_schema("train")
    disabled = schema["automl_disabled_parameters"]
    assert not [
        name
        for name in schema["automl_default_parameters"]
        if any(name.startswith(f"{group}.") for group in disabled)
    ]


def test_only_training_is_searched():
    found = {name: entry["automl_default_parameters"] for name, entry in manifest()["actions"].items()}
    assert found.pop("train")
    assert found == {"evaluate": [], "inference": [], "export": [], "dataset_convert": []}


def test_manifest_names_the_files_that_are_written():
    for action, entry in manifest()["actions"].items():
        assert (ROOT / entry["path"]).is_file()
        assert (ROOT / entry["spec_template"]).is_file()
        assert entry["schema_action"] == action
