"""Both sides of the process boundary: what the detector writes is what the platform reads."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from automl.trials.causes import cause_of
from automl.trials.stall import StallWatch
from automl.trials.status_reader import StatusReader
from automl.types import Cause, Patience, Report
from bevfusion import status
from bevfusion.errors import BevfusionError, DataError, DivergedError, OutOfMemoryError, SpecError
from bevfusion.status import Phase, StatusWriter

pytestmark = pytest.mark.contract
FAKE_TRAINER = Path(__file__).resolve().parents[1] / "fakes" / "trainer.py"
NUMBER_OR_NULL = {"type": ["number", "null"]}
STATUS_LINE = {
    "type": "object",
    "required": ["status", "verbosity", "message"],
    "properties": {
        "date": {"type": "string"},
        "time": {"type": "string"},
        "status": {"enum": ["STARTED", "RUNNING", "SUCCESS", "FAILURE"]},
        "verbosity": {"type": "string"},
        "message": {"type": "string"},
        "epoch": {"type": "integer", "minimum": 1},
        "max_epoch": {"type": "integer", "minimum": 1},
        "kpi": {"type": "object", "additionalProperties": NUMBER_OR_NULL},
    },
    "additionalProperties": False,
}


def write_by_detector(folder: Path) -> None:
    writer = StatusWriter(folder / "status.json")
    writer.write(Phase.STARTED, "train", max_epoch=3)
    writer.write(Phase.RUNNING, epoch=1, max_epoch=3, kpi={"AP11": 41.2, "loss": 0.93})
    writer.write(Phase.RUNNING, epoch=2, max_epoch=3, kpi={"AP11": math.nan, "loss": math.inf})
    writer.write(Phase.SUCCESS, "done", max_epoch=3, kpi={"AP11": 41.2})


def write_by_fake_trainer(folder: Path) -> None:
    train = {"num_epochs": 2, "lr": 1e-3, "best_lr": 1e-3, "seed": 1}
    (folder / "spec.yaml").write_text(json.dumps({"results_dir": str(folder), "train": train}))
    command = [sys.executable, str(FAKE_TRAINER), "-e", str(folder / "spec.yaml")]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.mark.parametrize("write", [write_by_detector, write_by_fake_trainer])
def test_every_line_keeps_to_the_schema_and_is_understood(tmp_path: Path, write: object) -> None:
    assert callable(write)
    write(tmp_path)
    lines = (tmp_path / "status.json").read_text().splitlines()
    for line in lines:
        jsonschema.validate(json.loads(line), STATUS_LINE)
    assert len(StatusReader(tmp_path / "status.json").read_new()) == len(lines)


def test_platform_knows_every_stage_that_the_detector_names(tmp_path: Path) -> None:
    writer, watch = StatusWriter(tmp_path / "status.json"), StallWatch(Patience())
    for stage in status.Stage:
        writer.enter(stage)
        watch.hear(StatusReader(tmp_path / "status.json").read_new()[-1])
        assert watch.stage.value == stage.value


def test_reader_takes_what_the_detector_means(tmp_path: Path) -> None:
    write_by_detector(tmp_path)
    started, first, second, done = StatusReader(tmp_path / "status.json").read_new()
    assert (started.status, started.to_report("AP11"), done.kpi) == ("STARTED", None, {"AP11": 41.2})
    assert first.to_report("AP11") == Report(1, 3, 41.2, {"AP11": 41.2, "loss": 0.93})
    assert second.to_report("AP11") == Report(2, 3, None, {})


def test_line_cut_by_a_kill_is_mended_by_the_detector_and_skipped_by_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text('{"status": "RUNNING", "verbosity": "INFO", "message": "", "epoch": 1}\n{"status": "RUN')
    reader = StatusReader(path)
    assert [line.epoch for line in reader.read_new()] == [1]
    StatusWriter(path).write(Phase.RUNNING, epoch=2)
    assert [line.epoch for line in reader.read_new()] == [2]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (BevfusionError, Cause.DEFECT),
        (SpecError, Cause.BAD_SPEC),
        (DataError, Cause.BAD_DATA),
        (OutOfMemoryError, Cause.OUT_OF_MEMORY),
        (DivergedError, Cause.DIVERGED),
    ],
)
def test_exit_codes_of_the_detector_mean_the_same_to_the_platform(
    error: type[BevfusionError], cause: Cause
) -> None:
    assert cause_of(error.exit_code, "") is cause
