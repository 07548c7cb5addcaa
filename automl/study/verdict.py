"""What a study found, stated against the default spec, with the doubt that belongs to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from automl.study.finals import Contender, gather_contenders
from automl.study.state import DEFAULT_TRIAL, StudyState
from automl.study.statement import Finding, Part, state_finding
from automl.study.statistics import Comparison, compare_with_control
from automl.types import Metric, TrialId, TrialRecord

__all__ = ["find_winner", "list_to_check", "make_verdict"]


def find_winner(state: StudyState) -> TrialRecord | None:
    """The trial with the best mean over fresh seeds; where nothing was repeated, the best of the search.

    One that failed on a seed only wins where all did.
    """
    contenders = [c for c in gather_contenders(state.records.values(), state.metric) if c.values]
    if not contenders:
        return state.incumbent
    sign = state.metric.direction.sign
    return max(contenders, key=lambda c: (not c.failures, sign * mean(c.values))).record


def list_to_check(records: Iterable[TrialRecord], metric: Metric, winner: TrialRecord) -> list[TrialRecord]:
    """What the test part is opened for: default and winner, and all complete repeats of the two."""
    known, both = list(records), {DEFAULT_TRIAL, winner.id}
    contenders = [c for c in gather_contenders(known, metric) if c.record.id in both]
    measured = [record for record in known if record.id in both and record.value is not None]
    return [*measured, *(repeat for contender in contenders for repeat in contender.complete)]


def make_verdict(
    metric: Metric, records: Iterable[TrialRecord], winner: TrialRecord, test: Mapping[TrialId, float]
) -> dict[str, Any]:
    """What the study found.

    Means over fresh seeds count where both sides have some, else the single trainings of the search. Whether
    a gain is real is judged on the test part where that was measured, since the validation part chose the
    winner; else on that, allowing for its having been the best of several.

    Args:
        metric: what ranking used.
        records: all trials.
        winner: the trial that `find_winner` named.
        test: the metric on the test part, of the trials that were measured there.
    """
    known = {record.id: record for record in records}
    repeated = {c.record.id: c for c in gather_contenders(known.values(), metric)}
    default = known.get(DEFAULT_TRIAL)
    return _Sides(
        metric,
        default=repeated.get(DEFAULT_TRIAL, Contender(default)) if default else None,
        winner=repeated.get(winner.id, Contender(winner)),
        finalists=tuple(c for trial, c in repeated.items() if trial != DEFAULT_TRIAL),
        test=test,
    ).to_json()


@dataclass(frozen=True)
class _Sides:
    """Default and winner beside one another.

    Attributes:
        default: None when it never ran.
        finalists: all others that were repeated, the best of the search first.
        test: the metric on the test part.
    """

    metric: Metric
    default: Contender | None
    winner: Contender
    finalists: tuple[Contender, ...]
    test: Mapping[TrialId, float]

    def to_json(self) -> dict[str, Any]:
        gains = {part: self.compare(part) for part in Part}
        finding = self.find(gains)
        gain = finding.gain
        return {
            "default": self.measures(self.default),
            "winner": {"trial": self.winner.record.id, **self.measures(self.winner)},
            "finalists": [{"trial": c.record.id, **self.measures(c)} for c in self.finalists],
            **{f"gain_{part}": found and found.difference for part, found in gains.items()},
            "measured_on": finding.part.value,
            "seeds": finding.seeds,
            "interval": list(gain.interval) if gain and gain.interval else None,
            "probability_better": gain and gain.probability,
            "is_real": finding.is_real,
            "optimism": self.optimism(),
            "statement": state_finding(finding),
        }

    def find(self, gains: Mapping[Part, Comparison | None]) -> Finding:
        """What decides: the test part where it was measured as often as the validation part, else that."""
        is_tested = gains[Part.TEST] is not None
        is_thin = all(self.fresh(Part.VAL)) and not all(self.fresh(Part.TEST))
        part = Part.TEST if is_tested and not is_thin else Part.VAL
        return Finding(
            metric=self.metric,
            winner=self.winner.record,
            is_default=self.winner.record.id == DEFAULT_TRIAL,
            part=part,
            seeds=min(map(len, self.fresh(part))),
            failures=self.winner.failures,
            gain=gains[part],
            gain_val=gains[Part.VAL],
        )

    def compare(self, part: Part) -> Comparison | None:
        """The winner against the default; None where one of them was not measured."""
        fresh = self.fresh(part)
        if all(fresh):
            others = [c.values for c in self.finalists if c is not self.winner and c.values]
            groups = [*fresh, *(others if part is Part.VAL else ())]
            return compare_with_control(*(self.signed(group) for group in groups))
        single = [self.searched(side, part) for side in (self.default, self.winner)]
        known = [[value] for value in single if value is not None]
        return compare_with_control(*map(self.signed, known)) if len(known) == len(single) else None

    def fresh(self, part: Part) -> list[list[float]]:
        """What the repeats of default and winner measured."""
        return [self.repeated(side, part) for side in (self.default, self.winner)]

    def repeated(self, side: Contender | None, part: Part) -> list[float]:
        if side is None:
            return []
        if part is Part.VAL:
            return list(side.values)
        return [self.test[repeat.id] for repeat in side.complete if repeat.id in self.test]

    def searched(self, side: Contender | None, part: Part) -> float | None:
        if side is None:
            return None
        return side.record.value if part is Part.VAL else self.test.get(side.record.id)

    def signed(self, values: Iterable[float]) -> list[float]:
        """So that more is better."""
        return [self.metric.direction.sign * value for value in values]

    def optimism(self) -> float | None:
        """How much better the winner looked on the frames that chose it than on the test part."""
        val, test = (self.searched(self.winner, part) for part in Part)
        return None if val is None or test is None else self.metric.direction.sign * (val - test)

    def measures(self, side: Contender | None) -> dict[str, Any]:
        """All figures of one side, spread as the standard deviation over its fresh seeds."""
        document: dict[str, Any] = {part.value: self.searched(side, part) for part in Part}
        for part in Part:
            values = self.repeated(side, part)
            document[f"fresh_{part}"] = {
                "values": values,
                "mean": mean(values) if values else None,
                "spread": stdev(values) if len(values) > 1 else None,
            }
        return {**document, "failures": side.failures if side else 0}
