"""Objectives with learning curves: three of our own, and those of a folder with ``surrogates.py``."""

from __future__ import annotations

import importlib.util
import math
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Protocol

from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import Params

EPOCHS = 27
_SEEN_BEST = {"digits": 86.8}
"""Where the optimum is not known by construction: the best that was ever seen."""


class OutOfMemoryError(Exception):
    """This configuration cannot train."""


class Objective(Protocol):
    """What is searched."""

    name: str
    space: SearchSpace
    best: float

    def curve(self, params: Params, seed: int, start: float | None = None) -> Sequence[float]:
        """Observed value of each epoch; ``start`` is the true value that a checkpoint brings along.

        Raises:
            OutOfMemoryError: it cannot train.
        """

    def truth(self, params: Params, start: float | None = None) -> Sequence[float]:
        """The same without noise."""

    def final(self, params: Params) -> float:
        """True value after all epochs; 0 where it cannot train."""


def _number(name: str, low: float, high: float, default: float) -> Parameter:
    """A parameter as a schema has it: the scale is inferred from the bounds, as `automl` does."""
    is_log = low > 0 and high / low >= 100
    kind = ParameterKind.INT if isinstance(default, int) else ParameterKind.FLOAT
    return Parameter(name, kind, low, high, log=is_log, default=default)


def _choice(name: str, choices: tuple[Any, ...], default: Any) -> Parameter:
    kind = ParameterKind.BOOL if set(choices) == {True, False} else ParameterKind.CATEGORICAL
    return Parameter(name, kind, choices=choices, default=default)


_Shape = Callable[[float, float, float, int], float]
"""True value from: final value, place of the learning rate, a chance number of the configuration, epoch."""


def _settles(final: float, _place: float, chance: float, epoch: int) -> float:
    rate = 0.08 + 0.25 * chance
    return final * (1 - (1 - rate) ** epoch) / (1 - (1 - rate) ** EPOCHS)


def _says_nothing_at_first(final: float, place: float, chance: float, epoch: int) -> float:
    """Until about epoch 8 a value that depends on chance alone."""
    weight = 1 / (1 + math.exp(8.0 - epoch))
    return (1 - weight) * 12 * chance + weight * _settles(final, place, 0.5, epoch)


def _misleads(final: float, place: float, _chance: float, epoch: int) -> float:
    """The larger the learning rate, the faster it learns, also where it ends worse."""
    rate = min(0.7, max(0.02, 0.1 * 10 ** (0.8 * place)))
    return final * (1 - (1 - rate) ** epoch) / (1 - (1 - rate) ** EPOCHS)


_PLAIN: Mapping[str, Any] = {"lr": 3e-4, "decay": 0.02, "width": 48, "mix": 0.2, "head": "b", "flip": True}
_POOR: Mapping[str, Any] = {"lr": 3e-6, "decay": 1e-6, "width": 250, "mix": 0.9, "head": "d", "flip": False}


@dataclass(frozen=True)
class Hill:
    """A hill of six parameters, one of them with four options, and a way in which curves climb it."""

    name: str
    shape: _Shape
    default: Mapping[str, Any]
    best: float = 90.0

    @property
    def space(self) -> SearchSpace:
        """Bounds as schemas have them: wide."""
        d = self.default
        return SearchSpace(
            (
                _number("lr", 1e-6, 1e-1, d["lr"]),
                _number("decay", 1e-7, 1.0, d["decay"]),
                _number("width", 16, 256, d["width"]),
                _number("mix", 0.0, 1.0, d["mix"]),
                _choice("head", ("a", "b", "c", "d"), d["head"]),
                _choice("flip", (True, False), d["flip"]),
            )
        )

    def final(self, params: Params) -> float:
        """Falls like a bell with the distance from the summit, which the head moves."""
        p: Mapping[str, Any] = params
        loss = (self._place(params) / (1.0 if self._place(params) < 0 else 0.6)) ** 2
        loss += ((math.log10(p["decay"]) + 2.5) / 3) ** 2 + ((math.log2(p["width"]) - 6.5) / 3) ** 2
        loss += ((p["mix"] - 0.45) / 0.5) ** 2 + (0.0 if p["flip"] else 0.1)
        return self.best * {"a": 1.0, "b": 0.96, "c": 0.9, "d": 0.8}[p["head"]] * math.exp(-0.6 * loss)

    def truth(self, params: Params, start: float | None = None) -> Sequence[float]:
        """A checkpoint is worth as many epochs as this configuration takes to come to its value."""
        chance = Random(zlib.crc32(repr(sorted(params.items())).encode())).random()
        place, final = self._place(params), self.final(params)
        curve = [self.shape(final, place, chance, epoch) for epoch in range(1, 2 * EPOCHS + 1)]
        skipped = sum(value <= start for value in curve[:EPOCHS]) if start is not None else 0
        return curve[skipped : skipped + EPOCHS]

    def curve(self, params: Params, seed: int, start: float | None = None) -> Sequence[float]:
        """With noise of 0.4."""
        noise = Random(zlib.crc32(f"{seed} {sorted(params.items())!r}".encode()))
        return [max(0.0, value + noise.gauss(0, 0.4)) for value in self.truth(params, start)]

    def _place(self, params: Params) -> float:
        p: Mapping[str, Any] = params
        return math.log10(p["lr"]) + {"a": 2.9, "b": 3.2, "c": 2.6, "d": 3.4}[p["head"]]


