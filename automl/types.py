"""The nouns of the platform as frozen values; every boundary inside ``automl`` speaks in these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any, NewType

__all__ = [
    "Budget",
    "Cause",
    "Constraint",
    "Direction",
    "Metric",
    "Origin",
    "ParamValue",
    "Params",
    "Patience",
    "Report",
    "Resources",
    "Role",
    "Spec",
    "StudyId",
    "StudySheet",
    "TrialId",
    "TrialRecord",
    "TrialState",
]

StudyId = NewType("StudyId", str)
TrialId = NewType("TrialId", str)
ParamValue = float | int | bool | str | None | tuple[Any, ...]
"""One suggested value; a tuple stands for a list-valued choice."""
Params = Mapping[str, ParamValue]
"""Dotted parameter name to value."""
Spec = Mapping[str, Any]
"""A nested spec as read from YAML; only ``automl.schema`` looks inside."""


class Direction(StrEnum):
    """Which way the metric improves."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    @property
    def sign(self) -> int:
        """+1 when larger is better, -1 when smaller is; ``sign * value`` always grows with quality."""
        return 1 if self is Direction.MAXIMIZE else -1


@dataclass(frozen=True)
class Constraint:
    """A limit on a measure; a trial that breaks it never wins.

    Attributes:
        name: key of the measure in a trainer's ``kpi`` or in what the model's probe prints.
        is_upper: whether the bound is the most that is allowed; else it is the least.
        bound: inclusive.
    """

    name: str
    is_upper: bool
    bound: float

    def holds(self, value: float | None) -> bool:
        """Whether a measured value keeps to it; one that was never measured does not."""
        return value is not None and (value <= self.bound if self.is_upper else value >= self.bound)

    def __str__(self) -> str:
        return f"{self.name} {'<=' if self.is_upper else '>='} {self.bound:g}"


@dataclass(frozen=True)
class Metric:
    """What ranking uses.

    Attributes:
        constraints: limits that an epoch has to keep to if it is to rank.
        mean_of_last: so many of a trial's last epochs stand for it, by their mean; None is its best epoch.
    """

    name: str
    direction: Direction
    constraints: tuple[Constraint, ...] = ()
    mean_of_last: int | None = None

    @property
    def rank_by(self) -> str:
        """Which epochs stand for a trial, as ``--rank-by`` takes it: ``best``, ``last`` or ``mean:K``."""
        if self.mean_of_last is None:
            return "best"
        return "last" if self.mean_of_last == 1 else f"mean:{self.mean_of_last}"

    def to_json(self) -> dict[str, Any]:
        """As ``automl plan --json`` shows it."""
        return {
            "name": self.name,
            "direction": self.direction.value,
            "constraints": [asdict(constraint) for constraint in self.constraints],
            "rank_by": self.rank_by,
        }

    def is_better(self, value: float, than: float | None) -> bool:
        """Whether ``value`` beats ``than`` (anything beats nothing)."""
        return than is None or self.direction.sign * (value - than) > 0

    def stands_at(self, qualities: Sequence[float]) -> float:
        """What epochs of these qualities make of a trial, in their order; quality grows, not the metric."""
        return max(qualities) if self.mean_of_last is None else fmean(qualities[-self.mean_of_last :])

    def standing(self, reports: Iterable[Report]) -> Report | None:
        """The epoch that stands for a trial, with the value that ranks; None while nothing was measured.

        It is the best one, of equal ones the last: schedules anneal, so the later is the better model. Or it
        is the last one, with the mean of so many. This rule decides ranking, early stopping, the kept
        checkpoint and the tracker's headline. An epoch that breaks a constraint stands for nothing; what was
        measured before it and not since still holds.
        """
        counted, measured = list[tuple[float, Report]](), dict[str, float]()
        for report in reports:
            measured |= report.kpi
            if report.value is not None and not self.find_broken(measured):
                counted.append((self.direction.sign * report.value, report))
        if not counted:
            return None
        value = self.direction.sign * self.stands_at([quality for quality, _ in counted])
        is_best = self.mean_of_last is None
        chosen = next(r for _, r in reversed(counted) if r.value == value) if is_best else counted[-1][1]
        return replace(chosen, value=value)

    def find_broken(self, measured: Mapping[str, float], *, known_only: bool = False) -> list[str]:
        """The constraints that measures break, in words.

        Args:
            measured: name to value.
            known_only: whether one that was not measured yet counts as kept.
        """
        return [
            f"{constraint} is asked for, {'not measured' if value is None else f'{value:g} was measured'}"
            for constraint in self.constraints
            if not constraint.holds(value := measured.get(constraint.name))
            and not (known_only and value is None)
        ]


