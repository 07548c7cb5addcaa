import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml

from automl.ports import Launch, TrialFailedError, TrialJob
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import Cause, Report, TrialId

Prepare = Callable[..., TrialFolder]


def reports_of(job: TrialJob) -> list[Report]:
    return list(iter(job.next_report, None))


def test_job_relays_every_epoch(recipe: TrainerRecipe, prepare: Prepare) -> None:
    reports = reports_of(recipe(Launch(TrialId("0"), prepare(num_epochs=3).root)))
    assert [(r.epoch, r.max_epoch, r.value) for r in reports] == [(1, 3, 30.0), (2, 3, 60.0), (3, 3, 90.0)]


def test_recipe_survives_the_way_to_a_worker(recipe: TrainerRecipe, prepare: Prepare) -> None:
    travelled: TrainerRecipe = pickle.loads(pickle.dumps(recipe))  # noqa: S301 - our own bytes
    assert len(reports_of(travelled(Launch(TrialId("0"), prepare(num_epochs=1).root)))) == 1


def test_console_goes_to_the_log_with_the_threads_of_the_trial(
    recipe: TrainerRecipe, prepare: Prepare
) -> None:
    folder = prepare(num_epochs=1)
    reports_of(replace(recipe, cpus=3.0)(Launch(TrialId("0"), folder.root)))
    assert folder.log.read_text() == "OMP_NUM_THREADS=3 seed=1\n"


@pytest.mark.parametrize(
    ("fail", "cause", "evidence"),
    [
        ("bad_spec", Cause.BAD_SPEC, "exit code 2\nbad_spec"),
        ("bad_data", Cause.BAD_DATA, "exit code 3\nbad_data"),
        ("out_of_memory", Cause.OUT_OF_MEMORY, "exit code 4\nout_of_memory"),
        ("diverged", Cause.DIVERGED, "exit code 5\ndiverged"),
        ("defect", Cause.DEFECT, "exit code 1\ndefect"),
        ("tao_oom", Cause.OUT_OF_MEMORY, "exit code 1\nCUDA out of memory"),
    ],
)
def test_bad_end_carries_cause_and_evidence(
    recipe: TrainerRecipe, prepare: Prepare, fail: str, cause: Cause, evidence: str
) -> None:
    job = recipe(Launch(TrialId("0"), prepare(fail=fail, fail_epoch=2).root))
    first = job.next_report()
    assert first is not None
    with pytest.raises(TrialFailedError) as caught:
        job.next_report()
    assert (first.epoch, caught.value.cause) == (1, cause)
    assert caught.value.evidence.startswith(evidence)


def test_failure_survives_pickling() -> None:
    error: TrialFailedError = pickle.loads(pickle.dumps(TrialFailedError(Cause.DIVERGED, "loss is nan")))  # noqa: S301
    assert (error.cause, error.evidence, str(error)) == (
        Cause.DIVERGED,
        "loss is nan",
        "diverged: loss is nan",
    )


def test_unreadable_status_fails_the_trial_and_shows_the_line(
    recipe: TrainerRecipe, prepare: Prepare
) -> None:
    folder = prepare(num_epochs=50, epoch_s=0.1)
    job = recipe(Launch(TrialId("0"), folder.root))
    with folder.status.open("a") as stream:
        stream.write("{broken\n")
    with pytest.raises(TrialFailedError, match=r"not JSON .* in the line '\{broken'"):
        reports_of(job)


def test_stop_request_ends_the_job_without_failure(recipe: TrainerRecipe, prepare: Prepare) -> None:
    folder = prepare(num_epochs=500, epoch_s=0.05)
    job = recipe(Launch(TrialId("0"), folder.root))
    assert job.next_report() is not None
    folder.stop_request.touch()
    assert job.next_report() is None


def go_on(recipe: TrainerRecipe, folder: TrialFolder, epochs: int) -> list[Report]:
    return reports_of(
        replace(recipe, resume_keys=("train.resume",))(Launch(TrialId("0"), folder.root, epochs))
    )


