import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from skills import write_data, write_skill

from automl.cli.studies import find_results
from automl.errors import DataError, UsageError
from automl.planning.data_sources import bind_data, find_missing_inputs
from automl.planning.parents import Parent, bind_parent, inherited_layer
from automl.request import RunRequest
from automl.skills import Skill, load_skill


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    return load_skill(skill_dir=write_skill(tmp_path / "toy"))


def bind(skill: Skill, tmp_path: Path, data: str | None, **flags: Any) -> Any:
    request = RunRequest(skill_dir=skill.root, data=data, results_dir=tmp_path / "results", **flags)
    return bind_data(skill, skill.action("train"), request)


def convert_job(tmp_path: Path, name: str, data: Path, created: str, *files: str) -> Path:
    job = write_data(tmp_path / "results" / name, *files)
    entry = {"job_id": name, "action": "dataset_convert", "data": str(data), "created": created}
    (job / "job.json").write_text(json.dumps(entry))
    return job


def test_every_key_is_filled_from_the_root(skill: Skill, tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    binding = bind(skill, tmp_path, str(root))
    assert binding.values == {
        "dataset.root": str(root),
        "dataset.train": str(root / "train.pkl"),
        "dataset.test": str(root / "test.pkl"),
    }
    assert binding.warnings == ()


def test_an_empty_test_part_falls_back_and_is_told(skill: Skill, tmp_path: Path) -> None:
    root = write_data(tmp_path / "data", "train.pkl")
    (root / "test.pkl").touch()
    binding = bind(skill, tmp_path, str(root))
    assert binding.values["dataset.test"] == str(root / "train.pkl")
    assert (
        "there is no test.pkl; with train.pkl instead, winner and figures come from the same"
        in binding.warnings[0]
    )


def test_the_newest_convert_job_for_the_root_is_looked_into(skill: Skill, tmp_path: Path) -> None:
    root = write_data(tmp_path / "data", "other")
    convert_job(tmp_path, "a", root, "2026-01-01", "train.pkl")
    newest = convert_job(tmp_path, "b", root, "2026-02-01", "train.pkl")
    convert_job(tmp_path, "c", tmp_path / "elsewhere", "2026-03-01", "train.pkl")
    write_data(tmp_path / "results" / "broken", "x").joinpath("job.json").write_text("{")
    assert bind(skill, tmp_path, str(root)).values["dataset.train"] == str(newest / "train.pkl")


@pytest.mark.parametrize("picked", [None, "a"])
def test_large_files_of_a_convert_job_come_from_where_results_lie(
    skill: Skill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picked: str | None
) -> None:
    root, large = write_data(tmp_path / "data", "test.pkl"), "x" * 2_000_001
    job = convert_job(tmp_path, "a", root, "2026-01-01")
    (job / "train.pkl").write_text(large)
    monkeypatch.setenv("AUTOML_CACHE", str(tmp_path / "cache"))
    there = find_results(f"file://{tmp_path}/results")
    assert not (there / "a" / "train.pkl").exists()
    request = RunRequest(skill_dir=skill.root, data=str(root), results_dir=there, convert_job_id=picked)
    values = bind_data(skill, skill.action("train"), request).values
    assert values["dataset.train"] == f"{there}/a/train.pkl"
    assert (there / "a" / "train.pkl").read_text() == large


def test_a_convert_job_can_be_picked(skill: Skill, tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    picked = convert_job(tmp_path, "a", root, "2026-01-01", "train.pkl")
    convert_job(tmp_path, "c", tmp_path / "elsewhere", "2026-03-01", "train.pkl")
    values = bind(skill, tmp_path, str(root), convert_job_id="a").values
    assert (values["dataset.train"], values["dataset.test"]) == (
        str(picked / "train.pkl"),
        str(root / "test.pkl"),
    )
    with pytest.raises(UsageError, match=r"there is no dataset_convert job 'z'\n  -> jobs for .*data: a"):
        bind(skill, tmp_path, str(root), convert_job_id="z")
    with pytest.raises(UsageError, match=r"job c converted .*elsewhere, not .*data"):
        bind(skill, tmp_path, str(root), convert_job_id="c")


def test_missing_files_come_with_the_exact_command(skill: Skill, tmp_path: Path) -> None:
    root = write_data(tmp_path / "my data", "other")
    with pytest.raises(DataError) as caught:
        bind(skill, tmp_path, str(root))
    assert caught.value.exit_code == 3
    assert f"{root}/train.pkl: dataset.train: converted file is missing" in str(caught.value)
    command = f"automl run --skill-dir {skill.root} --action dataset_convert --data '{root}'"
    assert f"run dataset_convert first: {command} --results-dir {tmp_path}/results" in str(caught.value)


def test_the_folder_of_a_convert_job_is_no_data_set(skill: Skill, tmp_path: Path) -> None:
    job = convert_job(tmp_path, "a", tmp_path / "data", "2026-01-01", "train.pkl", "test.pkl")
    flags = f"--data {tmp_path}/data --results-dir {tmp_path}/results --convert-job-id a"
    with pytest.raises(DataError, match=rf"what a dataset_convert job wrote, .*\n  -> .*: {flags}"):
        bind(skill, tmp_path, str(job))


def test_a_root_that_is_no_folder_is_refused(skill: Skill, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: is not a folder"):
        bind(skill, tmp_path, str(tmp_path / "gone"))


def test_data_at_a_uri_are_brought_here(
    skill: Skill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOML_CACHE", str(tmp_path / "cache"))
    write_data(tmp_path / "kitti")
    values = bind(skill, tmp_path, f"file://{tmp_path}/kitti/").values
    root = Path(values["dataset.root"])
    assert (root.parent, values["dataset.train"]) == (tmp_path / "cache" / "data", f"{root}/train.pkl")
    assert sorted(path.name for path in root.iterdir()) == [".staged.json", "test.pkl", "train.pkl"]


def test_a_model_that_does_not_say_which_keys_data_fills(skill: Skill, tmp_path: Path) -> None:
    request = RunRequest(data=str(tmp_path))
    with pytest.raises(UsageError, match=r"toy does not say which keys of evaluate --data fills"):
        bind_data(skill, skill.action("evaluate"), request)


def test_missing_sources_name_every_key(skill: Skill) -> None:
    spec = {"dataset": {"root": "", "train": "/x"}, "train": {"checkpoint": None}}
    assert [f.where for f in find_missing_inputs(skill.action("train"), spec)] == [
        "dataset.root",
        "dataset.test",
    ]
    (fault,) = find_missing_inputs(skill.action("evaluate"), spec)
    assert fault.hint == "give --parent-job-id ID, or --set train.checkpoint=PATH"


def parent(skill: Skill, tmp_path: Path, job: str, action: str = "evaluate") -> Parent:
    return bind_parent(skill.action(action), RunRequest(parent_job_id=job, results_dir=tmp_path / "results"))


def test_the_winner_of_a_study_is_its_model(skill: Skill, tmp_path: Path) -> None:
    best = write_data(tmp_path / "results" / "s1" / "best", "checkpoint.pth", "metrics.json", "spec.yaml")
    write_data(tmp_path / "results" / "s1" / "trials" / "0" / "checkpoints", "epoch_9.pth")
    model = {"train.checkpoint": str(best / "checkpoint.pth")}
    assert parent(skill, tmp_path, "s1") == Parent(model, best / "spec.yaml")


def test_the_newest_checkpoint_of_a_job_is_found_by_epoch_number(skill: Skill, tmp_path: Path) -> None:
    job = write_data(
        tmp_path / "results" / "j1" / "checkpoints", "epoch_9.pth", "epoch_10.pth", "epoch_002.pth"
    )
    assert parent(skill, tmp_path, "j1") == Parent({"train.checkpoint": str(job / "epoch_10.pth")})


def test_the_spec_of_a_plain_training_is_that_of_its_trial(skill: Skill, tmp_path: Path) -> None:
    trial = write_data(tmp_path / "results" / "t1" / "trials" / "0", "spec.yaml")
    write_data(trial / "checkpoints", "epoch_2.pth")
    write_data(tmp_path, "spec.yaml")
    assert parent(skill, tmp_path, "t1").spec == trial / "spec.yaml"


def test_what_belongs_to_the_new_job_is_not_inherited(skill: Skill, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "results_dir: /old\nencryption_key: k\nold: 1\nmodel: {width: 8, depth: 2}\n"
        "dataset: {root: /old, classes: [a]}\ntrain: {lr: 0.5, checkpoint: /c, num_gpus: 8}\n"
    )
    template = {
        "results_dir": "",
        "model": {"width": 64},
        "dataset": {"root": "", "classes": []},
        "train": {},
    }
    evaluate = inherited_layer(skill.action("evaluate"), template, spec)
    assert evaluate.source == str(spec)
    assert evaluate.values == {
        "model": {"width": 8},
        "dataset": {"root": "/old", "classes": ["a"]},
        "train": {"lr": 0.5},
    }
    train = inherited_layer(skill.action("train"), template, spec)
    assert train.values == {"model": {"width": 8}, "dataset": {"classes": ["a"]}}


def test_parents_that_do_not_settle_it_are_refused_with_what_was_found(skill: Skill, tmp_path: Path) -> None:
    write_data(tmp_path / "results" / "empty", "train.log")
    write_data(tmp_path / "results" / "two" / "a", "epoch_3.pth")
    write_data(tmp_path / "results" / "two" / "b", "epoch_3.pth")
    with pytest.raises(UsageError, match=r"there is no job 'x'\n  -> jobs: empty, two"):
        parent(skill, tmp_path, "x")
    with pytest.raises(UsageError, match=r"empty: has no checkpoint\n  -> found: train.log"):
        parent(skill, tmp_path, "empty")
    with pytest.raises(
        UsageError, match=r"has 2 checkpoints of epoch 3\n  -> found: a/epoch_3\.pth, b/epoch_3\.pth"
    ):
        parent(skill, tmp_path, "two")
    with pytest.raises(UsageError, match=r"there is no job"):
        parent(skill, tmp_path, "../data")
    with pytest.raises(UsageError, match=r"dataset_convert starts from no other job"):
        parent(skill, tmp_path, "two", "dataset_convert")


def test_a_source_that_the_action_can_do_without_may_be_missing(skill: Skill, tmp_path: Path) -> None:
    root = write_data(tmp_path / "data", "frames")
    train = skill.action("train")
    free = replace(train, data_sources=tuple(replace(source, optional=True) for source in train.data_sources))
    binding = bind_data(skill, free, RunRequest(skill_dir=skill.root, data=str(root), results_dir=tmp_path))
    assert binding.values == {"dataset.root": str(root)}
    assert find_missing_inputs(replace(free, inputs={}), {}) == []
