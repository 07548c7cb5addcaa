"""What no spec may exceed: narrowed spaces lose what can never be, and nothing else."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.errors import SpaceError
from automl.schema.expressions import parse_expression
from automl.schema.limits import Limit, find_excesses, narrow_space
from automl.space import Condition, Parameter, ParameterKind, Prior, SearchSpace, Tie

FRAMES = Limit(parse_expression("batch * gpus * accumulation"), 16, "an epoch has 16 frames")
SPEC: dict[str, Any] = {"batch": 4, "gpus": 2, "accumulation": 1}


def choices(name: str, *values: Any, **fields: Any) -> Parameter:
    return Parameter(name, ParameterKind.CATEGORICAL, choices=values, default=values[0], **fields)


def whole(name: str, low: int, high: int, **fields: Any) -> Parameter:
    return Parameter(name, ParameterKind.INT, low, high, default=low, **fields)


def narrowed(*parameters: Parameter, limit: Limit = FRAMES, **fields: Any) -> SearchSpace:
    return narrow_space(SearchSpace(parameters, **fields), [limit], SPEC)


def test_choices_lose_what_exceeds_a_limit_with_their_weights_and_prior() -> None:
    batch = choices("batch", 4, 8, 16, weights=(1.0, 2.0, 3.0), prior=Prior(16, 0.5), source="file")
    kept = narrowed(batch, choices("free", "a", "b"))["batch"]
    assert (kept.choices, kept.weights, kept.prior) == ((4, 8), (1.0, 2.0), None)
    assert kept.source == "file; narrowed to 4, 8, since an epoch has 16 frames"


@pytest.mark.parametrize(
    ("formula", "parameter", "ends"),
    [
        ("batch * gpus", whole("batch", 1, 10**9), (1, 8)),
        ("batch * gpus", whole("batch", 3, 33, step=3), (3, 6)),
        ("batch * gpus", whole("batch", 1, 8), (1, 8)),
        ("96 / batch", whole("batch", 1, 100), (6, 100)),
        ("batch * gpus", Parameter("batch", ParameterKind.FLOAT, 1.0, 9.0), (1.0, 9.0)),
        ("batch * gpus", Parameter("batch", ParameterKind.FLOAT, 1.0, 9.0, step=2.0), (1.0, 7.0)),
        ("batch * missing", whole("batch", 1, 100), (1, 100)),
        ("1 / (batch - 4)", whole("batch", 1, 100), (1, 100)),
    ],
)
def test_ranges_lose_the_end_that_exceeds_a_limit(
    formula: str, parameter: Parameter, ends: tuple[float, float]
) -> None:
    kept = narrowed(parameter, limit=Limit(parse_expression(formula), 16, "why"))["batch"]
    assert (kept.low, kept.high) == ends


def test_others_count_with_their_best_value_ties_and_absence_included() -> None:
    batch = choices("batch", 2, 4, 8, 16)
    assert narrowed(batch, choices("accumulation", 4, 2))["batch"].choices == (2, 4)
    tie = Tie("accumulation", "x", {}, low=4, high=8)
    assert narrowed(batch, ties=(tie,))["batch"].choices == (2,)
    kind = choices("kind", "a", "b")
    absent = Parameter(
        "accumulation", ParameterKind.INT, 4, 8, default=1, condition=Condition({"kind": ("a",)})
    )
    assert narrowed(kind, batch, absent)["batch"].choices == (2, 4, 8)


def test_a_parameter_without_any_value_is_refused() -> None:
    with pytest.raises(SpaceError) as caught:
        narrowed(choices("batch", 32, 64), whole("accumulation", 9, 12))
    assert "batch: no value of it keeps batch * gpus * accumulation to at most 16" in str(caught.value)
    assert "accumulation: no value of it keeps" in str(caught.value)
    assert "-> an epoch has 16 frames" in str(caught.value)


def test_a_spec_that_exceeds_a_limit_is_told_with_its_numbers() -> None:
    assert list(find_excesses([FRAMES], SPEC, lambda name: f"trial:{name}")) == []
    (fault,) = find_excesses([FRAMES], {**SPEC, "accumulation": 3}, lambda name: f"trial:{name}")
    assert (
        str(fault)
        == "trial:batch: batch * gpus * accumulation is 24, at most 16\n  -> an epoch has 16 frames"
    )
    assert list(find_excesses([FRAMES], {**SPEC, "gpus": None}, str)) == []


COUNTS = st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True)


def combinations(space: SearchSpace) -> Iterator[dict[str, Any]]:
    values = [p.choices or range(int(p.low or 0), int(p.high or 0) + 1) for p in space]
    for point in itertools.product(*values):
        yield {**SPEC, **{p.name: value for p, value in zip(space, point, strict=True)}}


@settings(max_examples=100, deadline=None)
@given(COUNTS, st.integers(1, 6), st.integers(0, 6), st.integers(2, 80))
def test_narrowing_loses_no_combination_that_keeps_to_the_limit(
    batches: list[int], low: int, width: int, most: int
) -> None:
    limit = Limit(FRAMES.formula, most, "")
    space = SearchSpace((choices("batch", *batches), whole("accumulation", low, low + width)))
    fine = [spec for spec in combinations(space) if not list(find_excesses([limit], spec, str))]
    if not fine:
        with pytest.raises(SpaceError):
            narrow_space(space, [limit], SPEC)
        return
    kept = narrow_space(space, [limit], SPEC)
    left = list(combinations(kept))
    assert all(spec in left for spec in fine)
    for name in ("batch", "accumulation"):
        assert {spec[name] for spec in left} == {spec[name] for spec in fine}
