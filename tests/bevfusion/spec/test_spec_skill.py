"""The hand-written files of the skill directory agree with the spec they talk about."""

from dataclasses import asdict
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest

from bevfusion.spec import load_spec
from bevfusion.spec.schema import ACTIONS, action_schema
from bevfusion.spec.yaml_files import read_mapping

ROOT = Path(__file__).parents[3]
INFO = read_mapping(ROOT / "references" / "skill_info.yaml")
SPACES = sorted((ROOT / "search_spaces").glob("*.yaml"))


def node_at(action: str, key: str) -> dict:
    node = action_schema(action)
    for part in key.split("."):
        node = node["properties"][part]
    return node


@pytest.mark.parametrize("action", ACTIONS)
def test_every_key_the_card_names_exists(action):
    entry = INFO["actions"][action]
    sources = [source["key"] for source in entry["data_sources"]]
    keys = [*entry["inputs"], *entry["outputs"], *INFO["spec_params"][action], *sources]
    keys += [key for key in entry["spec_keys"].values() if key]
    for key in keys:
        assert node_at(action, key)["type"] in ("string", "int", "bool")


def test_card_states_metric_hardware_and_commands():
    assert INFO["metric"] == {"name": "AP11", "direction": "maximize"}
    assert INFO["hardware"] == {"min_gpus": 2, "recommended_gpus": 4, "min_vram_gb": 24}
    for action in ACTIONS:
        assert INFO["actions"][action]["command"] == f"bevfusion {action} -e {{config_path}}"


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_curated_space_stays_inside_the_schema_and_holds_the_default(path):
    space = read_mapping(path)
    disabled = set(action_schema("train")["automl_disabled_parameters"])
    for name, wish in space["parameters"].items():
        node = node_at("train", name)
        assert name not in disabled or name in space.get("allow_disabled", ())
        assert wish["comment"].startswith("AP11, ")
        assert wish["comment"].count("Cost:") == 1
        if "choices" not in wish:
            assert node["minimum"] <= wish["low"] < wish["high"] <= node["maximum"]
            assert node["default"] is None or wish["low"] <= node["default"] <= wish["high"]
        elif not isinstance(node["default"], bool):
            assert node["default"] in wish["choices"]


def test_tiny_profile_leaves_what_the_quick_space_searches_at_the_default():
    default = asdict(load_spec(ROOT / "references" / "spec_template_train.yaml"))
    tiny = asdict(load_spec(ROOT / "references" / "profile_tiny.yaml"))
    searched = read_mapping(ROOT / "search_spaces" / "quick.yaml")["parameters"]
    assert len(searched) == 5
    for name in searched:
        assert reduce(getitem, name.split("."), tiny) == reduce(getitem, name.split("."), default), name
