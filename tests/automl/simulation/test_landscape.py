from automl.simulation import Landscape
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import Direction, Metric

LR = Parameter("lr", ParameterKind.FLOAT, 1e-5, 1e-1, log=True, default=1e-3, source="test")
SPACE = SearchSpace((LR,))
AP11, LOSS = Metric("AP11", Direction.MAXIMIZE), Metric("loss", Direction.MINIMIZE)


def test_curve_climbs_to_its_height() -> None:
    hill = Landscape(SPACE, AP11, seed=1)
    values = [hill.report({"lr": 1e-3}, epoch, 10).value or 0.0 for epoch in (1, 5, 10)]
    assert values == sorted(values)
    assert abs(values[-1] - hill.height({"lr": 1e-3})) <= 0.5


def test_loss_descends_where_the_score_climbs() -> None:
    hill, valley = Landscape(SPACE, AP11), Landscape(SPACE, LOSS)
    score, loss = (h.report({"lr": 1e-3}, 9, 9).value or 0.0 for h in (hill, valley))
    assert score + loss == 80.0


def test_same_seed_gives_the_same_hill_and_another_seed_another() -> None:
    heights = [Landscape(SPACE, AP11, seed=seed).height({"lr": 1e-3}) for seed in (1, 1, 2)]
    assert heights[0] == heights[1] != heights[2]


def test_hill_has_one_summit_within_the_bounds() -> None:
    hill = Landscape(SPACE, AP11, seed=4)
    heights = [hill.height({"lr": 10 ** (-5 + 4 * step / 200)}) for step in range(201)]
    top = heights.index(max(heights))
    assert max(heights) > 79.9
    assert heights[: top + 1] == sorted(heights[: top + 1])
    assert heights[top:] == sorted(heights[top:], reverse=True)