class TrialState(StrEnum):
    """Life of a trial. `ALLOWED_MOVES` is the only place that says what may follow what."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    PRUNED = "pruned"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether no further move is allowed."""
        return not ALLOWED_MOVES[self]

    def may_become(self, other: TrialState) -> bool:
        """Whether the move is in the table."""
        return other in ALLOWED_MOVES[self]


ALLOWED_MOVES: Mapping[TrialState, frozenset[TrialState]] = MappingProxyType(
    {
        TrialState.QUEUED: frozenset(
            {
                TrialState.QUEUED,  # lost its machine before it began there
                TrialState.RUNNING,
                TrialState.CANCELLED,
                TrialState.FAILED,
            }
        ),
        TrialState.RUNNING: frozenset(
            {
                TrialState.QUEUED,  # lost its machine: waits again, from its checkpoint
                TrialState.PAUSED,
                TrialState.SUCCEEDED,
                TrialState.PRUNED,
                TrialState.FAILED,
                TrialState.CANCELLED,
            }
        ),
        TrialState.PAUSED: frozenset({TrialState.QUEUED, TrialState.PRUNED, TrialState.CANCELLED}),
        TrialState.SUCCEEDED: frozenset(),
        TrialState.PRUNED: frozenset(),
        TrialState.FAILED: frozenset(),
        TrialState.CANCELLED: frozenset(),
    }
)


class Cause(StrEnum):
    """Why a trial ended as it did."""

    NONE = ""
    EARLY_STOPPED = "early_stopped"
    RUNG = "rung"
    BAD_SPEC = "bad_spec"
    BAD_DATA = "bad_data"
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    NO_METRIC = "no_metric"
    INFEASIBLE = "infeasible"
    INFRASTRUCTURE = "infrastructure"
    TIMEOUT = "timeout"
    DEFECT = "defect"
    BUDGET = "budget"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Report:
    """One epoch of one trial as the trainer announced it.

    Attributes:
        epoch: finished epochs, counted from 1.
        max_epoch: epochs of the whole trial, 0 when not said.
        value: the study's metric; None when it was not measured or was not finite.
        kpi: all finite numbers of the line.
    """

    epoch: int
    max_epoch: int
    value: float | None
    kpi: Mapping[str, float] = field(default_factory=dict)