def test_later_launch_goes_on_from_the_newest_checkpoint(recipe: TrainerRecipe, prepare: Prepare) -> None:
    folder = prepare(num_epochs=4, resume="", fail="defect", fail_epoch=3)
    with pytest.raises(TrialFailedError):
        reports_of(recipe(Launch(TrialId("0"), folder.root)))
    before = folder.spec.read_bytes()
    assert [report.epoch for report in go_on(recipe, folder, 2)] == [3, 4]
    assert yaml.safe_load(folder.resume_spec.read_text())["train"]["resume"].endswith("epoch_2.pth")
    assert folder.spec.read_bytes() == before


def test_epochs_that_nobody_heard_of_are_told_first(recipe: TrainerRecipe, prepare: Prepare) -> None:
    folder = prepare(num_epochs=4, resume="", fail="defect", fail_epoch=4)
    with pytest.raises(TrialFailedError):
        reports_of(recipe(Launch(TrialId("0"), folder.root)))
    with folder.status.open("a") as stream:
        stream.write('{"status": "RUNNING", "epoch": 4, "kp')
    assert [(r.epoch, r.value) for r in go_on(recipe, folder, 1)] == [(2, 45.0), (3, 67.5), (4, 90.0)]


def test_checkpoint_beyond_the_last_reported_epoch_is_not_used(
    recipe: TrainerRecipe, prepare: Prepare
) -> None:
    folder = prepare(num_epochs=3, resume="")
    folder.checkpoints.mkdir()
    (folder.checkpoints / "epoch_2.pth").write_text('{"epoch": 2}')
    assert [report.epoch for report in go_on(recipe, folder, 0)] == [1, 2, 3]


def test_trainer_that_cannot_resume_starts_anew(recipe: TrainerRecipe, prepare: Prepare) -> None:
    folder = prepare(num_epochs=2)
    reports_of(recipe(Launch(TrialId("0"), folder.root)))
    assert [report.epoch for report in go_on(recipe, folder, 2)] == [1, 2]


def test_checkpoint_that_cannot_be_gone_on_from_gives_way_to_an_older_one(
    recipe: TrainerRecipe, prepare: Prepare
) -> None:
    folder = prepare(num_epochs=4, resume="", fail="defect", fail_epoch=4)
    with pytest.raises(TrialFailedError):
        reports_of(recipe(Launch(TrialId("0"), folder.root)))
    (folder.checkpoints / "epoch_3.pth").write_text('{"epo')
    with pytest.raises(TrialFailedError, match=r"cannot go on from epoch_3\.pth, an older one") as caught:
        go_on(recipe, folder, 3)
    assert caught.value.cause is Cause.INFRASTRUCTURE
    assert [report.epoch for report in go_on(recipe, folder, 3)] == [3, 4]
    assert (folder.checkpoints / "epoch_3.pth.unusable").exists()


def test_trainer_that_dies_on_a_full_disk_keeps_its_checkpoint(
    recipe: TrainerRecipe, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare(num_epochs=4, resume="", fail="defect", fail_epoch=3)
    with pytest.raises(TrialFailedError):
        reports_of(recipe(Launch(TrialId("0"), folder.root)))
    spec = yaml.safe_load(folder.spec.read_text())
    folder.write_spec({**spec, "train": {**spec["train"], "lr": 0.0}})
    monkeypatch.setattr("automl.trials.run_trial._FULL_DISK_BYTES", 10**18)
    with pytest.raises(TrialFailedError, match="the disk is full") as caught:
        go_on(recipe, folder, 2)
    assert caught.value.cause is Cause.INFRASTRUCTURE
    assert [checkpoint.epoch for checkpoint in folder.list_checkpoints()] == [1, 2]


def test_evidence_of_an_endless_log_is_its_end(recipe: TrainerRecipe, prepare: Prepare) -> None:
    folder = prepare()
    folder.log.write_text("\n".join(f"line {number}" for number in range(50_000)))
    assert folder.read_log_tail(1000).splitlines()[-1] == "line 49999"
    assert folder.read_log_tail(1000).startswith("line ")
    assert len(folder.read_log_tail(1000)) <= 1000
