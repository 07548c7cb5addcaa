"""What each algorithm is and when to take it, in a line; readable without importing any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ALGORITHMS", "GUIDED_ALGORITHMS", "Algorithm"]


@dataclass(frozen=True)
class Algorithm:
    """One entry of the catalogue.

    Attributes:
        summary: what it is, and when to take it.
        pauses: whether trials are stopped or paused before their last epoch.
    """

    summary: str
    pauses: bool


ALGORITHMS: Mapping[str, Algorithm] = {
    "auto": Algorithm(
        "Gaussian process over learning curves + promotion at rungs; take it unless you know better", True
    ),
    "bayesian": Algorithm(
        "Gaussian process, TPE where it is weak; all trials in full: early epochs say nothing", False
    ),
    "bfbo": Algorithm(
        "Gaussian process, confidence bound, penalties for batches; many full trials at once", False
    ),
    "asha": Algorithm("TPE + asynchronous successive halving; hundreds of trials, many at once", True),
    "hyperband": Algorithm(
        "draws near the default, the best and anywhere + brackets; unsure what early epochs say", True
    ),
    "hyperband_es": Algorithm("hyperband + stops by predicted curve; curves that settle smoothly", True),
    "bohb": Algorithm("TPE + hyperband; as hyperband, with hundreds of trials to learn from", True),
    "dehb": Algorithm("differential evolution + hyperband; many choices, hundreds of trials", True),
    "pbt": Algorithm(
        "population that hands on weights; schedules of values, all trials at once, one network", True
    ),
    "random": Algorithm("draws around the default and everywhere; a yardstick", False),
    "grid": Algorithm("every combination of a few values; one or two parameters", False),
}

GUIDED_ALGORITHMS: Mapping[str, Algorithm] = {
    "llm": Algorithm("a language model proposes every trial and says why; knowledge from outside", True),
    "hybrid": Algorithm(
        "a language model and auto take turns; knowledge from outside, with a safety net", True
    ),
    "autoresearch": Algorithm("as llm, with a notebook of findings and hypotheses; to read afterwards", True),
}
"""Those that ask a language model at an endpoint of the user's."""
