"""Limits: read from flags, judged by what epochs and the probe measure; what breaks one never wins."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_ports import ScriptedJob
from scripted_study import ScriptedStudy

from automl.errors import UsageError
from automl.planning.goals import parse_constraints
from automl.ports import Launch, TrialFailedError
from automl.request import RunRequest
from automl.study.state import read_state
from automl.trials.folder import TrialFolder
from automl.trials.probing import ProbedRecipe
from automl.trials.run_trial import TrainerRecipe
from automl.types import Cause, Constraint, Direction, Metric, Report, TrialId

FAST = Constraint("latency_ms", is_upper=True, bound=50.0)
AP = Metric("AP11", Direction.MAXIMIZE, (FAST,))


def test_limits_are_read_from_their_flags() -> None:
    request = RunRequest(constraints=("latency_ms<=50", " recall >= 5e-1 "))
    assert parse_constraints(request) == (FAST, Constraint("recall", is_upper=False, bound=0.5))


def test_texts_that_are_no_limits_are_told_all_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse_constraints(RunRequest(constraints=("latency_ms<50", "x<=nan", "y<=1", "<=3")))
    assert [fault.message for fault in caught.value.faults] == [
        "'latency_ms<50' is not a limit", "'x<=nan' is not a limit", "'<=3' is not a limit",
    ]  # fmt: skip


def report(epoch: int, value: float | None, **kpi: float) -> Report:
    return Report(epoch, 9, value, kpi)


def test_epoch_that_breaks_a_limit_stands_for_nothing() -> None:
    reports = [report(1, 30.0, latency_ms=40), report(2, 60.0, latency_ms=51), report(3, 50.0, latency_ms=50)]
    best = AP.standing(reports)
    assert best is not None
    assert best.epoch == 3


def test_measure_from_before_the_training_holds_for_all_epochs() -> None:
    assert AP.standing([report(0, None, latency_ms=50), report(1, 30.0)]) == report(1, 30.0)
    assert AP.standing([report(0, None, latency_ms=51), report(1, 30.0)]) is None
    assert AP.find_broken({}) == ["latency_ms <= 50 is asked for, not measured"]
    assert AP.find_broken({}, known_only=True) == []


class MeasuredJob(ScriptedJob):
    """Reports a latency before the first epoch: ten times the first value of its curve."""

    def __init__(self, launch: Launch) -> None:
        super().__init__(launch)
        self.is_probed = launch.epochs > 0

    def next_report(self) -> Report | None:
        if not self.is_probed:
            self.is_probed = True
            return Report(0, 0, None, {"latency_ms": 10 * self.curve[0]})
        return super().next_report()


class LimitedStudy(ScriptedStudy):
    """Trials may take 50 ms."""

    def __init__(self, tmp_path: Path, job: Callable[[Launch], Any], *curves: Any) -> None:
        super().__init__(tmp_path, *curves)
        from dataclasses import replace

        sheet = replace(self.plan.sheet, metric=AP)
        self.folder.write_sheet(sheet, {})
        self.plan = replace(self.plan, sheet=sheet, make_job=job)


def test_configuration_that_breaks_a_limit_is_not_trained_and_does_not_win(tmp_path: Path) -> None:
    study = LimitedStudy(tmp_path, MeasuredJob, [1.0, 2.0], [6.0, 90.0], [5.0, 8.0])
    state = study.run()
    assert state.incumbent is not None
    assert (state.incumbent.id, state.epochs_total) == ("2", 4)
    broken = state.records[TrialId("1")]
    assert (broken.state, broken.cause, broken.epochs) == ("failed", "infeasible", 0)
    assert broken.evidence == "latency_ms <= 50 is asked for, 60 was measured"
    assert [r.epoch for _, r in study.ports.strategy.observed] == [1, 2, 1, 2]  # type: ignore[attr-defined]
    assert read_state(study.folder.events, study.folder.read_sheet().metric) == state


def test_limit_that_nothing_measures_is_kept_by_nobody(tmp_path: Path) -> None:
    state = LimitedStudy(tmp_path, ScriptedJob, [1.0], [6.0]).run()
    record = state.records[TrialId("0")]
    assert (state.incumbent, record.cause) == (None, Cause.INFEASIBLE)
    assert record.evidence == "latency_ms <= 50 is asked for, not measured"


def probed(recipe: TrainerRecipe, body: str) -> ProbedRecipe:
    return ProbedRecipe(recipe, ("python", "-c", f"import sys; spec = sys.argv[1]; {body}", "{config_path}"))


def test_probe_reports_before_the_trainer_starts(
    recipe: TrainerRecipe, prepare: Callable[..., TrialFolder]
) -> None:
    folder = prepare()
    measures = json.dumps({"latency_ms": 12.5, "ok": True, "name": "x"})
    job = probed(recipe, f"print('hello'); print({measures!r})")(Launch(TrialId("0"), folder.root))
    assert job.next_report() == Report(0, 0, None, {"latency_ms": 12.5})
    assert not folder.status.exists()
    reports = list(iter(job.next_report, None))
    job.stop()
    assert [r.epoch for r in reports] == [1, 2, 3]


def test_trial_that_is_stopped_after_the_probe_never_trains(
    recipe: TrainerRecipe, prepare: Callable[..., TrialFolder]
) -> None:
    folder = prepare()
    job = probed(recipe, "print('{}')")(Launch(TrialId("0"), folder.root))
    job.next_report()
    folder.stop_request.touch()
    assert job.next_report() is None
    job.stop()
    assert not folder.status.exists()


@pytest.mark.parametrize(
    ("body", "cause", "evidence"),
    [
        ("sys.exit(4)", Cause.OUT_OF_MEMORY, "the probe ended with exit code 4"),
        ("print('bad spec'); sys.exit(2)", Cause.BAD_SPEC, "bad spec"),
        ("print('none')", Cause.DEFECT, "the probe's last line is no JSON object: 'none'"),
    ],
)
def test_probe_that_ends_badly_ends_the_trial_so(
    recipe: TrainerRecipe, prepare: Callable[..., TrialFolder], body: str, cause: Cause, evidence: str
) -> None:
    job = probed(recipe, body)(Launch(TrialId("0"), prepare().root))
    with pytest.raises(TrialFailedError) as caught:
        job.next_report()
    job.stop()
    assert (caught.value.cause, evidence in caught.value.evidence) == (cause, True)


def test_trial_that_goes_on_is_not_probed_again(
    recipe: TrainerRecipe, prepare: Callable[..., TrialFolder]
) -> None:
    folder = prepare()
    folder.status.touch()
    job = probed(recipe, "sys.exit(1)")(Launch(TrialId("0"), folder.root))
    first = job.next_report()
    job.stop()
    assert first is not None
    assert first.epoch == 1
