from pathlib import Path

from automl.study.keeping import CheckpointKeeper
from automl.study.store import StudyFolder
from automl.types import Metric, Report, TrialId, TrialRecord


def test_checkpoint_that_was_reported_stays_until_the_next_one_is(tmp_path: Path, metric: Metric) -> None:
    """The trainer is one epoch ahead: killed now, it could only go on from what was reported."""
    folder = StudyFolder(tmp_path)
    trial = folder.trial(TrialId("0"))
    trial.checkpoints.mkdir(parents=True)
    for epoch in (1, 2, 3, 4):
        (trial.checkpoints / f"epoch_{epoch}.pth").write_text("weights")
    reports = tuple(Report(epoch, 9, 9.0 - epoch) for epoch in (1, 2, 3))
    keeper = CheckpointKeeper(folder, metric)
    keeper.after_report(TrialRecord(TrialId("0"), {}, reports=reports, value=8.0, best_epoch=1))
    assert [checkpoint.epoch for checkpoint in trial.list_checkpoints()] == [1, 3, 4]
