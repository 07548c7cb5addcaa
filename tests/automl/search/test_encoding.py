import math

import numpy as np
import pytest

from automl.search.encoding import Encoding, key_of
from automl.space import Condition, Parameter, ParameterKind, SearchSpace

FLOAT, INT, BOOL, CHOICE = (
    ParameterKind.FLOAT,
    ParameterKind.INT,
    ParameterKind.BOOL,
    ParameterKind.CATEGORICAL,
)
LR = Parameter("lr", FLOAT, 1e-5, 1e-1, log=True, default=1e-3)
STEPPED = Parameter("stepped", FLOAT, 0.0, 0.45, step=0.1, default=0.1)
WHOLE = Parameter("whole", INT, 1, 4, default=2)
KIND = Parameter("kind", CHOICE, choices=("a", "b", "c"), default="b")
ON = Parameter("on", BOOL, choices=(False, True), default=False)
RATE = Parameter("rate", FLOAT, 0.0, 1.0, default=0.5, condition=Condition({"on": (True,)}))
DEEP = Parameter("deep", INT, 1, 2, default=1, condition=Condition({"on": (True,), "kind": ("a",)}))


def encoding(*parameters: Parameter) -> Encoding:
    return Encoding(SearchSpace(parameters))


@pytest.mark.parametrize(
    ("parameter", "value", "position"),
    [
        (LR, 1e-3, 0.5),
        (LR, 1e-5, 0.0),
        (WHOLE, 3, 2 / 3),
        (STEPPED, 0.2, 0.2 / 0.45),
        (KIND, "c", 5 / 6),
        (ON, True, 0.75),
    ],
)
def test_a_value_has_its_place_on_the_scale_and_comes_back(
    parameter: Parameter, value: object, position: float
) -> None:
    made = encoding(parameter)
    places = made.positions([{parameter.name: value}])  # type: ignore[dict-item]
    assert places[0, 0] == pytest.approx(position)
    assert made.params(made.snap(places)[0])[parameter.name] == pytest.approx(value)


def test_the_default_comes_back_exactly() -> None:
    third = Parameter("third", FLOAT, 1e-3, 1.0, log=True, default=1 / 3)
    made = encoding(third)
    assert made.params(made.defaults) == {"third": 1 / 3}


def test_other_values_are_short() -> None:
    value = encoding(LR).params(np.array([0.123456789]))["lr"]
    assert value == float(f"{value:.6g}")


def test_positions_snap_to_values_that_exist() -> None:
    made = encoding(WHOLE, STEPPED)
    snapped = made.snap(np.array([[0.4, 0.99], [0.9, 0.3]]))
    values = [made.params(row) for row in snapped]
    assert [row["whole"] for row in values] == [2, 4]
    assert [row["stepped"] for row in values] == pytest.approx([0.4, 0.1])


def test_absent_parameters_lie_at_their_default_and_are_left_out() -> None:
    made = encoding(ON, RATE)
    snapped = made.snap(np.array([[0.2, 0.9], [0.8, 0.9]]))
    assert snapped.tolist() == [[0.25, 0.5], [0.75, 0.9]]
    assert [made.params(row) for row in snapped] == [{"on": False}, {"on": True, "rate": 0.9}]


def test_two_different_choices_lie_one_apart() -> None:
    made = encoding(KIND, ON)
    rows = made.positions([{"kind": "a", "on": False}, {"kind": "c", "on": False}, {"kind": "c", "on": True}])
    features = made.features(rows)
    assert features.shape == (3, 4)
    assert np.linalg.norm(features[0] - features[1]) == pytest.approx(1.0)
    assert np.linalg.norm(features[1] - features[2]) == pytest.approx(0.5)


def test_foreign_values_are_taken_for_the_nearest() -> None:
    assert encoding(LR).positions([{"lr": 99.0}, {"lr": "fast"}]).tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ((KIND, ON), 6),
        ((KIND, WHOLE), 12),
        ((ON, KIND, DEEP), 7),
        ((LR, ON), math.inf),
        ((STEPPED,), 5),
        ((), 1),
    ],
)
def test_configurations_are_counted_and_enumerated(parameters: tuple[Parameter, ...], count: float) -> None:
    made = encoding(*parameters)
    assert made.count() == count
    if math.isfinite(count):
        assert len({key_of(params) for params in made.every()}) == count
