"""One trial from prepared folder to outcome: launch, relay epochs, obey a stop; runs inside a worker."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automl.errors import SpecError, StatusError
from automl.ports import Launch, TrialFailedError
from automl.schema.documents import dump_yaml, read_yaml_mapping
from automl.schema.paths import get_path, with_path
from automl.skills import fill_command
from automl.trials.causes import cause_of
from automl.trials.claim import claim_folder, new_claim
from automl.trials.folder import Checkpoint, TrialFolder, write_atomically
from automl.trials.launcher import Command, TrainerProcess, trainer_environment
from automl.trials.leftovers import TRIAL_VARIABLE, end_leftovers
from automl.trials.stall import StallWatch
from automl.trials.status_reader import StatusLine, StatusReader
from automl.types import Cause, Patience, Report

__all__ = ["TrainerJob", "TrainerRecipe"]

_FULL_DISK_BYTES = 2**16
_TAIL_BYTES = 2**16
_CAUSES_OF_A_BAD_CHECKPOINT = {Cause.DEFECT, Cause.BAD_DATA, Cause.BAD_SPEC}
_EVIDENCE_LINES = 12
_MARGIN_S = 5.0
_ABSENT = object()
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.01, 0.2


@dataclass(frozen=True)
class TrainerRecipe:
    """How to start the trainer of any trial folder; a `JobFactory` that travels to workers.

    Attributes:
        command: argument list with ``{config_path}`` and ``{skill_dir}`` to be filled.
        skill_dir: working directory of the trainer.
        metric: the key of ``kpi`` that ranking uses.
        cpus: threads the trainer may use.
        grace_s: seconds between SIGTERM and SIGKILL.
        resume_keys: where the spec takes a checkpoint to go on from; without any, every launch starts anew.
    """

    command: tuple[str, ...]
    skill_dir: Path
    metric: str
    cpus: float = 1.0
    grace_s: float = 10.0
    resume_keys: tuple[str, ...] = ()

    def __call__(self, launch: Launch) -> TrainerJob:
        """Start the trainer, from the trial's newest checkpoint where there is one.

        Raises:
            TrialError: working directory or log cannot be used.
        """
        trial = TrialFolder(launch.folder.resolve())
        end_leftovers(trial, patience_s=self.grace_s + _MARGIN_S)
        claim_folder(trial, patience_s=self.grace_s + _MARGIN_S)
        known = StatusReader(trial.status).recover()
        resumed = self._write_resume_spec(trial, max([launch.epochs, *(line.epoch or 0 for line in known)]))
        if not resumed:
            trial.resume_spec.unlink(missing_ok=True)
        command = self._command(launch, trial, trial.log)
        unheard = [line for line in known if line.epoch is not None and line.epoch > launch.epochs]
        return TrainerJob(
            trial, command, self.metric, unheard=unheard, resumed=resumed, patience=launch.patience
        )

    def follow(self, launch: Launch) -> TrainerProcess:
        """Start the trainer on a further node, with a log of its own; only node 0 reports.

        Raises:
            TrialError: working directory or log cannot be used.
        """
        assert launch.place is not None
        trial = TrialFolder(launch.folder.resolve())
        return TrainerProcess(self._command(launch, trial, trial.follower_log(launch.place.rank)))

    def _command(self, launch: Launch, trial: TrialFolder, log: Path) -> Command:
        spec = trial.resume_spec if trial.resume_spec.exists() else trial.spec
        argv = tuple(fill_command(self.command, config_path=spec, skill_dir=self.skill_dir))
        env = {**trainer_environment(os.environ, self.cpus, launch.place), TRIAL_VARIABLE: str(trial.root)}
        return Command(argv, self.skill_dir, log, env, self.grace_s, new_claim(trial))

    def _write_resume_spec(self, trial: TrialFolder, epoch: int) -> Checkpoint | None:
        """Write the spec of a launch that goes on; None when it begins at the first epoch.

        A checkpoint beyond the last reported epoch is not used: its epoch would never be reported.
        """
        usable = [checkpoint for checkpoint in trial.list_checkpoints() if checkpoint.epoch <= epoch]
        if not self.resume_keys or not usable:
            return None
        spec = read_yaml_mapping(trial.spec, SpecError)
        known_keys = [key for key in self.resume_keys if get_path(spec, key, _ABSENT) is not _ABSENT]
        if not known_keys:
            return None
        for key in known_keys:
            spec = with_path(spec, key, str(usable[-1].path))
        write_atomically(trial.resume_spec, dump_yaml(spec))
        return usable[-1]

    def find_program(self) -> str | None:
        """Where the trainer's program lies on the path it will be started with; None when nowhere."""
        return shutil.which(self.command[0], path=trainer_environment(os.environ, self.cpus)["PATH"])


