import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from skills import toy_info, write_skill

from automl.errors import SchemaError, UsageError
from automl.skills import (
    DataSource,
    Hardware,
    SpecKeys,
    command_environment,
    fill_command,
    find_skill,
    load_skill,
)
from automl.types import Direction, Metric


def load(tmp_path: Path, **changes: Any) -> Any:
    return load_skill(skill_dir=write_skill(tmp_path / "toy", info={**toy_info(), **changes}))


def test_a_card_becomes_a_skill(tmp_path: Path) -> None:
    skill = load(tmp_path)
    train = skill.action("train")
    assert (skill.name, skill.automl_enabled, list(skill.actions)) == (
        "toy",
        True,
        ["dataset_convert", "evaluate", "train"],
    )
    assert skill.metric == Metric("score", Direction.MAXIMIZE)
    assert skill.hardware == Hardware(2, 4, 24)
    assert train.command == ("python", "{skill_dir}/train.py", "-e", "{config_path}")
    assert train.data_sources[2] == DataSource("dataset.test", "test.pkl", "train.pkl")
    assert train.keys_filled_by("key") == ("encryption_key",)
    assert (train.keys.epochs, train.keys.gpus, train.keys.results_dir) == (
        "train.num_epochs",
        "train.num_gpus",
        "results_dir",
    )


def test_what_a_bank_leaves_out_is_none_or_customary(tmp_path: Path) -> None:
    info = {
        "network_arch": "dino",
        "automl_enabled": True,
        "actions": {"train": {"command": "dino train -e {config_path}"}},
        "spec_params": {"train": {"train.resume": "resume_model", "out": "output_dir"}},
        "data_sources": {"train": {"dataset.images": {"path": "images"}, "dataset.odd": {"path_from": 1}}},
    }
    skill = load_skill(skill_dir=write_skill(tmp_path / "dino", info=info))
    train = skill.action("train")
    assert (skill.metric, skill.hardware, skill.gpu_spec_key, train.preflight) == (None, None, None, None)
    assert (train.keys.resume, train.keys.results_dir, train.keys.seed) == (
        "train.resume",
        "out",
        "train.seed",
    )
    assert train.data_sources == (DataSource("dataset.images", "images"),)


def test_keys_that_a_spec_lacks_count_as_none() -> None:
    keys = SpecKeys(epochs="train.num_epochs", seed="train.seed", gpus="train.gpus")
    present = keys.present_in({"train": {"num_epochs": 3, "gpus": None}})
    assert present == SpecKeys(epochs="train.num_epochs", gpus="train.gpus")


def test_all_faults_of_a_card_are_told_at_once(tmp_path: Path) -> None:
    actions = {
        "train": {
            "command": "python 'x",
            "spec_keys": {"epoch": "a"},
            "data_sources": [{"key": 1}],
            "preflight": 3,
        }
    }
    with pytest.raises(SchemaError) as caught:
        load(
            tmp_path,
            actions=actions,
            metric={"name": "a", "direction": "up"},
            hardware={"gpus": 1},
            spec_params=[],
        )
    text = str(caught.value)
    assert 'skill_info.yaml:actions.train.command: "python \'x" cannot be split' in text
    assert "actions.train.spec_keys.epoch: is not a role" in text
    assert "actions.train.data_sources[0]: {'key': 1} is not a data source" in text
    assert "actions.train.preflight: holds 3, not text" in text
    assert "metric: {'direction': 'up', 'name': 'a'} is not a metric" in text
    assert "hardware.gpus: 1 is not understood" in text
    assert "spec_params: holds a list, not a mapping" in text


def test_a_card_without_actions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"actions: names no action"):
        load(tmp_path, actions={})


def test_a_folder_without_card_is_no_skill_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is not a skill directory"):
        load_skill(skill_dir=tmp_path)


def test_unknown_names_list_what_there_is(tmp_path: Path) -> None:
    skill = load(tmp_path)
    with pytest.raises(
        UsageError, match=r"toy has no action 'prune'\n  -> its actions are dataset_convert, evaluate, train"
    ):
        skill.action("prune")
    with pytest.raises(UsageError, match=r"toy has no profile 'x'\n  -> .* has none"):
        skill.profile_path("x")
    (skill.root / "search_spaces").mkdir()
    (skill.root / "search_spaces" / "quick.yaml").touch()
    with pytest.raises(UsageError, match=r"toy has no space 'x'\n  -> there are quick"):
        skill.space_path("x")


def test_the_installed_detector_is_found_without_importing_it() -> None:
    assert (find_skill("bevfusion") / "references" / "skill_info.yaml").is_file()
    assert find_skill(None) == find_skill("bevfusion")
    code = (
        "import sys; import automl.skills as s; s.load_skill('bevfusion'); print('bevfusion' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
    with pytest.raises(UsageError, match=r"there is no model 'yolo'\n  -> installed: bevfusion"):
        find_skill("yolo")


def test_commands_keep_their_words_whatever_the_paths_hold() -> None:
    command = ("python", "{skill_dir}/t.py", "-e", "{config_path}", "$HOME;")
    filled = fill_command(command, config_path=Path("/a b/spec.yaml"), skill_dir=Path("/s"))
    assert filled == ["python", "/s/t.py", "-e", "/a b/spec.yaml", "$HOME;"]


def test_commands_find_our_own_interpreter_first() -> None:
    assert command_environment()["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_doctor_is_words_or_none(tmp_path: Path) -> None:
    assert load(tmp_path / "a").doctor is None
    assert load(tmp_path / "b", doctor="toy doctor -e {config_path}").doctor == (
        "toy", "doctor", "-e", "{config_path}",
    )  # fmt: skip
    with pytest.raises(SchemaError, match=r"skill_info.yaml:doctor: \"toy 'open\" cannot be split"):
        load(tmp_path / "c", doctor="toy 'open")
