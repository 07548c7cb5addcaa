"""Readers of what trainers and earlier controllers left behind."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from automl.planning.data_sources import bind_data
from automl.request import RunRequest
from automl.skills import load_skill
from automl.study.events import EventReader
from automl.study.job import read_job
from automl.study.store import StudyFolder
from automl.study.summary import read_summary
from automl.trials.status_reader import StatusReader
from tests.fakes.fake_study import finished_study, make_job
from tests.fakes.skills import write_skill
from tests.fuzz.damage import as_json, damaged, documents, warped
from tests.fuzz.target import Inputs, Target

__all__ = ["STUDIES"]

STATUS = [
    {"date": "11/22/2026", "time": "10:00:00", "status": "STARTED", "max_epoch": 3, "message": ""},
    {"status": "RUNNING", "epoch": 1, "max_epoch": 3, "kpi": {"AP11": 41.2, "loss": None}},
    {"status": "SUCCESS", "epoch": 3, "max_epoch": 3, "kpi": {"AP11": 51.2, "loss": 0.1}},
]
TRACKING = {
    "tracking_uri": "x", "experiment": "y", "artifacts": None, "experiment_id": "1", "run_id": "2",
}  # fmt: skip


def _read_status(path: Path) -> None:
    StatusReader(path).recover()
    for heard in StatusReader(path).read_new():
        heard.to_report("AP11")


def _read_study(path: Path) -> None:
    EventReader(path.parent / "events.jsonl").read_new()
    read_summary(StudyFolder(path.parent))


def _read_tracking(path: Path) -> None:
    folder = StudyFolder(path.parent)
    folder.read_tracking()
    folder.read_tracking_store()


def _read_job(path: Path) -> None:
    folder = StudyFolder(path.parent)
    read_job(folder)
    folder.read_sheet()
    _bind_data(path.parents[1])


def _bind_data(results: Path) -> None:
    skill = load_skill(None, results / "toy")
    bind_data(skill, skill.action("train"), RunRequest(data=str(results), results_dir=results))


@cache
def _sound_study() -> Mapping[str, bytes]:
    with TemporaryDirectory() as folder:
        study = finished_study(Path(folder) / "study")
        return {path.name: path.read_bytes() for path in study.root.iterdir() if path.is_file()}


def _study(place: Path) -> None:
    for name, content in _sound_study().items():
        (place / name).write_bytes(content)


def _job(place: Path) -> None:
    write_skill(place / "toy")
    make_job(place).root.rename(place / "job")


def _job_document() -> Any:
    with TemporaryDirectory() as folder:
        return json.loads(make_job(Path(folder)).job.read_bytes())


def _events() -> Inputs:
    """Lines damaged; and a first line that says something else, whose chain holds."""
    lines = _sound_study()["events.jsonl"]
    kinds = [json.loads(line) for line in lines.splitlines()]
    first = st.sampled_from(kinds).flatmap(lambda line: warped({**line, "previous": "0" * 64}))
    return damaged(lines) | first.map(lambda line: as_json(line) + b"\n") | st.binary(max_size=80)


def _status_lines() -> Inputs:
    sound = b"".join(json.dumps(line).encode() + b"\n" for line in STATUS)
    line = warped(STATUS[1]).map(lambda line: as_json(line) + b"\n")
    return damaged(sound) | line | line.map(lambda line: sound + line)


STUDIES: Mapping[str, Target] = {
    "status lines": Target("status.json", _status_lines, _read_status),
    "events": Target("events.jsonl", _events, _read_study, _study),
    "study sheet": Target(
        "study.json",
        lambda: documents(json.loads(_sound_study()["study.json"]), as_json),
        _read_study,
        _study,
    ),
    "tracking": Target("tracking.json", lambda: documents(TRACKING, as_json), _read_tracking),
    "job sheet": Target("job/job.json", lambda: documents(_job_document(), as_json), _read_job, _job),
}
