"""What a configuration costs, measured by the model's own probe before it is trained."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass

from automl.ports import Follower, Launch, TrialFailedError, TrialJob
from automl.skills import fill_command
from automl.trials.causes import cause_of
from automl.trials.folder import TrialFolder
from automl.trials.launcher import Command, TrainerProcess, trainer_environment
from automl.trials.run_trial import TrainerRecipe
from automl.types import Cause, Report

__all__ = ["ProbedRecipe"]

_LOG = "probe.log"
_LONGEST_S, _LOOK_S = 600.0, 0.05
_EVIDENCE_LINES = 12


@dataclass(frozen=True)
class ProbedRecipe:
    """A `JobFactory` that measures a configuration on the trial's own resources, then trains it.

    The measures come as a report of the epoch that the trial begins with, so that one which breaks a
    constraint costs no training.

    Attributes:
        recipe: starts the trainer.
        probe: argument list with ``{config_path}`` and ``{skill_dir}`` to be filled; its last line is a JSON
            object of numbers.
    """

    recipe: TrainerRecipe
    probe: tuple[str, ...]

    def __call__(self, launch: Launch) -> TrialJob:
        """Begin with the probe, unless the trainer ran here before.

        Raises:
            TrialError: the process cannot be started.
        """
        if TrialFolder(launch.folder).status.exists():
            return self.recipe(launch)
        return _ProbedJob(self, launch)

    def follow(self, launch: Launch) -> Follower:
        """Start the trainer on a further node.

        Raises:
            TrialError: it cannot be started.
        """
        return self.recipe.follow(launch)


class _ProbedJob:
    """The probe's report, then those of the trainer."""

    def __init__(self, probed: ProbedRecipe, launch: Launch) -> None:
        recipe, self._folder = probed.recipe, TrialFolder(launch.folder.resolve())
        self._recipe, self._launch = recipe, launch
        self._log = self._folder.root / _LOG
        self._log.unlink(missing_ok=True)
        argv = fill_command(probed.probe, config_path=self._folder.spec, skill_dir=recipe.skill_dir)
        env = trainer_environment(os.environ, recipe.cpus)
        self._probe: TrainerProcess | None = TrainerProcess(
            Command(tuple(argv), recipe.skill_dir, self._log, env, recipe.grace_s)
        )
        self._job: TrialJob | None = None

    def next_report(self) -> Report | None:
        """The measures first; None when the trial was asked to stop.

        Raises:
            TrialFailedError: the probe or the trainer ended badly.
        """
        if self._probe is not None:
            return self._measure(self._probe)
        if self._folder.stop_request.exists():
            return None
        self._job = self._job or self._recipe(self._launch)
        return self._job.next_report()

    def stop(self) -> None:
        """End whichever of the two runs."""
        if self._probe is not None:
            self._probe.stop()
        if self._job is not None:
            self._job.stop()

    def _measure(self, probe: TrainerProcess) -> Report | None:
        waited_s = 0.0
        while (exit_code := probe.wait(_LOOK_S)) is None:
            waited_s += _LOOK_S
            if self._folder.stop_request.exists():
                return None
            if waited_s > _LONGEST_S:
                raise TrialFailedError(Cause.TIMEOUT, f"the probe did not end within {_LONGEST_S:g} s")
        self._probe = None
        lines = self._log.read_text("utf-8", "replace").splitlines()
        if exit_code != 0:
            evidence = "\n".join([f"the probe ended with exit code {exit_code}", *lines[-_EVIDENCE_LINES:]])
            cause = cause_of(exit_code, "\n".join(lines), oom_kills=probe.oom_kills)
            raise TrialFailedError(cause, evidence)
        return Report(self._launch.epochs, 0, None, _numbers(lines[-1] if lines else ""))


def _numbers(line: str) -> dict[str, float]:
    """The finite numbers of a JSON object.

    Raises:
        TrialFailedError: the line is none.
    """
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TrialFailedError(Cause.DEFECT, f"the probe's last line is no JSON object: {line[:200]!r}")
    return {
        str(name): float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
