from functools import cache

from automl.search.curve_model import CurveJudge, CurveModel
from automl.search.history import History
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import Direction, Metric, Report, TrialId, TrialRecord, TrialState

SPACE = SearchSpace((Parameter("x", ParameterKind.FLOAT, 0.0, 1.0, default=0.5),))


@cache
def long_study() -> tuple[CurveModel, History]:
    """400 trials wait at the first rung, 200 run and have said nothing yet."""
    model, history = CurveModel(SPACE, 27), History(Metric("AP11", Direction.MAXIMIZE))
    for number in range(600):
        history.adopt(TrialRecord(TrialId(str(number)), {"x": number / 600}))
    for number in range(400):
        reports = tuple(Report(epoch, 27, epoch * (1 + number / 600)) for epoch in (1, 2, 3))
        params = {"x": number / 600}
        history.tell(TrialRecord(TrialId(str(number)), params, TrialState.PAUSED, reports=reports))
        if number in {10, 399}:
            model.learn(history)
    return model, history


def test_what_a_proposal_looks_at_does_not_grow_with_the_study() -> None:
    model, history = long_study()
    outlook = model.look(history)
    assert outlook is not None
    assert (history.measured_count, len(outlook.trials)) == (400, 300)
    assert len(outlook.process.values) == 200 + 80 + 100


def test_a_judge_marks_those_too_that_the_model_did_not_look_at() -> None:
    model, history = long_study()
    looked_at = {seen.trial for seen in history.foremost(300)}
    assert looked_at == {TrialId(str(number)) for number in range(100, 400)}
    marks = CurveJudge(model, history).judge({TrialId(name): 0.0 for name in ("5", "350", "599")})
    assert marks["350"] > marks["5"] > marks["599"] == float("-inf")
