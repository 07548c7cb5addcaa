"""Search for a front: each new trial improves a mixture of the objectives, drawn anew (ParEGO).

J. Knowles, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective
optimization problems", IEEE TEC 2006. The mixtures are augmented Chebyshev distances to the best value of
each objective, which reach every point of a front, also where it is not convex.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from automl.ports import Decision, Promotion, Proposal, Searcher, Strategy, Wait
from automl.study.state import DEFAULT_TRIAL
from automl.types import Metric, Report, TrialId, TrialRecord

__all__ = ["ParetoSearch"]

_AUGMENTATION = 0.05


class ParetoSearch:
    """Any strategy, whose new trials are proposed for several objectives.

    How far each trial trains stays the strategy's decision, by the first objective alone.

    Args:
        strategy: says how far trials train, and that a new one may begin.
        make_searcher: makes a searcher that knows nothing and maximises what it is told.
        objectives: what is improved; the first is what ranks.
        seed: seed of the study.
    """

    def __init__(
        self,
        strategy: Strategy,
        make_searcher: Callable[[], Searcher],
        objectives: Sequence[Metric],
        *,
        seed: int,
    ) -> None:
        self._strategy = strategy
        self._make_searcher = make_searcher
        self._objectives = objectives
        self._seed = seed
        self._records: dict[TrialId, TrialRecord] = {}

    def propose(self, trial: TrialId, *, is_full: bool) -> Proposal | Promotion | Wait | None:
        """What the strategy starts next; the parameters of a new trial serve a mixture of the objectives."""
        answer = self._strategy.propose(trial, is_full=is_full)
        if not isinstance(answer, Proposal) or answer.origin is not None or trial == DEFAULT_TRIAL:
            return answer
        draws = np.random.default_rng([self._seed, int(trial)])
        weights = draws.dirichlet(np.ones(len(self._objectives)))
        searcher = self._make_searcher()
        for record in self._mixed(weights):
            searcher.adopt(record)
            if record.state.is_final or record.reports:
                searcher.tell(record)
        proposal = searcher.suggest(trial)
        if proposal is None:
            return answer
        shown = ", ".join(f"{o.name} {w:.0%}" for o, w in zip(self._objectives, weights, strict=True))
        return replace(proposal, reason=f"{proposal.reason}; weighs {shown}")

    def on_suggested(self, record: TrialRecord) -> None:
        """A trial exists."""
        self._records[record.id] = record
        self._strategy.on_suggested(record)

    def on_report(self, trial: TrialId, report: Report) -> Decision:
        """Take in one epoch and say what becomes of the trial, by the first objective."""
        return self._strategy.on_report(trial, report)

    def on_paused(self, record: TrialRecord) -> None:
        """What a paused trial reached counts."""
        self._records[record.id] = record
        self._strategy.on_paused(record)

    def on_queued(self, record: TrialRecord) -> None:
        """A trial goes on."""
        self._strategy.on_queued(record)

    def on_ended(self, record: TrialRecord) -> None:
        """Take in a trial that reached a final state."""
        self._records[record.id] = record
        self._strategy.on_ended(record)

    def _mixed(self, weights: NDArray[np.float64]) -> Iterator[TrialRecord]:
        """Every trial with the mixture in place of the metric."""
        curves = {record.id: list(self._measured(record)) for record in self._records.values()}
        known = np.array([values for curve in curves.values() for _, values in curve])
        for record in self._records.values():
            reports = tuple(
                replace(report, value=_mixture(values, known, weights))
                for report, values in curves[record.id]
            )
            last = reports[-1].value if reports else None
            yield replace(record, reports=reports, value=last)

    def _measured(self, record: TrialRecord) -> Iterator[tuple[Report, list[float]]]:
        """Epochs by which all objectives were measured, and their values; larger is better."""
        measured: dict[str, float] = {}
        for report in record.reports:
            measured |= report.kpi
            if report.epoch > record.first_epoch and all(o.name in measured for o in self._objectives):
                yield report, [o.direction.sign * measured[o.name] for o in self._objectives]


def _mixture(values: list[float], known: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Augmented Chebyshev distance to the best of each objective, each in units of its range; 0 is best."""
    best, worst = known.max(axis=0), known.min(axis=0)
    ranges = np.where(best > worst, best - worst, 1.0)
    distances = weights * (best - np.array(values)) / ranges
    return -float(distances.max() + _AUGMENTATION * distances.sum())