class TrainerJob:
    """One running trainer as a stream of epochs.

    Attributes:
        last_kpi: the newest numbers, those of lines that are about no epoch included.

    Args:
        folder: prepared trial folder.
        command: filled command.
        metric: the key of ``kpi`` that ranking uses.
        unheard: lines of earlier launches that nobody took in.
        resumed: the checkpoint that this launch goes on from.
        patience: how long the trainer may be silent.
    """

    def __init__(
        self,
        folder: TrialFolder,
        command: Command,
        metric: str,
        *,
        unheard: Sequence[StatusLine] = (),
        resumed: Checkpoint | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._folder = folder
        self._stall = StallWatch(patience or Patience())
        self._metric = metric
        self._resumed = resumed
        old_bytes = folder.status.stat().st_size if folder.status.exists() else 0
        self._reader = StatusReader(folder.status, old_bytes)
        reports = (line.to_report(metric) for line in unheard)
        self._waiting = deque(report for report in reports if report)
        self._last_line = StatusLine()
        self.last_kpi: Mapping[str, float] = {}
        self._process = TrainerProcess(command)

    def next_report(self) -> Report | None:
        """Block until the next epoch; None when the trainer has ended well or was asked to stop.

        Raises:
            TrialFailedError: the trainer ended badly, or its status file cannot be read.
        """
        wait_s = _SHORTEST_WAIT_S
        while True:
            if self._folder.stop_request.exists():
                self.stop()
                return None
            if self._waiting:
                return self._waiting.popleft()
            exit_code = self._process.wait(wait_s)
            self._take_in_lines()
            if exit_code is not None and not self._waiting:
                self._check_end(exit_code)
                return None
            if exit_code is None and (overdue := self._stall.find()):
                self.stop()
                raise TrialFailedError(Cause.TIMEOUT, f"{overdue}\n{self._folder.read_log_tail(_TAIL_BYTES)}")
            wait_s = min(_LONGEST_WAIT_S, 1.5 * wait_s)

    def stop(self) -> None:
        """End the trainer and all its processes; idempotent."""
        if self._process.stop() < 0:  # the guard itself was killed, and nobody minds the rest
            end_leftovers(self._folder)

    def _take_in_lines(self) -> None:
        try:
            lines = self._reader.read_new()
        except StatusError as error:
            self.stop()
            raise TrialFailedError(Cause.DEFECT, str(error)) from error
        for line in lines:
            self._stall.hear(line)
            self._last_line = line
            self.last_kpi = line.kpi or self.last_kpi
            if report := line.to_report(self._metric):
                self._waiting.append(report)
                self._resumed = None  # an epoch came of it: the checkpoint was good

    def _check_end(self, exit_code: int) -> None:
        if exit_code == 0 and self._last_line.status != "FAILURE":
            return
        self.stop()
        message = self._last_line.message if self._last_line.status == "FAILURE" else ""
        oom_kills = self._process.oom_kills
        cause = cause_of(exit_code or 1, message, oom_kills=oom_kills)
        evidence = self._evidence(exit_code, message)
        if cause is Cause.OUT_OF_MEMORY and oom_kills:
            evidence = f"the kernel killed {oom_kills} for want of the host's memory\n{evidence}"
        if cause is Cause.DEFECT and shutil.disk_usage(self._folder.root).free < _FULL_DISK_BYTES:
            raise TrialFailedError(Cause.INFRASTRUCTURE, f"the disk is full\n{evidence}")
        if self._resumed is not None and cause in _CAUSES_OF_A_BAD_CHECKPOINT:
            self._resumed.path.rename(f"{self._resumed.path}.unusable")
            cause = Cause.INFRASTRUCTURE
            evidence = f"cannot go on from {self._resumed.path.name}, an older one is tried\n{evidence}"
        raise TrialFailedError(cause, evidence)

    def _evidence(self, exit_code: int, message: str) -> str:
        log = self._folder.read_log_tail(_TAIL_BYTES)
        ending = f"exit code {exit_code}" if exit_code >= 0 else f"killed by signal {-exit_code}"
        parts = [ending, message, *log.splitlines()[-_EVIDENCE_LINES:]]
        return "\n".join(part for part in parts if part)
