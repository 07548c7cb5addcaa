"""New trials serve a mixture of the objectives; how far they train stays the first one's matter."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from fake_ports import ListStrategy

from automl.ports import Decision, Proposal
from automl.search.pareto import ParetoSearch
from automl.types import Direction, Metric, Origin, Params, Report, TrialId, TrialRecord, TrialState

OBJECTIVES = (Metric("AP11", Direction.MAXIMIZE), Metric("latency_ms", Direction.MINIMIZE))


@dataclass
class Listening:
    """Proposes 7 and remembers what it was told."""

    told: dict[str, list[float | None]] = field(default_factory=dict)
    adopted: list[str] = field(default_factory=list)

    def suggest(self, trial: TrialId) -> Proposal | None:
        return Proposal({"lr": 7.0}, reason="liked")

    def adopt(self, record: TrialRecord) -> None:
        self.adopted.append(record.id)

    def observe(self, trial: TrialId, report: Report) -> None:
        raise AssertionError("epochs come with their trial")

    def tell(self, record: TrialRecord) -> None:
        self.told[record.id] = [report.value for report in record.reports]


def trial(name: str, ap: float, latency: float, **fields: Any) -> TrialRecord:
    reports = (Report(0, 1, None, {"latency_ms": latency}), Report(1, 1, ap, {"AP11": ap}))
    return TrialRecord(TrialId(name), {}, TrialState.SUCCEEDED, reports=reports, value=ap, **fields)


@pytest.fixture
def searchers() -> list[Listening]:
    return []


@pytest.fixture
def search(searchers: list[Listening]) -> ParetoSearch:
    def make() -> Listening:
        searchers.append(Listening())
        return searchers[-1]

    return ParetoSearch(ListStrategy([[1.0]] * 9), make, OBJECTIVES, seed=3)


def params_of(search: ParetoSearch, trial: str) -> Params:
    proposal = search.propose(TrialId(trial), is_full=False)
    assert isinstance(proposal, Proposal)
    return proposal.params


def test_default_stays_the_default_and_new_trials_are_proposed_for_the_mixture(search: ParetoSearch) -> None:
    assert params_of(search, "0") == {"curve": (1.0,)}
    assert params_of(search, "1") == {"lr": 7.0}


def test_mixture_is_the_weighted_distance_to_the_best_of_each_objective(
    search: ParetoSearch, searchers: list[Listening]
) -> None:
    for record in (trial("0", 50.0, 40.0), trial("1", 60.0, 60.0), trial("2", 55.0, 50.0)):
        search.on_suggested(record)
        search.on_ended(record)
    params_of(search, "3")
    ap, latency = np.random.default_rng([3, 3]).dirichlet(np.ones(2))
    expected = {
        "0": -1.05 * ap,
        "1": -1.05 * latency,
        "2": -0.5 * max(ap, latency) - 0.05 * 0.5,
    }
    assert {name: values[0] for name, values in searchers[-1].told.items()} == pytest.approx(expected)
    assert {len(values) for values in searchers[-1].told.values()} == {1}


def test_weights_differ_between_trials_and_repeat_with_the_seed(search: ParetoSearch) -> None:
    reasons = [
        getattr(search.propose(TrialId(name), is_full=False), "reason", "") for name in ("1", "2", "1")
    ]
    assert reasons[0] == reasons[2] != reasons[1]
    assert reasons[0].startswith("liked; weighs AP11 ")


def test_trial_that_runs_is_known_and_not_told(search: ParetoSearch, searchers: list[Listening]) -> None:
    search.on_suggested(TrialRecord(TrialId("0"), {}))
    params_of(search, "1")
    assert (searchers[-1].adopted, searchers[-1].told) == (["0"], {})


def test_strategy_decides_how_far_trials_train_and_who_goes_on(search: ParetoSearch) -> None:
    inner: Any = search._strategy
    inner.decisions = {("1", 3): Decision.PAUSE}
    assert search.on_report(TrialId("1"), Report(3, 9, 1.0)) is Decision.PAUSE
    inner.propose = lambda trial, *, is_full: Proposal({"lr": 1.0}, Origin(TrialId("0"), 3))
    assert params_of(search, "4") == {"lr": 1.0}
