"""Plays plain Optuna: a sampler, a pruner, and the default in front where asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from playing.objectives import EPOCHS, Objective, OutOfMemoryError
from playing.ours import Progress
from playing.peer import Ledger

SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "random": lambda seed: RandomSampler(seed=seed),
    "tpe": lambda seed: TPESampler(seed=seed),
    "tpe_group": lambda seed: TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True),
    "gp": lambda seed: GPSampler(seed=seed),
    "cmaes": lambda seed: CmaEsSampler(seed=seed),
}
PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "full": NopPruner,
    "sha": lambda: SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    "sha3": lambda: SuccessiveHalvingPruner(min_resource=3, reduction_factor=3),
    "hb": lambda: HyperbandPruner(min_resource=1, max_resource=EPOCHS, reduction_factor=3),
}


def play(name: str, objective: Objective, ledger: Ledger, *, seed: int) -> Progress:
    """Search by a name such as ``tpe+hb`` or ``tpe+hb+def`` until the epochs are spent."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    sampler, pruner, *starts_at_default = name.split("+")
    study = optuna.create_study(
        direction="maximize", sampler=SAMPLERS[sampler](seed), pruner=PRUNERS[pruner]()
    )
    if starts_at_default:
        study.enqueue_trial(dict(objective.space.defaults()))
    while not ledger.is_spent:
        trial = study.ask()
        params = {p.name: _suggest(trial, p) for p in objective.space}
        try:
            curve = objective.curve(params, seed)
        except OutOfMemoryError:
            study.tell(trial, 0.0)
            ledger.fail()
            continue
        is_pruned = False
        for epoch, value in enumerate(curve, 1):
            trial.report(value, epoch)
            ledger.enter(params, value)
            if is_pruned := epoch < EPOCHS and trial.should_prune():
                break
        study.tell(trial, None if is_pruned else value, TrialState.PRUNED if is_pruned else None)
    return ledger.progress[: ledger.epochs]


def _suggest(trial: Trial, parameter: Any) -> Any:
    if parameter.choices:
        return trial.suggest_categorical(parameter.name, parameter.choices)
    if isinstance(parameter.default, int):
        return trial.suggest_int(parameter.name, int(parameter.low), int(parameter.high), log=parameter.log)
    return trial.suggest_float(parameter.name, parameter.low, parameter.high, log=parameter.log)
