"""Reads the earlier study of ``--warm-start`` in terms of the study that is planned."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from automl.errors import StudyError, UsageError
from automl.request import RunRequest
from automl.schema.documents import read_json_mapping
from automl.schema.paths import get_path
from automl.search.warm_start import Observation, Past, translate
from automl.space import SearchSpace
from automl.study.state import DEFAULT_TRIAL, read_state
from automl.study.store import StudyFolder, find_folder
from automl.study.treatments import TREATMENTS
from automl.tracking import local_tracking_uri, sqlite_file
from automl.types import Metric, ParamValue, Role, TrialRecord, TrialState

__all__ = ["WarmStart", "read_past"]


@dataclass(frozen=True)
class WarmStart:
    """An earlier study as far as it is of use.

    Attributes:
        past: its trials in terms of this study.
        report: how many were taken, what was left out and why; for people.
    """

    past: Past
    report: str


def read_past(request: RunRequest, space: SearchSpace, metric: Metric, max_epochs: int) -> WarmStart | None:
    """The study that ``--warm-start`` names; None without the flag.

    Repeats, and trials that began with another one's checkpoint, say nothing of their parameters alone and
    are left out, as are those that never measured anything unless their configuration was to blame.

    Args:
        request: the flags; the study is a folder, an id among the results, or an id or a run that the
            tracking store knows.
        space: what is searched now.
        metric: what ranks now; epochs of the earlier study have to report it.
        max_epochs: epochs of a trial now; epochs of earlier trials are scaled to it.

    Raises:
        UsageError: there is no such study, or it never reported the metric.
        StudyError: its files are damaged.
        EnvironmentUnusableError: the tracking store does not answer.
    """
    if request.warm_start is None:
        return None
    with ExitStack() as stack:
        return _read(_find(request, request.warm_start, stack), space, metric, max_epochs)


def _find(request: RunRequest, wanted: str, stack: ExitStack) -> StudyFolder:
    """The study as a folder; one that only a tracking server knows becomes one for as long as it is read."""
    path = Path(wanted).expanduser()
    if (path / "study.json").is_file():
        return StudyFolder(path.resolve())
    try:
        return find_folder(request.results_dir, wanted)
    except UsageError as error:
        uri = request.tracking_uri or local_tracking_uri(request.results_dir)
        database = sqlite_file(uri)
        if database is not None and not database.is_file():
            raise
        from automl.adapters.mlflow_runs import fetch_study  # noqa: PLC0415 - slow to import

        try:
            return fetch_study(uri, wanted, Path(stack.enter_context(TemporaryDirectory())))
        except UsageError as unknown:
            raise UsageError([*error.faults, *unknown.faults]) from None


def _read(folder: StudyFolder, space: SearchSpace, metric: Metric, max_epochs: int) -> WarmStart:
    sheet = folder.read_sheet()
    reader = _Reader(space, metric, max_epochs / sheet.budget.max_epochs, _read_fixed(folder, space))
    records = read_state(folder.events, sheet.metric).records
    observations = [seen for record in records.values() if (seen := reader.read(record)) is not None]
    if not any(seen.curve for seen in observations):
        raise UsageError(
            f"{folder.id} has no trial that is of use{reader.tell()}",
            where="--warm-start",
            hint=f"it ranks by {sheet.metric.name}, this study by {metric.name}",
        )
    sign = metric.direction.sign
    observations.sort(key=lambda seen: -sign * seen.curve[-1][1] if seen.curve else math.inf)
    measured = reader.read_curve(records[DEFAULT_TRIAL]) if DEFAULT_TRIAL in records else ()
    default = measured[-1][1] if measured else None
    past = Past(folder.id, default, tuple(observations), max_epochs)
    report = f"warm start: {len(observations)} trials of {folder.id} are taken{reader.tell()}"
    if default is None:
        report += "; its default was not measured, so only its best configurations are tried"
    return WarmStart(past, report)


def _read_fixed(folder: StudyFolder, space: SearchSpace) -> dict[str, Any]:
    """Values that the spec of the earlier study had where this one searches."""
    plan = read_json_mapping(folder.sheet, StudyError).get("plan", {})
    values = {parameter.name: get_path(plan.get("spec"), parameter.name) for parameter in space}
    return {name: value for name, value in values.items() if value is not None}


class _Reader:
    """Reads trials in terms of another study, and counts what it leaves out."""

    def __init__(
        self, space: SearchSpace, metric: Metric, scale: float, fixed: Mapping[str, ParamValue]
    ) -> None:
        self._space, self._metric, self._scale, self._fixed = space, metric, scale, fixed
        self._left_out: Counter[str] = Counter()
        self._defaulted: set[str] = set()
        self._dropped: set[str] = set()

    def read(self, record: TrialRecord) -> Observation | None:
        """The trial as an observation; None where it is of no use."""
        if record.role is not Role.SEARCH or record.origin is not None:
            return None
        curve = self.read_curve(record)
        treatment = TREATMENTS.get(record.cause)
        is_bad = record.state is TrialState.FAILED and treatment is not None and treatment.is_bad_point
        if not is_bad and (record.state is TrialState.FAILED or not curve):
            self._left_out["without a value"] += 1
            return None
        found = translate(record.params, self._space, self._fixed)
        if found.params is None:
            self._left_out["outside of the bounds"] += 1
            return None
        self._defaulted |= found.defaulted
        self._dropped |= found.dropped
        state = TrialState.SUCCEEDED if record.state is TrialState.SUCCEEDED else TrialState.PRUNED
        if is_bad:
            return Observation(record.id, found.params, (), TrialState.FAILED, record.cause)
        return Observation(record.id, found.params, curve, state)

    def tell(self) -> str:
        """What was left out, dropped and filled in."""
        parts = [f"{count} {why} are left out" for why, count in self._left_out.items()]
        if self._dropped:
            parts.append(f"not searched here: {', '.join(sorted(self._dropped))}")
        if self._defaulted:
            parts.append(
                f"not searched there, taken as its spec had them: {', '.join(sorted(self._defaulted))}"
            )
        return "".join(f"; {part}" for part in parts)

    def read_curve(self, record: TrialRecord) -> tuple[tuple[int, float], ...]:
        """Where it stood at each epoch by this study's rule, on this study's scale of epochs."""
        curve: dict[int, float] = {}
        sign, qualities = self._metric.direction.sign, list[float]()
        for report in record.reports:
            if (value := report.kpi.get(self._metric.name)) is not None:
                qualities.append(sign * value)
            if qualities:
                curve[max(1, round(report.epoch * self._scale))] = sign * self._metric.stands_at(qualities)
        return tuple(curve.items())
