"""Plays plain Ray Tune: its Optuna search and asynchronous halving, one trial at a time, actors reused."""

from __future__ import annotations

import os
import sys
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna
import ray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from ray import tune
from ray.tune import Callback, Stopper, Trainable
from ray.tune.schedulers import AsyncHyperBandScheduler
from ray.tune.search.optuna import OptunaSearch

from playing.objectives import EPOCHS, Objective, OutOfMemoryError, Source
from playing.optuna_peer import SAMPLERS
from playing.ours import METRIC, Progress
from playing.peer import Ledger

_SETTING = "playing"
"""Where a trial's configuration says what is played; all else in it is searched."""


class _Training(Trainable):
    """One configuration, an epoch a step; 0 and the end where it cannot train."""

    def setup(self, config: dict[str, Any]) -> None:
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        source, seed = new_config[_SETTING]
        try:
            self._values = source.load().curve(_searched(new_config), seed)
        except OutOfMemoryError:
            self._values = ()
        self._epoch = 0
        return True

    def step(self) -> dict[str, Any]:
        if not self._values:
            return {METRIC.name: 0.0, "is_trained": False, "done": True}
        self._epoch += 1
        value = self._values[self._epoch - 1]
        return {METRIC.name: value, "is_trained": True, "done": self._epoch == EPOCHS}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Ray's scheduler resumes nothing: what it stops has ended."""


class _Referee(Callback, Stopper):
    """Counts the epochs as results come in, and ends the search after the last."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def on_trial_result(self, *_place: Any, trial: Any, result: Any, **_info: Any) -> None:
        if not result["is_trained"]:
            self.ledger.fail()
        elif not self.ledger.is_spent:
            self.ledger.enter(_searched(trial.config), result[METRIC.name])

    def __call__(self, _trial_id: str, _result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self.ledger.is_spent


def play(name: str, source: Source, ledger: Ledger, *, seed: int) -> Progress:
    """Search by a name such as ``tpe+asha`` or ``tpe+asha+def`` until the epochs are spent.

    Raises:
        ValueError: another scheduler than asha.
    """
    sampler, scheduler, *starts_at_default = name.split("+")
    if scheduler != "asha":
        raise ValueError(f"ray plays asha, not {scheduler}")
    _start_ray()
    objective = source.load()
    referee = _Referee(ledger)
    search = OptunaSearch(
        _space(objective),
        points_to_evaluate=[dict(objective.space.defaults())] if starts_at_default else None,
        sampler=SAMPLERS[sampler](seed),
        metric=METRIC.name,
        mode="max",
    )
    with TemporaryDirectory() as folder:
        tune.Tuner(
            _Training,
            param_space={_SETTING: (source, seed)},
            tune_config=tune.TuneConfig(
                search_alg=search,
                scheduler=AsyncHyperBandScheduler(
                    metric=METRIC.name, mode="max", max_t=EPOCHS, grace_period=1, reduction_factor=3
                ),
                num_samples=-1,
                max_concurrent_trials=1,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=folder,
                stop=referee,
                callbacks=[referee],
                failure_config=tune.FailureConfig(fail_fast="raise"),
                verbose=0,
            ),
        ).fit()
    return ledger.progress


def _space(objective: Objective) -> dict[str, BaseDistribution]:
    return {p.name: _distribution(p) for p in objective.space}


def _distribution(parameter: Any) -> BaseDistribution:
    if parameter.choices:
        return CategoricalDistribution(parameter.choices)
    if isinstance(parameter.default, int):
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def _searched(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != _SETTING}


@cache
def _start_ray() -> None:
    """Workers are to find this package."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # else it prints into the table
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # nobody reads its event files
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