class Role(StrEnum):
    """What a trial is for."""

    SEARCH = "search"
    CONFIRM = "confirm"
    """Repeats a finalist on a fresh seed; never the incumbent, counted by the verdict."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Another trial's checkpoint, from which a trial begins.

    Attributes:
        trial: whose checkpoint.
        epoch: of that checkpoint; the new trial counts on from there and pays only for what it adds.
    """

    trial: TrialId
    epoch: int


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """All that is known of one trial.

    Attributes:
        id: place in the study; ``0`` is always the default spec.
        params: searched parameters under their dotted names.
        origin: where it begins; None is at the first epoch.
        seed: added to the study's training seed; 0 except for repeats.
        role: what it is for.
        reason: why it was proposed, in words.
        source: who proposed it, where that was nobody's function, such as a language model.
        changes: spec keys that were changed so that it fits, with their values.
        state: where it is in its life.
        cause: why it ended so, or why it is paused.
        evidence: exit code, last lines of the log; for people.
        reports: epochs in order.
        value: what ranking uses, by `Metric.standing`; None when nothing was measured.
        best_epoch: the epoch that stands for it; its checkpoint is the one that is kept.
        seconds: wall time in which it held its resources.
        started_at: POSIX seconds of its newest launch, None when it never ran.
        failures: causes of the launches that failed and were tried again.
    """

    id: TrialId
    params: Params
    state: TrialState = TrialState.QUEUED
    cause: Cause = Cause.NONE
    evidence: str = ""
    reports: tuple[Report, ...] = ()
    value: float | None = None
    best_epoch: int | None = None
    seconds: float = 0.0
    started_at: float | None = None
    failures: tuple[Cause, ...] = ()
    origin: Origin | None = None
    seed: int = 0
    role: Role = Role.SEARCH
    reason: str = ""
    source: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Epochs this trial has finished, those it began with included."""
        return self.reports[-1].epoch if self.reports else self.first_epoch

    @property
    def first_epoch(self) -> int:
        """Epochs it began with."""
        return self.origin.epoch if self.origin else 0

    @property
    def measures(self) -> dict[str, float]:
        """What the epoch that stands for it measured, and what was measured before that and not since."""
        until = self.epochs if self.best_epoch is None else self.best_epoch
        return {name: value for r in self.reports if r.epoch <= until for name, value in r.kpi.items()}

    @property
    def is_ranked(self) -> bool:
        """Whether it may win: it measured something and did not fail."""
        return self.value is not None and self.state is not TrialState.FAILED


@dataclass(frozen=True)
class Budget:
    """What a study may spend; whichever ends first. None means no limit of that kind.

    Attributes:
        trials: number of trials, the default spec included.
        max_epochs: epochs of one trial.
        epochs: epochs of all trials together.
        time_s: wall time of the study, the final check of the winner included.
        gpu_hours: GPUs held times hours, over all trials.
        disk_bytes: what the folder of the study may take.
        seeds: fresh seeds on which finalists and default are trained again after the search; 0 is no finals.
        finalists: number of trials that come into the finals beside the default.
    """

    trials: int
    max_epochs: int
    epochs: int | None = None
    time_s: float | None = None
    gpu_hours: float | None = None
    disk_bytes: int | None = None
    seeds: int = 0
    finalists: int = 0

    @property
    def repeats(self) -> int:
        """Trainings of the finals, which do not count as trials."""
        return self.seeds * (self.finalists + 1) if self.finalists else 0


@dataclass(frozen=True)
class Resources:
    """The shape of one trial, and how many may run side by side."""

    gpus_per_trial: float = 0.0
    nodes_per_trial: int = 1
    cpus_per_trial: float = 1.0
    max_concurrent: int = 1
    ray_address: str | None = None


@dataclass(frozen=True)
class Patience:
    """How long a trainer may say nothing before it is taken for hung.

    Attributes:
        start_s: from its launch to its first status line.
        first_epoch_s: while it trains or evaluates before its first epoch is reported, or names no stage.
        epoch_s: likewise, later.
        rendezvous_s: while its processes meet.
        first_step_s: from the begin of training to the end of the first step.
        checkpoint_s: while it writes a checkpoint.
    """

    start_s: float = 1800.0
    first_epoch_s: float = 86400.0
    epoch_s: float = 86400.0
    rendezvous_s: float = 1800.0
    first_step_s: float = 3600.0
    checkpoint_s: float = 3600.0

    @classmethod
    def throughout(cls, silence_s: float) -> Patience:
        """The same at every stage."""
        return cls(*[silence_s] * len(fields(cls)))


@dataclass(frozen=True)
class StudySheet:
    """What identifies a study to people and trackers.

    Attributes:
        study_id: folder name and run name.
        root: folder of the study.
        model: network that is trained.
        metric: what ranking uses.
        budget: what may be spent.
        space: the closed search space in its JSON shape; without parameters for a plain training.
        tags: algorithm, policy, versions, revision, fingerprint of the data; shown as they are.
        is_search: False for a plain training, which is a single run.
        objectives: all that is improved, what ranks first; empty where that is the metric alone.
    """

    study_id: StudyId
    root: Path
    model: str
    metric: Metric
    budget: Budget
    space: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    is_search: bool = True
    objectives: tuple[Metric, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All but the folder, as it stands at the head of ``study.json``."""
        return {
            "study_id": self.study_id,
            "model": self.model,
            "metric": self.metric.name,
            "direction": self.metric.direction.value,
            "constraints": [asdict(constraint) for constraint in self.metric.constraints],
            "mean_of_last": self.metric.mean_of_last,
            "objectives": [{"name": o.name, "direction": o.direction.value} for o in self.objectives],
            "budget": asdict(self.budget),
            "is_search": self.is_search,
            "tags": dict(self.tags),
            "space": self.space,
        }
