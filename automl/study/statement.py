"""The verdict in words; every figure in them stands in its JSON too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from automl.study.figures import figure, signed_figure
from automl.study.statistics import CONFIDENCE, Comparison
from automl.types import Direction, Metric, TrialRecord

__all__ = ["Finding", "Part", "state_finding"]


class Part(StrEnum):
    """A part of the data on which trainings are measured."""

    VAL = "val"
    TEST = "test"


_FRAMES = {Part.VAL: "the validation part", Part.TEST: "the test part"}


@dataclass(frozen=True)
class Finding:
    """What a verdict says.

    Attributes:
        metric: what ranking used.
        winner: the trial that is named.
        is_default: whether that is the default spec.
        part: which frames decided.
        seeds: fresh seeds that each side was measured on there; 0 is the one training of the search.
        failures: repeats of the winner that failed.
        gain: winner against default on the frames that decided; None when one of them was not measured.
        gain_val: the same on the validation part.
    """

    metric: Metric
    winner: TrialRecord
    is_default: bool
    part: Part
    seeds: int
    failures: int
    gain: Comparison | None
    gain_val: Comparison | None

    def change(self, gain: float) -> str:
        """A gain as the difference that the figures themselves show: a loss that is better is lower."""
        return f"{signed_figure(self.metric.direction.sign * gain)} {self.metric.name}"

    def change_on(self, comparison: Comparison) -> str:
        """The same of a whole comparison, against the default spec."""
        if self.metric.direction is Direction.MAXIMIZE:
            return f"gains {self.change(comparison.difference)} over the default spec"
        return f"has {self.change(comparison.difference)} against the default spec"

    @property
    def is_real(self) -> bool | None:
        """Whether the winner is better than the default; None when too little was measured to say so."""
        if self.is_default or (self.gain is not None and self.gain.difference <= 0):
            return False
        if self.gain is None or self.gain.probability is None:
            return None
        return self.gain.probability >= CONFIDENCE


def state_finding(finding: Finding) -> str:
    """One or two sentences: who won, by how much, and how sure that is."""
    trial, name = f"Trial {finding.winner.id}", finding.metric.name
    if finding.is_default:
        on_seeds = f" on {_seeds(finding)} each" if finding.seeds else ""
        value = "" if finding.winner.value is None else f" ({name} {figure(finding.winner.value)})"
        return f"No trial was better than the default spec{value}{on_seeds}."
    if finding.gain is None or finding.gain_val is None:
        return f"{trial} is best; the default spec has no {name} to compare with."
    text = _state_repeated(finding, trial) if finding.seeds else _state_single(finding, trial)
    failed = f" {finding.failures} of its repeats failed." if finding.failures else ""
    return text + failed


def _state_single(finding: Finding, trial: str) -> str:
    """The one training of the search against the default's."""
    assert finding.gain is not None
    assert finding.gain_val is not None
    sign = finding.metric.direction.sign
    on_val = signed_figure(sign * finding.gain_val.difference)
    doubt = "One seed each: --seeds 3 would tell gain from chance."
    if finding.part is Part.VAL:
        return (
            f"{trial} {finding.change_on(finding.gain_val)} on the validation part that also chose "
            f"it; no test part confirms the figure. {doubt}"
        )
    on_test = signed_figure(sign * finding.gain.difference)
    if finding.gain.difference <= 0:
        return (
            f"{trial} {finding.change_on(finding.gain_val)} on the validation part, but {on_test} on "
            f"the test part: no real improvement was found. {doubt}"
        )
    return (
        f"{trial} {finding.change_on(finding.gain)} on the test part "
        f"({on_val} on the validation part). {doubt}"
    )


def _state_repeated(finding: Finding, trial: str) -> str:
    """Means over fresh seeds, with their spread where there is any."""
    gain = finding.gain
    assert gain is not None
    measured = (
        f"{finding.change(gain.difference)} against the default spec on {_FRAMES[finding.part]}, "
        f"mean of {_seeds(finding)} each"
    )
    if gain.interval is None or gain.probability is None:
        why = "one seed shows no spread" if finding.seeds == 1 else "all seeds gave the same figure"
        return f"{trial} is best: {measured}; {why}, so how sure that is cannot be said."
    low, high = sorted(finding.metric.direction.sign * end for end in gain.interval)
    doubt = (
        f"90 % interval {signed_figure(low)} to {signed_figure(high)}, "
        f"probability of being better {gain.probability:.2f}"
    )
    if finding.is_real:
        return f"{trial} is better: {measured} ({doubt})."
    return f"No real difference found: {trial.lower()} has {measured} ({doubt})."


def _seeds(finding: Finding) -> str:
    return f"{finding.seeds} fresh seed{'s' if finding.seeds > 1 else ''}"
