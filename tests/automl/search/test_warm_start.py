"""An earlier study in terms of another space, and a searcher that has it behind it."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from automl.ports import Proposal
from automl.search.warm_start import Observation, Past, WarmSearcher, translate
from automl.space import Condition, Parameter, ParameterKind, SearchSpace
from automl.types import Cause, Direction, Metric, Params, Report, TrialId, TrialRecord, TrialState

AP = Metric("AP11", Direction.MAXIMIZE)
SPACE = SearchSpace(
    (
        Parameter("lr", ParameterKind.FLOAT, 1e-4, 1e-1, log=True, default=1e-3),
        Parameter("batch", ParameterKind.INT, 1, 8, default=4),
        Parameter("head", ParameterKind.CATEGORICAL, choices=("a", ("b", 2)), default="a"),
        Parameter("depth", ParameterKind.INT, 1, 3, default=1, condition=Condition({"head": (("b", 2),)})),
    )
)


def test_configuration_keeps_what_is_searched_here_and_fills_in_what_was_fixed_there() -> None:
    found = translate({"lr": 1, "batch": 2.0, "old": 7}, SPACE, {"head": "a"})
    assert found.params is None  # lr 1 is outside
    found = translate({"lr": 0.01, "batch": 2.0, "old": 7}, SPACE, {"head": "a", "batch": 8})
    assert found.params == {"lr": 0.01, "batch": 2, "head": "a"}
    assert (found.defaulted, found.dropped) == ({"head"}, {"old"})


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"head": ["b", 2], "depth": 3}, {"head": ("b", 2), "depth": 3}),
        ({"head": "a", "depth": 3}, {"head": "a"}),
        ({"head": ["b", 2]}, None),
        ({"head": ["b", 2], "depth": 4}, None),
        ({"head": "c"}, None),
    ],
)
def test_conditional_parameters_exist_where_their_condition_holds(
    params: Params, expected: Params | None
) -> None:
    found = translate({"lr": 0.01, "batch": 2, **params}, SPACE, {}).params
    assert found == (expected and {"lr": 0.01, "batch": 2, **expected})


@dataclass
class Listening:
    """Proposes its own, and remembers what it was told."""

    told: list[tuple[str, Params, tuple[Report, ...], str]] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)

    def suggest(self, trial: TrialId) -> Proposal | None:
        return Proposal({"lr": 0.05}, reason="own")

    def adopt(self, record: TrialRecord) -> None:
        self.adopted.append(record.id)

    def observe(self, trial: TrialId, report: Report) -> None:
        pass

    def tell(self, record: TrialRecord) -> None:
        self.told.append((record.id, record.params, record.reports, record.state.value))


PAST = Past(
    "study-x",
    40.0,
    (
        Observation("7", {"lr": 0.01}, ((3, 50.0), (9, 60.0)), TrialState.SUCCEEDED),
        Observation("8", {"lr": 0.01}, ((9, 59.0),), TrialState.SUCCEEDED),
        Observation("4", {"lr": 0.02}, ((3, 45.0),), TrialState.PRUNED),
        Observation("5", {"lr": 0.09}, (), TrialState.FAILED, Cause.OUT_OF_MEMORY),
    ),
    9,
)


def default(value: float | None, state: TrialState = TrialState.SUCCEEDED) -> TrialRecord:
    return TrialRecord(TrialId("0"), {"lr": 1e-3}, state, value=value)


def proposals(searcher: WarmSearcher, count: int) -> list[tuple[Any, str]]:
    made = []
    for number in range(count):
        proposal = searcher.suggest(TrialId(str(number)))
        assert proposal is not None
        assert searcher.suggest(TrialId(str(number))) == proposal  # asking leaves no trace
        searcher.adopt(TrialRecord(TrialId(str(number)), proposal.params))
        made.append((proposal.params["lr"], proposal.reason))
    return made


def test_best_of_the_past_are_tried_first_each_once() -> None:
    assert proposals(WarmSearcher(Listening(), PAST, AP), 4) == [
        (0.05, "own"),
        (0.01, "among the best of study-x, trial 7"),
        (0.02, "among the best of study-x, trial 4"),
        (0.05, "own"),
    ]


def test_past_is_told_once_the_default_is_measured_shifted_by_the_difference_of_the_defaults() -> None:
    inner = Listening()
    searcher = WarmSearcher(inner, PAST, AP)
    searcher.tell(TrialRecord(TrialId("1"), {"lr": 0.03}, TrialState.SUCCEEDED, value=9.0))
    searcher.tell(default(10.0, TrialState.PAUSED))
    assert [name for name, *_ in inner.told] == ["1", "0"]
    searcher.tell(default(12.0))
    searcher.tell(default(12.0))
    told = {name: (params, reports, state) for name, params, reports, state in inner.told}
    assert told["study-x/7"] == ({"lr": 0.01}, (Report(3, 9, 22.0), Report(9, 9, 32.0)), "succeeded")
    assert told["study-x/5"] == ({"lr": 0.09}, (), "failed")
    assert (len(inner.told), inner.adopted) == (8, ["study-x/7", "study-x/8", "study-x/4", "study-x/5"])


def test_without_a_default_on_both_sides_nothing_is_told() -> None:
    inner = Listening()
    WarmSearcher(inner, PAST, AP).tell(default(None, TrialState.FAILED))
    WarmSearcher(inner, Past("study-x", None, PAST.observations, 9), AP).tell(default(12.0))
    assert [name for name, *_ in inner.told] == ["0", "0"]


def test_past_survives_a_file() -> None:
    past = Past("x", 1.0, (Observation("1", {"head": ("b", 2)}, ((1, 2.0),), TrialState.PRUNED),), 9)
    assert Past.from_json(json.loads(json.dumps(past.to_json()))) == past
    assert Past.from_json(json.loads(json.dumps(PAST.to_json()))) == PAST
