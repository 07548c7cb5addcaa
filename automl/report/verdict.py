"""The answer of a study in figures: default and winner, and how sure one may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from automl.report.material import Material
from automl.study.figures import figure, signed_figure
from automl.study.state import Phase
from automl.types import Direction, Metric

__all__ = ["Answer", "Side", "tell_verdict"]

_NONE = "–"
_NEARLY_SURE = 0.99


@dataclass(frozen=True)
class Side:
    """Default or winner in numbers.

    Attributes:
        val: the one training of the search, on the validation part.
        test: the same on the test part.
        fresh_val: mean, spread and every value of its repeats on the validation part.
        fresh_test: the same on the test part.
    """

    name: str
    val: float | None
    test: float | None
    fresh_val: str
    fresh_test: str
    is_winner: bool


@dataclass(frozen=True)
class Answer:
    """What the reader sees first.

    Attributes:
        sides: default and winner; nothing while the study has no verdict.
        doubts: sentences on how sure that is.
    """

    statement: str
    sides: tuple[Side, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def has_test_part(self) -> bool:
        """Whether anything was measured on frames that the search never read."""
        return any(side.test is not None for side in self.sides)

    @property
    def has_repeats(self) -> bool:
        """Whether anything was trained again on fresh seeds."""
        return any(side.fresh_val != _NONE for side in self.sides)


def tell_verdict(material: Material) -> Answer:
    """The study's verdict; where it has none yet, how it stands."""
    verdict, best = material.summary["verdict"], material.summary["best"]
    name = material.sheet.metric.name
    if verdict is None:
        state = material.summary["state"]
        standing, lead = f"The study is {state}", f"nothing has a value of {name} yet"
        if state == Phase.FAILED:
            standing, lead = (
                "The study failed",
                f"no trial reached a value of {name}; see what ended each below",
            )
        elif best:
            lead = f"best so far is trial {best['trial']} with {name} {figure(best['value'])}"
        return Answer(f"{standing}; {lead}.")
    winner = verdict["winner"]
    sides = (
        _side("default spec", verdict["default"], is_winner=False),
        _side(f"winner, trial {winner['trial']}", winner, is_winner=True),
    )
    return Answer(verdict["statement"], sides, tuple(_doubts(verdict, material.sheet.metric)))


def _side(name: str, measures: Mapping[str, Any], *, is_winner: bool) -> Side:
    val, test = (_repeats(measures.get(f"fresh_{part}")) for part in ("val", "test"))
    return Side(name, measures["val"], measures["test"], val, test, is_winner)


def _repeats(found: Mapping[str, Any] | None) -> str:
    """Mean, spread and every value: with few seeds each one counts."""
    if not found or not found["values"]:
        return _NONE
    spread = f" ± {figure(found['spread'])}" if found["spread"] is not None else ""
    return f"{figure(found['mean'])}{spread} ({', '.join(f'{figure(value)}' for value in found['values'])})"


def _doubts(verdict: Mapping[str, Any], metric: Metric) -> Iterator[str]:
    """How sure the verdict is, in the figures of its statement."""
    if (interval := verdict.get("interval")) is not None:
        low, high = map(signed_figure, sorted(metric.direction.sign * end for end in interval))
        gain = "gain" if metric.direction is Direction.MAXIMIZE else "difference"
        yield f"The true {gain} lies between {low} and {high} {metric.name} with 90 % confidence."
    if (probability := verdict.get("probability_better")) is not None:
        sure = f"{probability:.0%}" if probability < _NEARLY_SURE else "more than 99%"
        yield f"The winner is truly better than the default spec with a probability of {sure}."
    if (optimism := verdict.get("optimism")) is not None:
        gap = f"{figure(abs(optimism))} {metric.name}"
        chosen = "on the frames that chose it than on the test part"
        if optimism < 0:
            yield f"Optimism gap: none; the winner looked {gap} worse {chosen}."
        else:
            yield f"Optimism gap: the winner looked {gap} better {chosen}."
