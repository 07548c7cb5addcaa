"""Values of any size are told apart."""

import pytest

from automl.study.figures import figure, signed_figure


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (63.8035, "63.80"),
        (5.0, "5.00"),
        (5.3432, "5.34"),
        (0.63803, "0.638"),
        (0.0012, "0.0012"),
        (0.0, "0.00"),
        (-199.4, "-199.40"),
        (3.2e-9, "3.2e-09"),
        (1e8, "1e+08"),
        (9.99999, "10.00"),
    ],
)
def test_small_values_keep_four_digits_and_others_two_decimals(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_difference_shows_its_sign() -> None:
    assert [signed_figure(value) for value in (0.0, 2.1, -0.0004)] == ["+0.00", "+2.10", "-0.0004"]
