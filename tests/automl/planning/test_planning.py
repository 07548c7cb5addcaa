import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from skills import toy_info, write_data, write_skill

from automl.errors import DataError, EnvironmentUnusableError, SpaceError, SpecError, UsageError
from automl.planning import Plan, make_plan, resolve_space, sizing
from automl.planning.forecast import Forecast, disk_warnings
from automl.planning.machine import Machine, look_at_machine
from automl.request import RunRequest
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import Budget, Constraint, Direction, Metric


@pytest.fixture(autouse=True)
def laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores and no GPU, wherever the tests run."""
    monkeypatch.setattr("automl.planning.planner.look_at_machine", lambda: Machine(2))


def request(tmp_path: Path, *, skill: dict[str, Any] | None = None, **flags: Any) -> RunRequest:
    root = tmp_path / "toy"
    if not root.exists():
        write_skill(root, **(skill or {}))
    write_data(tmp_path / "data")
    known: dict[str, Any] = {
        "skill_dir": root,
        "data": str(tmp_path / "data"),
        "results_dir": tmp_path / "results",
    }
    return RunRequest(**{**known, **flags})


def plan(tmp_path: Path, **flags: Any) -> Plan:
    return make_plan(request(tmp_path, **flags))


def test_a_study_is_planned_by_default(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert made.is_study
    assert made.policy.to_json() == {"automl": "on", "reason": "the default", "runnable": True}
    assert [p.name for p in made.space] == ["train.lr", "train.momentum", "model.kind"]
    assert made.budget == Budget(trials=20, max_epochs=9)
    assert (made.algorithm.name, made.metric) == ("auto", Metric("score", Direction.MAXIMIZE))
    assert (made.resources.gpus_per_trial, made.resources.max_concurrent) == (0.0, 2)
    assert made.spec["dataset"]["train"] == str(tmp_path / "data" / "train.pkl")
    assert made.spec["train"]["validation_interval"] == made.spec["train"]["checkpoint_interval"] == 1
    assert "this machine has none: training runs on the CPU" in made.warnings[0]


def test_the_plan_in_json_has_all_keys_and_is_strict(tmp_path: Path) -> None:
    shape = json.loads(json.dumps(plan(tmp_path).to_json(), allow_nan=False))
    assert {
        "model",
        "action",
        "policy",
        "spec",
        "space",
        "algorithm",
        "budget",
        "forecast",
        "warnings",
    } <= set(shape)
    assert shape["budget"] == {
        "trials": 20,
        "max_epochs": 9,
        "epochs": None,
        "time_s": None,
        "gpu_hours": None,
        "disk_bytes": None,
        "seeds": 0,
        "finalists": 0,
    }
    assert shape["forecast"] == {"wall_s": None, "disk_bytes": None}
    first = shape["space"]["parameters"][0]
    fields = {
        "name",
        "type",
        "low",
        "high",
        "log",
        "step",
        "choices",
        "weights",
        "default",
        "condition",
        "source",
    }
    assert fields <= set(first)
    assert {"name": "train.clip", "reason": "not in the schema's automl_default_parameters"} in shape[
        "space"
    ]["excluded"]


@pytest.mark.parametrize("flags", [{"policy": "off"}, {"request": "plain training please"}])
def test_plain_training_keeps_every_override(tmp_path: Path, flags: dict[str, Any]) -> None:
    made = plan(tmp_path, overrides=("train.lr=0.5",), max_epochs=4, **flags)
    assert not made.is_study
    assert (len(made.space), made.budget.trials, made.algorithm.name) == (0, 1, "none")
    assert (made.spec["train"]["lr"], made.spec["train"]["num_epochs"]) == (0.5, 4)
    assert made.spec["train"]["validation_interval"] == 3
    assert made.spec["dataset"]["root"] == str(tmp_path / "data")


@pytest.mark.parametrize("broken", ["schemas/train.schema.json", "references/spec_template_train.yaml"])
def test_missing_or_broken_files_mean_plain_training_and_are_told(tmp_path: Path, broken: str) -> None:
    asked = request(tmp_path, overrides=("train.lr=0.5",))
    (tmp_path / "toy" / broken).write_text("{")
    made = make_plan(asked)
    assert (made.is_study, made.policy.automl) == (False, True)
    assert "AutoML is enabled for toy but not runnable until the schemas are generated" in made.warnings[0]
    assert broken in made.warnings[0]
    assert made.spec["train"]["lr"] == 0.5


def test_without_any_template_the_spec_has_to_be_given(tmp_path: Path) -> None:
    asked = request(tmp_path, data=None)
    (tmp_path / "toy" / "schemas" / "train.schema.json").unlink()
    (tmp_path / "toy" / "references" / "spec_template_train.yaml").unlink()
    with pytest.raises(
        UsageError, match="train has no spec template\n  -> give the whole spec with --spec FILE"
    ):
        make_plan(asked)
    (tmp_path / "own.yaml").write_text("dataset: {root: /d, train: /d/t, test: /d/t}\nlr: 1e-3\n")
    made = make_plan(request(tmp_path, data=None, spec=tmp_path / "own.yaml"))
    assert made.spec["lr"] == 1e-3


def test_layers_stand_in_order_and_what_the_user_set_stays(tmp_path: Path) -> None:
    asked = request(tmp_path, profile="tiny", overrides=("dataset.test=/mine", "train.checkpoint_interval=2"))
    (tmp_path / "toy" / "references" / "profile_tiny.yaml").write_text(
        "train: {batch: 2, lr: 0.1, num_epochs: 6}"
    )
    (tmp_path / "mine.yaml").write_text("train: {lr: 0.2}")
    made = make_plan(RunRequest(**{**asked.__dict__, "spec": tmp_path / "mine.yaml"}))
    train = made.spec["train"]
    assert (train["batch"], train["lr"], train["num_epochs"]) == (2, 0.2, 6)
    assert (train["checkpoint_interval"], train["validation_interval"]) == (2, 1)
    assert made.spec["dataset"]["test"] == "/mine"
    assert made.budget.max_epochs == 6
    assert made.space["train.lr"].default == 0.2


def test_a_copy_of_the_template_as_spec_file_changes_nothing(tmp_path: Path) -> None:
    asked = request(tmp_path)
    template = tmp_path / "toy" / "references" / "spec_template_train.yaml"
    made = make_plan(RunRequest(**{**asked.__dict__, "spec": template}))
    assert made.spec == make_plan(asked).spec
    assert made.spec["train"]["validation_interval"] == 1


def test_secrets_stay_out_of_the_spec(tmp_path: Path) -> None:
    made = plan(tmp_path, overrides=("encryption_key=hunter2",))
    assert made.spec["encryption_key"] == ""
    assert "hunter2" not in json.dumps(made.to_json())
    assert "encryption_key is not written into specs: give it in the trainer's environment" in made.warnings
    card = tmp_path / "toy" / "references" / "skill_info.yaml"
    card.write_text(f"{card.read_text()}\nkey_variable: TOY_KEY\n")
    told = make_plan(request(tmp_path, overrides=("encryption_key=hunter2",))).warnings
    assert "encryption_key is not written into specs: give it in the environment variable TOY_KEY" in told


def test_missing_data_names_the_keys(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        plan(tmp_path, data=None)
    assert [fault.where for fault in caught.value.faults] == ["dataset.root", "dataset.test", "dataset.train"]


def test_what_the_schema_requires_has_to_be_set(tmp_path: Path) -> None:
    asked = request(tmp_path, data=None)
    path = tmp_path / "toy" / "schemas" / "train.schema.json"
    schema = json.loads(path.read_text())
    schema["properties"]["train"]["required"] = ["checkpoint"]
    schema["required"] = ["results_dir", "model"]
    path.write_text(json.dumps(schema))
    with pytest.raises(UsageError) as caught:
        make_plan(asked)
    assert [fault.where for fault in caught.value.faults[-2:]] == ["dataset.train", "train.checkpoint"]
    assert "train.checkpoint: is required by the schema and is not set\n  -> give --set train.c" in str(
        caught.value
    )
    made = plan(tmp_path, overrides=("train.checkpoint=/mine",))
    assert made.spec["train"]["checkpoint"] == "/mine"


def test_evaluate_starts_from_a_parent(tmp_path: Path) -> None:
    best = write_data(tmp_path / "results" / "s1" / "best", "checkpoint.pth")
    made = plan(tmp_path, action="evaluate", data=None, parent_job_id="s1")
    assert made.spec["train"]["checkpoint"] == str(best / "checkpoint.pth")
    assert made.policy.reason == "the default; evaluate is always a plain action"
    assert made.warnings == (
        "s1 has no spec beside its model: the model is built as the template and your spec say",
    )


def test_the_model_of_a_parent_is_built_as_it_was_trained(tmp_path: Path) -> None:
    best = write_data(tmp_path / "results" / "s1" / "best", "checkpoint.pth")
    (best / "spec.yaml").write_text("results_dir: /old\nmodel: {width: 8, kind: large}\ntrain: {lr: 0.5}\n")
    flags: dict[str, Any] = {"action": "evaluate", "data": None, "parent_job_id": "s1"}
    made = plan(tmp_path, **flags, overrides=("model.kind=small",))
    assert (made.spec["model"]["width"], made.spec["model"]["kind"]) == (8, "small")
    assert (made.spec["train"]["lr"], made.spec["results_dir"], made.warnings) == (0.5, "", ())
    (best / "spec.yaml").write_text("model: {width: 9}\n")
    with pytest.raises(SpecError, match=rf"{best}/spec\.yaml:model\.width: 9"):
        plan(tmp_path, **flags)


def test_trial_specs_are_the_default_with_parameters_put_in(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert made.trial_spec({"train.lr": 0.25})["train"]["lr"] == 0.25
    assert made.spec["train"]["lr"] == 1e-3
    with pytest.raises(SpecError, match=r"trial parameters:train\.lr: 3\.0 is above the maximum 1\.0"):
        made.trial_spec({"train.lr": 3})


def test_curated_spaces_by_default_by_name_and_by_file(tmp_path: Path) -> None:
    asked = request(tmp_path)
    folder = tmp_path / "toy" / "search_spaces"
    folder.mkdir()
    (folder / "default.yaml").write_text("drop: [model.kind]")
    (folder / "quick.yaml").write_text("only: true\nparameters: {train.clip: {low: 1, high: 2}}")
    assert [p.name for p in make_plan(asked).space] == ["train.lr", "train.momentum"]
    assert [p.name for p in plan(tmp_path, space="quick").space] == ["train.clip"]
    assert [p.name for p in plan(tmp_path, space=str(folder / "quick.yaml")).space] == ["train.clip"]
    assert "model.kind" in plan(tmp_path, params=("model.kind",)).space
    with pytest.raises(UsageError, match="toy has no space 'wide'\n  -> there are default, quick"):
        plan(tmp_path, space="wide")
    with pytest.raises(UsageError, match=r"--space:other\.yaml: there is no such file"):
        plan(tmp_path, space="other.yaml")


def test_what_the_platform_sets_is_not_searched(tmp_path: Path) -> None:
    with pytest.raises(SpaceError) as caught:
        plan(tmp_path, params=("train.num_epochs=1:5", "dataset.root=a,b", "results_dir=a,b"))
    text = str(caught.value)
    assert "--param:train.num_epochs: is set by the platform (epochs)" in text
    assert "--param:dataset.root: is set by --data" in text
    assert "--param:results_dir: is set by the job" in text


def test_a_default_outside_its_range_and_a_disabled_parameter_are_told(tmp_path: Path) -> None:
    made = plan(tmp_path, params=("train.lr=0.1:0.5", "train.frozen=1:5"), allow_disabled=("train.frozen",))
    assert "train.lr: the default 0.001 lies outside its range" in made.warnings
    assert "train.frozen is searched although the schema disables it" in made.warnings


def test_a_metric_that_the_model_does_not_rank_by_needs_a_direction(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--metric:AP12: toy ranks by score and .*which way AP12 is better"):
        plan(tmp_path, metric="AP12")


def test_a_model_without_metric_needs_flags(tmp_path: Path) -> None:
    info = {key: value for key, value in toy_info().items() if key != "metric"}
    with pytest.raises(UsageError, match="--metric and --direction: toy does not say what to rank by"):
        plan(tmp_path, skill={"info": info})
    with pytest.raises(UsageError, match="--direction: toy does not say"):
        plan(tmp_path, metric="loss")
    assert plan(tmp_path, metric="loss", direction="minimize").metric == Metric("loss", Direction.MINIMIZE)
    assert plan(tmp_path, policy="off").metric is None


@pytest.mark.parametrize(
    ("flags", "trials"),
    [
        ({}, 20),
        ({"trials": 7, "budget_epochs": 90}, 7),
        ({"budget_epochs": 90}, 20),
        ({"budget_epochs": 9}, 2),
        ({"time_budget_s": 60.0}, 1000),
    ],
)
def test_the_number_of_trials_follows_the_budget(tmp_path: Path, flags: dict[str, Any], trials: int) -> None:
    assert plan(tmp_path, **flags).budget.trials == trials


FLIP = Parameter("flip", ParameterKind.BOOL, choices=(True, False), default=True)
WIDE = SearchSpace(tuple(Parameter(f"x{n}", ParameterKind.FLOAT, 0.0, 1.0, default=0.5) for n in range(70)))


@pytest.mark.parametrize(
    ("budget", "space", "concurrent", "name", "reason"),
    [
        (Budget(20, 27), None, 1, "auto", "who goes on after epoch 3, 9"),
        (Budget(20, 4), None, 1, "bayesian", "20 trials of 4 epochs leave nothing to stop early"),
        (Budget(3, 30), None, 1, "bayesian", "3 trials of 30 epochs leave nothing to stop early"),
        (Budget(20, 27), SearchSpace((FLIP,)), 1, "grid", "enough for all 2 combinations"),
        (Budget(20, 27), WIDE, 1, "asha", "70 parameters are too many to model"),
        (Budget(500, 27), None, 64, "asha", "with 64 trials at once"),
    ],
)
def test_auto_fits_budget_space_and_parallelism_and_says_why(
    budget: Budget, space: SearchSpace | None, concurrent: int, name: str, reason: str
) -> None:
    chosen = sizing.choose_algorithm("auto", budget, space=space, concurrent=concurrent)
    assert chosen.name == name
    assert reason in chosen.reason


def test_what_was_asked_for_is_taken() -> None:
    assert sizing.choose_algorithm("random", Budget(3, 30)).reason == "asked for"
    assert sizing.choose_algorithm("bohb", Budget(3, 30)).stops_early
    assert not sizing.choose_algorithm("bfbo", Budget(3, 30)).stops_early


def test_algorithms_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no algorithm 'bayes'"):
        plan(tmp_path, algorithm="bayes")
    with pytest.raises(UsageError, match=r"there is no algorithm 'x'\n.*available: auto, .*hybrid, .*llm"):
        plan(tmp_path, algorithm="x")


def test_objectives_and_earlier_studies_belong_to_the_plan(tmp_path: Path) -> None:
    made = plan(tmp_path, objectives=("score:minimize", "size:minimize"), constraints=("size<=4",))
    limit = Constraint("size", is_upper=True, bound=4.0)
    assert made.metric == Metric("score", Direction.MINIMIZE, (limit,))
    assert [objective["name"] for objective in made.to_json()["objectives"]] == ["score", "size"]
    with pytest.raises(UsageError, match="there is no study 's1'"):
        plan(tmp_path, warm_start="s1")


def shape(machine: Machine, spec_gpus: int = 1, **flags: Any) -> tuple[float, float, int]:
    sized = sizing.size_resources(RunRequest(**flags), machine, trials=20, spec_gpus=spec_gpus)
    return sized.gpus_per_trial, sized.cpus_per_trial, sized.max_concurrent


def test_trials_are_shaped_by_the_machine() -> None:
    eight = Machine(64, (80.0,) * 8)
    assert shape(Machine(2)) == (0.0, 1.0, 2)
    assert shape(Machine(8), cpus_per_trial=4.0) == (0.0, 4.0, 2)
    assert shape(eight) == (1.0, 8.0, 8)
    assert shape(eight, spec_gpus=4) == (4.0, 32.0, 2)
    assert shape(eight, gpus_per_trial=0.5) == (0.5, 4.0, 16)
    assert shape(eight, max_concurrent=3) == (1.0, 21.0, 3)
    assert shape(Machine(2), spec_gpus=2, ray_address="auto") == (2.0, 1.0, 20)


def test_a_trial_that_never_fits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnusableError, match="a trial asks for 2 GPUs, this machine has 0"):
        plan(tmp_path, gpus_per_trial=2.0)
    made = plan(tmp_path, gpus_per_trial=2.0, ray_address="auto")
    assert made.spec["train"]["num_gpus"] == 2


def test_small_gpus_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automl.planning.planner.look_at_machine", lambda: Machine(8, (16.0, 16.0)))
    assert plan(tmp_path).warnings == ("the model asks for 24 GB a GPU; the smallest here has 16 GB",)


def test_cores_are_those_that_affinity_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert look_at_machine().cpus == 1
    finally:
        os.sched_setaffinity(0, before)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # read where the quota of a container is
    assert look_at_machine().cpus == 1


def test_gpus_are_counted_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '81920\\n81920\\n24576\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert look_at_machine().gpu_memory_gb == (80.0, 80.0, 24.0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    assert look_at_machine().gpu_memory_gb == (80.0, 24.0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert look_at_machine().gpus == 0


CHECK = """
fault = {"message": f"lr is {spec['train']['lr']}", "where": "train.lr", "hint": "less"}
path = {"message": "gone", "where": "/d/000001.png", "hint": ""}
code = {0.5: 2, 0.6: 3, 0.7: 1}.get(spec["train"]["lr"], 0)
print(json.dumps({"errors": [fault, path] if code else [], "warnings": [fault]}))
sys.exit(code)
"""


def test_the_model_looks_at_the_resolved_spec(tmp_path: Path) -> None:
    asked = request(tmp_path, skill={"check": CHECK})
    template = tmp_path / "toy" / "references" / "spec_template_train.yaml"
    assert f"{template}:train.lr: lr is 0.001\n  -> less" in make_plan(asked).warnings
    with pytest.raises(SpecError, match=r"--set:train\.lr: lr is 0\.5\n  -> less\n/d/000001\.png: gone"):
        plan(tmp_path, overrides=("train.lr=0.5",))
    with pytest.raises(DataError, match=r"/d/000001\.png: gone"):
        plan(tmp_path, overrides=("train.lr=0.6",))
    with pytest.raises(EnvironmentUnusableError, match="the model's check ended with exit code 1"):
        plan(tmp_path, overrides=("train.lr=0.7",))


def test_a_check_that_cannot_run_or_says_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnusableError, match="exit code 0\n  -> just text"):
        plan(tmp_path, skill={"check": "print('just text')"})
    (tmp_path / "toy" / "check.py").write_text('print(\'{"limits": [{"formula": "x"}]}\')')
    with pytest.raises(
        EnvironmentUnusableError, match="something that is not understood: KeyError\\('at_most'\\)"
    ):
        plan(tmp_path)
    card = tmp_path / "toy" / "references" / "skill_info.yaml"
    info = yaml.safe_load(card.read_text())
    info["actions"]["train"]["preflight"] = "no-such-program {config_path}"
    card.write_text(yaml.safe_dump(info))
    with pytest.raises(EnvironmentUnusableError, match="no-such-program cannot be run: No such file"):
        plan(tmp_path)


LIMITED = """
limit = {"formula": "train.batch * train.num_gpus", "at_most": 6, "reason": "an epoch has 6 frames"}
print(json.dumps({"limits": [limit]}))
"""


def test_what_no_trial_can_train_with_is_never_suggested(tmp_path: Path) -> None:
    made = plan(tmp_path, skill={"check": LIMITED}, params=("train.batch=2,4,8",))
    assert made.space["train.batch"].choices == (2, 4)
    assert "train.batch is narrowed to 2, 4, since an epoch has 6 frames" in made.warnings
    with pytest.raises(
        SpaceError, match=r"no value of it keeps train\.batch \* train\.num_gpus to at most 6"
    ):
        plan(tmp_path, params=("train.batch=7,8",))


def test_a_trial_beyond_a_limit_is_refused_before_any_launch(tmp_path: Path) -> None:
    made = plan(tmp_path, skill={"check": LIMITED})
    assert made.trial_spec({"train.batch": 6})["train"]["batch"] == 6
    with pytest.raises(SpecError) as caught:
        made.trial_spec({"train.batch": 7})
    assert str(caught.value) == (
        "trial parameters:train.batch: train.batch * train.num_gpus is 7, at most 6\n"
        "  -> an epoch has 6 frames"
    )


PICKY = """
test = spec["dataset"]["test"]
no_labels = [{"message": "it has no labels", "where": "dataset.test"}] if test.endswith("test.pkl") else []
print(json.dumps({"errors": no_labels, "unusable": no_labels}))
"""
REFUSING = f"{PICKY}sys.exit(3 if no_labels else 0)"


@pytest.mark.parametrize("check", [PICKY, REFUSING])
def test_a_file_that_the_model_cannot_use_is_replaced_by_the_fallback_and_told(
    tmp_path: Path, check: str
) -> None:
    made = plan(tmp_path, skill={"check": check})
    spare = str(tmp_path / "data" / "train.pkl")
    assert made.spec["dataset"]["test"] == made.data_sources["dataset.test"] == spare
    assert made.warnings[0] == (
        "dataset.test: it has no labels; with train.pkl instead, winner and figures come from the same frames"
    )


def test_a_file_that_the_user_names_is_never_replaced(tmp_path: Path) -> None:
    made = plan(tmp_path, skill={"check": PICKY}, overrides=("dataset.test=/mine/test.pkl",))
    assert made.spec["dataset"]["test"] == "/mine/test.pkl"
    assert made.warnings[0] == "--set:dataset.test: it has no labels"
    (tmp_path / "toy" / "check.py").write_text((tmp_path / "toy" / "check.py").read_text() + "sys.exit(3)")
    with pytest.raises(DataError, match=r"--set:dataset\.test: it has no labels"):
        plan(tmp_path, overrides=("dataset.test=/mine/test.pkl",))


def test_the_forecast_learns_from_earlier_trials_of_the_same_model(tmp_path: Path) -> None:
    assert plan(tmp_path, time_budget_s=60.0).forecast.wall_s == 60.0
    model = plan(tmp_path).spec["model"]
    for name, spec in (("0", {"model": model}), ("1", {"model": "another"})):
        trial = tmp_path / "results" / "s1" / "trials" / name
        (trial / "checkpoints").mkdir(parents=True)
        (trial / "spec.yaml").write_text(yaml.safe_dump(spec))
        (trial / "status.json").write_text('{"status": "STARTED"}\n{"epoch": 5}\n{"epo')
        (trial / "checkpoints" / "epoch_5.pth").write_bytes(b"x" * 3_000_000)
        started = time.time() - 100
        os.utime(trial / "spec.yaml", (started, started))
        os.utime(trial / "status.json", (started + 20, started + 20))
    forecast = plan(tmp_path).forecast
    assert forecast.wall_s == pytest.approx(20 * 9 * 0.5 / 2 * 4.0, rel=1e-3)
    assert forecast.disk_bytes == 20 * 4_000_000
    narrow = plan(tmp_path, disk_quota_bytes=50_000_000)
    assert narrow.warnings[-1].startswith("the study may take 0.1 GB, --disk-quota allows 0.1 GB: it would")


@pytest.mark.parametrize(
    ("quota", "free", "said"),
    [
        (None, 9_000_000_000, []),
        (8_000_000_000, 9_000_000_000, []),
        (None, 2_000_000_000, ["the study may take 5.0 GB, the disk has 2.0 GB"]),
        (3_000_000_000, 9_000_000_000, ["the study may take 5.0 GB, --disk-quota allows 3.0 GB"]),
        (3_000_000_000, 2_000_000_000, ["the study may take 5.0 GB, the disk has 2.0 GB"]),
    ],
)
def test_a_study_that_will_not_fit_is_told_with_the_narrowest_limit(
    quota: int | None, free: int, said: list[str]
) -> None:
    told = disk_warnings(Forecast(disk_bytes=5_000_000_000), quota, free)
    assert [text.partition(":")[0] for text in told] == said
    assert list(disk_warnings(Forecast(), quota, 0)) == []


def test_the_space_alone_needs_neither_data_nor_policy(tmp_path: Path) -> None:
    space = resolve_space(request(tmp_path, data=None, policy="off", overrides=("train.lr=0.3",)))
    assert space["train.lr"].default == 0.3


@pytest.mark.parametrize(
    ("flags", "seeds", "finalists"),
    [
        ({}, 0, 0),
        ({"seeds": 2}, 2, 3),
        ({"confirm_top": 1}, 3, 1),
        ({"seeds": 5, "confirm_top": 4, "trials": 3}, 5, 2),
    ],
)
def test_finals_are_asked_for_by_seeds_or_by_finalists(
    tmp_path: Path, flags: dict[str, int], seeds: int, finalists: int
) -> None:
    budget = plan(tmp_path, **flags).budget
    assert (budget.seeds, budget.finalists) == (seeds, finalists)


def test_seeds_are_refused_where_no_key_holds_them(tmp_path: Path) -> None:
    info = toy_info()
    info["actions"]["train"]["spec_keys"]["seed"] = ""
    with pytest.raises(UsageError, match=r"--seeds: .* which key holds the seed .*\n.*spec_keys.seed"):
        plan(tmp_path, skill={"info": info}, seeds=2)


def test_finals_that_get_less_than_they_need_are_told(tmp_path: Path) -> None:
    warnings = plan(tmp_path, seeds=3, confirm_top=1, budget_epochs=100).warnings
    assert "3 seeds of 1 finalists and the default are 54 epochs; they get 50 of 100" in " ".join(warnings)
