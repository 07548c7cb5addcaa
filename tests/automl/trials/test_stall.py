from collections.abc import Callable

import pytest

from automl.ports import Launch, TrialFailedError
from automl.trials.folder import TrialFolder
from automl.trials.leftovers import find_leftovers
from automl.trials.run_trial import TrainerRecipe
from automl.trials.stall import Stage, StallWatch
from automl.trials.status_reader import StatusLine
from automl.types import Cause, Patience, TrialId

STARTED, EPOCH = StatusLine("STARTED"), StatusLine("RUNNING", epoch=3)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("automl.trials.stall.time.monotonic", lambda: now[0])
    return now


def tell(stage: str) -> StatusLine:
    return StatusLine("RUNNING", stage)


PATIENCE = Patience(
    start_s=10.0, first_epoch_s=20.0, epoch_s=30.0, rendezvous_s=40.0, first_step_s=50.0, checkpoint_s=60.0
)


@pytest.mark.parametrize(
    ("lines", "limit_s", "reason"),
    [
        ([], 10.0, "starting: no status line within 10 s of its start"),
        ([tell("rendezvous")], 40.0, "rendezvous: no status line for 40 s before its first epoch"),
        ([STARTED], 20.0, "first epoch: no status line for 20 s before its first epoch"),
        ([STARTED, tell("first step")], 50.0, "first step: no status line for 50 s before its first epoch"),
        ([tell("training")], 20.0, "training: no status line for 20 s before its first epoch"),
        ([STARTED, EPOCH], 30.0, "training: no status line for 30 s after epoch 3"),
        ([EPOCH, STARTED], 30.0, "training: no status line for 30 s after epoch 3"),
        ([EPOCH, tell("evaluating")], 30.0, "evaluating: no status line for 30 s after epoch 3"),
        ([EPOCH, tell("checkpointing")], 60.0, "checkpointing: no status line for 60 s after epoch 3"),
        ([tell("checkpointing"), EPOCH], 30.0, "training: no status line for 30 s after epoch 3"),
    ],
)
def test_each_stage_has_its_deadline_and_names_what_is_overdue(
    clock: list[float], lines: list[StatusLine], limit_s: float, reason: str
) -> None:
    watch = StallWatch(PATIENCE)
    for line in lines:
        watch.hear(line)
    clock[0] = limit_s - 0.1
    assert watch.find() is None
    clock[0] = limit_s
    assert watch.find() == reason


def test_every_line_is_a_sign_of_life(clock: list[float]) -> None:
    watch = StallWatch(Patience(10.0, 20.0, 30.0))
    for clock[0] in (9.0, 28.0, 47.0):
        assert watch.find() is None
        watch.hear(STARTED)


def test_training_begins_once_and_then_goes_round() -> None:
    loop = {Stage.TRAINING, Stage.EVALUATING, Stage.CHECKPOINTING}
    moves = {(a, b) for a in Stage for b in Stage if a.may_become(b)}
    assert len(moves) == 6 + 5 + 4 + 3 + 3 * 3
    assert {b for a, b in moves if a in loop} == loop
    assert {a for a, b in moves if b is Stage.RENDEZVOUS} == {Stage.STARTING}
    assert Stage.STARTING not in {b for _, b in moves}


def test_trainer_that_never_reports_is_stopped_and_named(
    recipe: TrainerRecipe, prepare: Callable[..., TrialFolder]
) -> None:
    folder = prepare(num_epochs=3, epoch_s=60)
    job = recipe(Launch(TrialId("0"), folder.root, patience=Patience(30.0, 0.3, 30.0)))
    with pytest.raises(
        TrialFailedError, match=r"first epoch: no status line for 0\.3 s before its first"
    ) as caught:
        job.next_report()
    assert (caught.value.cause, find_leftovers(folder)) == (Cause.TIMEOUT, [])
