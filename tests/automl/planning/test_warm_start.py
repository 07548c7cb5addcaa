"""The earlier study of --warm-start: found, read, and what of it is of no use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from automl.adapters.mlflow_sink import send_study
from automl.errors import UsageError
from automl.planning.warm_start import WarmStart, read_past
from automl.request import RunRequest
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.study.events import (
    EpochReported,
    Event,
    EventLog,
    StudyEnded,
    TrialEnded,
    TrialStarted,
    TrialSuggested,
)
from automl.study.store import StudyFolder
from automl.tracking import TrackingStore, local_tracking_uri
from automl.types import (
    Budget,
    Cause,
    Direction,
    Metric,
    Origin,
    Report,
    Role,
    StudySheet,
    TrialId,
    TrialState,
)

AP, LOSS = Metric("AP11", Direction.MAXIMIZE), Metric("loss", Direction.MINIMIZE)
SPACE = SearchSpace(
    (
        Parameter("train.lr", ParameterKind.FLOAT, 1e-4, 1e-1, default=1e-3),
        Parameter("train.clip", ParameterKind.FLOAT, 0.0, 1.0, default=0.1),
    )
)


def trial(
    name: str,
    lr: float,
    *values: float,
    state: TrialState = TrialState.SUCCEEDED,
    cause: Cause = Cause.NONE,
    **more: Any,
) -> Iterator[Event]:
    yield TrialSuggested(TrialId(name), {"train.lr": lr, "model.width": 3}, **more)
    yield TrialStarted(TrialId(name))
    for epoch, value in enumerate(values, 1):
        yield EpochReported(TrialId(name), Report(epoch, 2, value, {"AP11": value, "loss": 100 - value}))
    yield TrialEnded(TrialId(name), state, cause)


def write_earlier(place: Path) -> StudyFolder:
    folder = StudyFolder(place / "study-x")
    folder.root.mkdir(parents=True)
    sheet = StudySheet(folder.id, folder.root, "fake", AP, Budget(9, 2), {"parameters": []})
    folder.write_sheet(sheet, {"plan": {"spec": {"train": {"clip": 0.5, "lr": 1e-3}}}})
    events = [
        *trial("0", 0.001, 40.0, 50.0),
        *trial("1", 0.01, 70.0, 65.0),
        *trial("2", 0.9, 80.0, 80.0),
        *trial("3", 0.09, state=TrialState.FAILED, cause=Cause.OUT_OF_MEMORY),
        *trial("4", 0.05, 55.0, state=TrialState.FAILED, cause=Cause.INFRASTRUCTURE),
        *trial("5", 0.01, 71.0, role=Role.CONFIRM, seed=1),
        *trial("6", 0.02, 90.0, origin=Origin(TrialId("1"), 1)),
    ]
    with EventLog(folder.events) as log:
        for event in events:
            log.append(event)
    return folder


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    return write_earlier(tmp_path / "elsewhere").root


def read(path: str | Path, metric: Metric = AP, **request: Any) -> WarmStart:
    found = read_past(RunRequest(warm_start=str(path), **request), SPACE, metric, 6)
    assert found is not None
    return found


def test_trials_are_read_in_terms_of_this_study_best_first(earlier: Path) -> None:
    past = read(earlier).past
    assert (past.study, past.default, past.max_epochs) == ("study-x", 50.0, 6)
    assert [(seen.trial, seen.curve, seen.state.value) for seen in past.observations] == [
        ("1", ((3, 70.0), (6, 70.0)), "succeeded"),
        ("0", ((3, 40.0), (6, 50.0)), "succeeded"),
        ("3", (), "failed"),
    ]
    assert past.observations[0].params == {"train.lr": 0.01, "train.clip": 0.5}


def test_what_was_left_out_is_counted_and_told(earlier: Path) -> None:
    assert read(earlier).report == (
        "warm start: 3 trials of study-x are taken; 1 outside of the bounds are left out; 1 without a value "
        "are left out; not searched here: model.width; not searched there, taken as its spec had them: "
        "train.clip"
    )


def test_another_metric_is_read_from_what_the_epochs_reported(earlier: Path) -> None:
    past = read(earlier, LOSS).past
    assert (past.default, past.observations[0].curve) == (50.0, ((3, 30.0), (6, 30.0)))


def test_study_is_found_by_its_id_among_the_results(earlier: Path) -> None:
    assert read("study-x", results_dir=earlier.parent).past.study == "study-x"
    with pytest.raises(UsageError, match=r"there is no study 'study-y'\n.*found there: study-x"):
        read("study-y", results_dir=earlier.parent)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store that was sent the study, which is then gone from this machine."""
    place = tmp_path_factory.mktemp("server")
    folder = write_earlier(place)
    with EventLog(folder.events) as log:
        log.append(StudyEnded("finished", {"winner": {"trial": "1"}}))
    uri = local_tracking_uri(place)
    send_study(folder.read_sheet(), TrackingStore(uri, "fake", place / "artifacts"))
    folder.root.rename(place / "hidden")
    return uri


def test_study_that_only_the_tracking_store_knows_is_read_from_there(server: str, tmp_path: Path) -> None:
    found = read("study-x", results_dir=tmp_path, tracking_uri=server)
    run = MlflowClient(server).search_runs(["1"], "tags.trial = '1'")[0].data.tags["mlflow.parentRunId"]
    assert [seen.trial for seen in found.past.observations] == ["1", "0", "3"]
    assert read(run, results_dir=tmp_path, tracking_uri=server) == found


@pytest.mark.parametrize("wanted", ["study-y", "x' or tags.study_id != 'y", "../hidden/nothing"])
def test_study_that_nobody_knows_is_refused_for_both_places(server: str, tmp_path: Path, wanted: str) -> None:
    with pytest.raises(UsageError, match=r"there is no study(?s:.*)no study of the results and no run"):
        read(wanted, results_dir=tmp_path, tracking_uri=server)


def test_study_without_the_metric_is_refused(earlier: Path) -> None:
    message = r"--warm-start: study-x has no trial that is of use.*\n.*ranks by AP11, this study by mAP"
    with pytest.raises(UsageError, match=message):
        read(earlier, Metric("mAP", Direction.MAXIMIZE))


def test_without_the_flag_there_is_no_past() -> None:
    assert read_past(RunRequest(), SPACE, AP, 6) is None