OWN: tuple[Objective, ...] = (
    Hill("late", _says_nothing_at_first, _PLAIN),
    Hill("misled", _misleads, _PLAIN),
    Hill("poor", _settles, _POOR),
)


def after(epochs: int, values: Sequence[float]) -> Sequence[float]:
    """A curve that begins after the epochs of its origin, by epoch from the first; as it is without any."""
    return [0.0] * epochs + list(values) if epochs else values


class _Lived(Sequence[float]):
    """A curve of a real training, which trains no further than it is read."""

    def __init__(self, train: Callable[[int], Sequence[float]]) -> None:
        self._train = train

    def __len__(self) -> int:
        return EPOCHS

    def __getitem__(self, epoch: int) -> float:  # type: ignore[override]  # nobody slices it
        if not 0 <= epoch < EPOCHS:
            raise IndexError(epoch)
        return self._train(epoch + 1)[epoch]


class _Surrogate:
    """An objective of ``surrogates.py`` in our terms; no condition and no scale is taken from its table."""

    def __init__(self, module: Any, surrogate: Any) -> None:
        self._module, self._surrogate = module, surrogate
        self.name = surrogate.name
        self._is_real = self.name == "digits"
        self.best = _SEEN_BEST.get(self.name, surrogate.best)
        self.space = SearchSpace(
            tuple(
                _choice(p.name, tuple(p.choices), p.default)
                if p.choices
                else _number(p.name, p.low, p.high, p.default)
                for p in surrogate.params
            )
        )

    def curve(self, params: Params, seed: int, start: float | None = None) -> Sequence[float]:
        if self._is_real:
            return _Lived(lambda epochs: self._surrogate.evaluate(dict(params), epochs, seed))
        try:
            values: Sequence[float] = self._surrogate.evaluate(dict(params), EPOCHS, seed, start)
        except self._module.OutOfMemory as error:
            raise OutOfMemoryError(str(error)) from error
        return values

    def truth(self, params: Params, start: float | None = None) -> Sequence[float]:
        if self._is_real or not hasattr(self._surrogate, "noise"):
            return self.curve(params, 0)
        values: Sequence[float] = self._surrogate.curve(dict(params), EPOCHS, start)
        return values

    def final(self, params: Params) -> float:
        return float(self._surrogate.final(dict(params)))


def load_objectives(bench: Path | None) -> dict[str, Objective]:
    """Our own objectives, and those of a folder with ``surrogates.py`` in front of them."""
    found: list[Objective] = []
    if bench is not None:
        spec = importlib.util.spec_from_file_location("surrogates", bench / "surrogates.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["surrogates"] = module
        spec.loader.exec_module(module)
        found += [_Surrogate(module, surrogate) for surrogate in module.SURROGATES.values()]
    return {objective.name: objective for objective in (*found, *OWN)}


@dataclass(frozen=True)
class Source:
    """An objective that another process can load: those of ``surrogates.py`` do not travel.

    Args:
        bench: folder with ``surrogates.py``, if any.
        name: of the objective.
    """

    bench: Path | None
    name: str

    def load(self) -> Objective:
        """The objective; one for all calls, since some remember what was trained."""
        return _load_cached(self.bench)[self.name]


_load_cached = cache(load_objectives)
