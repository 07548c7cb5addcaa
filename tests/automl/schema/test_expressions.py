import pytest

from automl.schema.expressions import ExpressionError, parse_expression


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("base_lr * data.batch_size / 32", 0.25),
        ("-(a[0] - 2) ** 2 + 1e1", 1.0),
        ("min(a[0], 3, data.batch_size)", 3.0),
        ("max(2 * base_lr, 0.5) + sqrt(data.batch_size)", 5.0),
    ],
)
def test_formulas_are_computed(text: str, value: float) -> None:
    values = {"base_lr": 0.5, "data.batch_size": 16, "a[0]": 5}
    assert parse_expression(text).value(values) == value


def test_names_stand_as_in_a_spec() -> None:
    assert parse_expression("x.y[1] * b + b").names == ("x.y[1]", "b")


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("x * y", (-20.0, 30.0)),
        ("10 / y", (1.0, 5.0)),
        ("sqrt(y) - x", (2**0.5 - 3, 10**0.5 + 2)),
        ("y ** 2 + max(x, 1)", (5.0, 103.0)),
    ],
)
def test_bounds_hold_for_whole_ranges(text: str, bounds: tuple[float, float]) -> None:
    assert parse_expression(text).bounds({"x": (-2, 3), "y": (2, 10)}) == pytest.approx(bounds)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("__import__('os').system('x')", "'__import__' is no|is not allowed in it"),
        ("(lambda: 1)()", "is not allowed in it"),
        ("a if b else c", "is not allowed in it"),
        ("'x' * 2", "'x'.* is not allowed in it"),
        ("True + a", "'True' is not allowed in it"),
        ("open(a)", r"'open\(a\)' is not allowed in it"),
        ("f(a).b", "is no name of a parameter"),
        ("sqrt(a, b)", "root of more than one"),
        ("a +", "is no arithmetic"),
        ("1 + " * 400 + "1", "is no arithmetic"),
    ],
)
def test_all_else_is_refused_when_read(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=reason):
        parse_expression(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 / x", "divides by zero"),
        ("sqrt(x)", "root of a number below zero"),
        ("x ** 0.5", "below zero to a power"),
        ("9.0 ** 9 ** 9", "grows beyond all numbers"),
    ],
)
def test_ranges_without_a_value_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=reason):
        parse_expression(text).bounds({"x": (-1, 1)})
