"""Plays NVIDIA's TAO AutoML, which lives in an environment of its own, behind `tao_process.py`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from automl.space import ParameterKind
from automl.types import Params
from playing.objectives import EPOCHS, Objective, OutOfMemoryError, after
from playing.ours import Progress
from playing.peer import Ledger, Scale, scales

_SCRIPT = Path(__file__).with_name("tao_process.py")
_TYPES = {
    ParameterKind.FLOAT: "float",
    ParameterKind.INT: "int",
    ParameterKind.BOOL: "bool",
    ParameterKind.CATEGORICAL: "categorical",
}


@dataclass(frozen=True)
class _Job:
    """A stretch of a training: what its checkpoint is worth for the next."""

    params: Params
    epochs: int
    observed: Sequence[float]
    truth: Sequence[float]


def play(name: str, objective: Objective, ledger: Ledger, *, seed: int, python: Path) -> Progress:
    """Search by a name such as ``asha``, ``asha+log`` or ``asha+log+def`` until the epochs are spent.

    ``+log`` hands logarithmic parameters over as their place in 0..1. ``+def`` trains the default first and
    counts it: that library measures a baseline as well, and its algorithms hear as little of it.
    """
    algorithm, *marks = name.split("+")
    views = scales(objective, is_by_hand="log" in marks)
    task = {
        "algorithm": algorithm,
        "seed": seed,
        "epochs": EPOCHS,
        "space": {name: _leaf(view) for name, view in views.items()},
    }
    player = _Player(objective, seed, ledger, {})
    if "def" in marks:
        player.train(
            {"job": "default", "origin": None, "epochs": EPOCHS, "params": objective.space.defaults()}
        )
    server = _server(python)
    server.write(task)
    while not ledger.is_spent:
        server.write({"ask": True})
        for job in server.read()["jobs"]:
            job["params"] = {name: views[name].value(seen) for name, seen in job["params"].items()}
            server.write({"tell": job["job"], "value": player.train(job)})
    return ledger.progress


@dataclass
class _Player:
    objective: Objective
    seed: int
    ledger: Ledger
    jobs: dict[str, _Job]

    def train(self, launch: Mapping[str, Any]) -> float | None:
        """Last observed value of a job; None where it cannot train."""
        origin = self.jobs.get(launch["origin"])  # a job that failed left no checkpoint
        try:
            job = self._begin(launch["params"], launch["epochs"], origin)
        except OutOfMemoryError:
            self.ledger.fail()
            return None
        self.jobs[launch["job"]] = job
        for epoch in range(origin.epochs if origin else 0, job.epochs):
            if not self.ledger.is_spent:
                self.ledger.enter(job.params, job.observed[epoch])
        return job.observed[job.epochs - 1]

    def _begin(self, params: Params, epochs: int, origin: _Job | None) -> _Job:
        """Curves over all epochs; those of an heir begin where the checkpoint it got was made."""
        if origin is not None and origin.params == params:
            return _Job(params, epochs, origin.observed, origin.truth)
        done = origin.epochs if origin else 0
        start = origin.truth[done - 1] if origin else None
        observed = after(done, self.objective.curve(params, self.seed, start))
        return _Job(params, epochs, observed, after(done, self.objective.truth(params, start)))


def _leaf(view: Scale) -> dict[str, Any]:
    """A parameter as a schema of that library has it."""
    parameter = view.parameter
    leaf: dict[str, Any] = {"type": _TYPES[parameter.kind], "default": parameter.default}
    if parameter.kind is ParameterKind.CATEGORICAL:
        return leaf | {"enum": list(parameter.choices)}
    if parameter.kind is ParameterKind.BOOL:
        return leaf
    low, high = view.bounds
    return leaf | {"minimum": low, "maximum": high, "default": 0.5 if view.is_changed else parameter.default}


@dataclass(frozen=True)
class _Server:
    process: subprocess.Popen[str]

    def write(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise RuntimeError(f"{_SCRIPT.name} has ended with exit code {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@cache
def _server(python: Path) -> _Server:
    """One process for all searches: importing takes longer than many of them. It ends when its stdin does.

    Its hashes are fixed, since the library makes its seeds of them.
    """
    return _Server(
        subprocess.Popen(
            [str(python), str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": "0"},
        )
    )
