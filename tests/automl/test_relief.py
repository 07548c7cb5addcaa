"""A trial that runs out of memory is tried once more with half the batch, and says so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from scripted_study import ScriptedStudy
from skills import toy_info, write_data, write_skill

from automl.app.recipe import halve_batch, make_trial_spec
from automl.planning import Plan, RunRequest, make_plan
from automl.study.events import TrialQueued, read_events
from automl.study.state import read_state
from automl.trials.folder import TrialFolder
from automl.types import Cause, Report, TrialId, TrialRecord

ONE = TrialId("1")
HALVED = {"batch": 2, "steps": 2}


class Thrifty(ScriptedStudy):
    """Its specs take the keys that are changed."""

    def make_spec(self, record: TrialRecord, folder: TrialFolder) -> Any:
        return {**super().make_spec(record, folder), "batch": 4, "steps": 1, **record.changes}


def test_out_of_memory_is_retried_with_what_is_changed_and_recorded(tmp_path: Path) -> None:
    study = Thrifty(tmp_path, [10.0], ["once out_of_memory", 50.0])
    study.plan = replace(study.plan, relieve=lambda _: HALVED)
    state = study.run()
    record = state.records[ONE]
    assert (record.state, record.value, record.failures) == ("succeeded", 50.0, (Cause.OUT_OF_MEMORY,))
    assert record.changes == HALVED
    spec = yaml.safe_load(study.folder.trial(ONE).spec.read_text())
    assert (spec["batch"], spec["steps"]) == (2, 2)
    queued = [event for _, event in read_events(study.folder.events) if isinstance(event, TrialQueued)]
    assert [event.reason for event in queued] == ["tried again with batch=2, steps=2 after out_of_memory"]
    assert read_state(study.folder.events, study.metric) == state


@pytest.mark.parametrize(("relief", "failures"), [(HALVED, 1), (None, 0)])
def test_configuration_that_does_not_fit_is_a_bad_point(
    tmp_path: Path, relief: dict[str, int] | None, failures: int
) -> None:
    study = Thrifty(tmp_path, [10.0], ["out_of_memory"])
    study.plan = replace(study.plan, relieve=lambda _: relief)
    record = study.run().records[ONE]
    assert (record.state, record.cause, len(record.failures)) == ("failed", "out_of_memory", failures)
    assert [r.id for r in study.ports.strategy.told] == ["0", "1"]  # type: ignore[attr-defined]


def toy_plan(tmp_path: Path, *, batch: int = 8, steps: int = 1, **roles: str) -> Plan:
    info = toy_info()
    keys = {"batch_size": "train.batch", "accumulation": "train.frozen", **roles}
    info["actions"]["train"]["spec_keys"] |= keys
    return make_plan(
        RunRequest(
            skill_dir=write_skill(tmp_path / "toy", info=info, searched=["train.batch", "train.lr"]),
            data=str(write_data(tmp_path / "data")),
            results_dir=tmp_path / "results",
            params=("train.batch=1:16",),
            overrides=(f"train.batch={batch}", f"train.frozen={steps}"),
        )
    )


@pytest.mark.parametrize(
    ("batch", "steps", "halved"),
    [
        (8, 1, {"train.batch": 4, "train.frozen": 2}),
        (5, 2, {"train.batch": 2, "train.frozen": 5}),
        (1, 1, None),
    ],
)
def test_half_the_batch_takes_twice_the_steps(
    tmp_path: Path, batch: int, steps: int, halved: dict[str, int] | None
) -> None:
    plan = toy_plan(tmp_path, batch=batch, steps=steps)
    assert halve_batch(plan, TrialRecord(ONE, {})) == halved


def test_searched_batch_is_the_one_that_is_halved(tmp_path: Path) -> None:
    plan = toy_plan(tmp_path)
    assert "train.batch" in plan.space
    record = TrialRecord(ONE, {"train.batch": 6, "train.lr": 0.1})
    changes = halve_batch(plan, record)
    assert changes == {"train.batch": 3, "train.frozen": 2}
    spec = make_trial_spec(plan, replace(record, changes=changes), TrialFolder(tmp_path))
    assert (spec["train"]["batch"], spec["train"]["frozen"]) == (3, 2)


def test_nothing_is_halved_without_keys_or_after_a_whole_epoch(tmp_path: Path) -> None:
    began = TrialRecord(ONE, {}, reports=(Report(1, 9, 1.0),))
    assert halve_batch(toy_plan(tmp_path), began) is None
    assert halve_batch(toy_plan(tmp_path / "other", accumulation=""), TrialRecord(ONE, {})) is None
