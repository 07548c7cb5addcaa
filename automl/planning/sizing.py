"""How much, how many at once, and by which algorithm: the numbers of a run, with reasons."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from automl.errors import EnvironmentUnusableError, UsageError
from automl.planning.machine import Machine
from automl.request import RunRequest
from automl.schema.names import suggest
from automl.search.catalogue import ALGORITHMS, GUIDED_ALGORITHMS
from automl.search.encoding import Encoding
from automl.search.rungs import rung_epochs
from automl.skills import Hardware
from automl.space import SearchSpace
from automl.types import Budget, Resources

__all__ = [
    "AVAILABLE_ALGORITHMS",
    "AlgorithmChoice",
    "choose_algorithm",
    "hardware_warnings",
    "size_budget",
    "size_resources",
]

_KNOWN = {**ALGORITHMS, **GUIDED_ALGORITHMS}
AVAILABLE_ALGORITHMS = tuple(sorted(_KNOWN.keys() - {"auto"}))
_DEFAULT_TRIALS = 20
_MOST_TRIALS = 1000
# Epochs 1 and 2 do not tell a good configuration from a bad one; a stop after the third of five saves two
# fifths, of fewer too little to pay for its mistakes.
_LEAST_EPOCHS_TO_STOP, _LEAST_TRIALS_TO_STOP = 5, 4
_SHARE_OF_EPOCHS_STOPPED = 0.5
_MOST_DIMENSIONS_TO_MODEL, _MANY_AT_ONCE = 60, 64


@dataclass(frozen=True)
class AlgorithmChoice:
    """Which algorithm searches, and why."""

    name: str
    reason: str

    @property
    def stops_early(self) -> bool:
        """Whether trials end or pause before their last epoch."""
        return self.name in _KNOWN and _KNOWN[self.name].pauses


def size_budget(request: RunRequest, epochs: int) -> Budget:
    """What a study may spend.

    Without ``--trials`` there are 20 trials; when the budget is given in epochs, time or GPU-hours, as many
    as that budget can hold.

    Args:
        request: the flags.
        epochs: epochs of one trial.
    """
    trials = request.trials
    if trials is None and request.budget_epochs is not None:
        trials = max(2, math.ceil(request.budget_epochs / (epochs * _SHARE_OF_EPOCHS_STOPPED)))
    elif trials is None:
        is_limited = request.time_budget_s is not None or request.gpu_hours is not None
        trials = _MOST_TRIALS if is_limited else _DEFAULT_TRIALS
    return Budget(
        trials,
        epochs,
        request.budget_epochs,
        request.time_budget_s,
        request.gpu_hours,
        request.disk_quota_bytes,
    )


def choose_algorithm(
    name: str, budget: Budget, *, space: SearchSpace | None = None, concurrent: int = 1
) -> AlgorithmChoice:
    """The algorithm that was asked for, or the one that fits budget, space and parallelism.

    Args:
        name: as in ``--algorithm``.
        budget: what may be spent.
        space: closed search space, None while it is not known.
        concurrent: trials side by side.

    Raises:
        UsageError: there is no such algorithm.
    """
    if name in AVAILABLE_ALGORITHMS:
        return AlgorithmChoice(name, "asked for")
    choices = ", ".join(("auto", *AVAILABLE_ALGORITHMS))
    if name != "auto":
        hint = suggest(name, AVAILABLE_ALGORITHMS) or f"available: {choices}"
        raise UsageError(f"there is no algorithm {name!r}", where="--algorithm", hint=hint)
    return _fitting(budget, space, concurrent)


def _fitting(budget: Budget, space: SearchSpace | None, concurrent: int) -> AlgorithmChoice:
    trials, epochs = budget.trials, budget.max_epochs
    combinations = Encoding(space).count() if space is not None else math.inf
    if combinations <= trials:
        return AlgorithmChoice("grid", f"{trials} trials are enough for all {combinations:.0f} combinations")
    if epochs < _LEAST_EPOCHS_TO_STOP or trials < _LEAST_TRIALS_TO_STOP:
        reason = f"{trials} trials of {epochs} epochs leave nothing to stop early: a model proposes"
        return AlgorithmChoice("bayesian", reason)
    dimensions = len(space) if space is not None else 0
    if dimensions > _MOST_DIMENSIONS_TO_MODEL:
        reason = f"{dimensions} parameters are too many to model: TPE proposes, halving pauses"
        return AlgorithmChoice("asha", reason)
    if concurrent >= _MANY_AT_ONCE:
        reason = f"with {concurrent} trials at once a model would guess: TPE proposes, halving pauses"
        return AlgorithmChoice("asha", reason)
    reason = (
        f"trials of {epochs} epochs are worth pausing: a model of curves proposes, and says who goes on "
        f"after epoch {', '.join(map(str, rung_epochs(epochs)))}"
    )
    return AlgorithmChoice("auto", reason)


def size_resources(request: RunRequest, machine: Machine, *, trials: int, spec_gpus: int) -> Resources:
    """The shape of a trial and how many fit side by side.

    Args:
        request: the flags.
        machine: this machine; not asked when a cluster is joined.
        trials: more side by side than there are trials make no sense.
        spec_gpus: GPUs that the spec asks for.

    Raises:
        EnvironmentUnusableError: a trial asks for more GPUs than this machine has.
    """
    is_cluster = request.ray_address is not None
    gpus = request.gpus_per_trial
    if gpus is None:
        gpus = float(spec_gpus) if is_cluster or machine.gpus else 0.0
    if gpus > machine.gpus and not is_cluster:
        raise EnvironmentUnusableError(
            f"a trial asks for {gpus:g} GPUs, this machine has {machine.gpus}",
            where="--gpus-per-trial",
            hint="ask for fewer, or join a cluster with --ray-address",
        )
    cpus = request.cpus_per_trial
    concurrent = request.max_concurrent
    if concurrent is None:
        slots = trials if is_cluster else machine.gpus / gpus if gpus else machine.cpus / (cpus or 1.0)
        concurrent = max(1, min(trials, int(slots)))
    if cpus is None:
        cpus = float(max(1, machine.cpus // concurrent)) if gpus and not is_cluster else 1.0
    return Resources(gpus, request.nodes_per_trial or 1, cpus, concurrent, request.ray_address)


def hardware_warnings(hardware: Hardware | None, machine: Machine, request: RunRequest) -> Iterator[str]:
    """What this machine lacks of what the model asks for."""
    if hardware is None or request.ray_address is not None:
        return
    if machine.gpus < hardware.min_gpus:
        found = f"has {machine.gpus}" if machine.gpus else "has none: training runs on the CPU"
        yield (
            f"the model asks for at least {hardware.min_gpus} GPUs of {hardware.min_vram_gb:g} GB, "
            f"recommended are {hardware.recommended_gpus}; this machine {found}"
        )
    elif machine.gpu_memory_gb and min(machine.gpu_memory_gb) < hardware.min_vram_gb:
        yield (
            f"the model asks for {hardware.min_vram_gb:g} GB a GPU; the smallest here has "
            f"{min(machine.gpu_memory_gb):.0f} GB"
        )
