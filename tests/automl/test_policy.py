import pytest

from automl.errors import SchemaError
from automl.policy import decide_policy, read_request

OFF = [
    "turn off AutoML",
    "disable AutoML",
    "no HPO",
    "plain training",
    "please disable automl for this run",
    "Train bevfusion, no HPO please",
    "Just train it with the defaults",
    "turn AutoML off",
    "AutoML: off",
    "automl=off",
    "do not use AutoML",
    "Don't run HPO",
    "skip hyperparameter tuning",
    "Train with AutoML disabled",
    "We compared AutoML before. Now plain training.",
    "No AutoML. Compare later.",
    "plain training, then evaluate",
    "plain training and report AP",
    "Don't worry, just train it",
    "stop using AutoML",
    "there is no need for HPO",
    "HPO is not needed",
    "no tuning, please",
    "Could you disable AutoML?",
    "train without hyperparameter optimization",
]
ON = [
    "don't disable AutoML",
    "compare with no HPO later",
    "do not turn off AutoML",
    "never disable automl",
    "tune it; plain training was last week",
    "Run AutoML, not plain training",
    "AutoML instead of plain training",
    "it should be better than plain training",
    "Do you know how to disable AutoML?",
    "if it is slow, disable AutoML",
    "train the model",
    "no HPO was done last time, do it now",
    "turn on AutoML",
    "explain training",
    "without disabling AutoML",
    "plain training failed yesterday, search now",
    "no autoMLflow",
    "disable AutoML logging",
    "disable AutoML's early stopping",
    "there is no HPO baseline yet, make one",
    "is there no HPO in this?",
    "do you support no HPO?",
    "run it with automl disabled = false",
    "AutoML should not be disabled",
    "there is no reason to skip AutoML",
    "no need to disable AutoML",
    "keep AutoML on, do not disable it",
]


@pytest.mark.parametrize("text", OFF)
def test_phrases_that_turn_automl_off(text: str) -> None:
    assert read_request(text) is not None


@pytest.mark.parametrize("text", ON)
def test_negations_and_near_misses_leave_automl_on(text: str) -> None:
    assert read_request(text) is None


def decide(**changes: object) -> tuple[bool, bool, str]:
    arguments = {"action": "train", "explicit": None, "request": None, "automl_enabled": True, **changes}
    decision = decide_policy(**arguments)  # type: ignore[arg-type]
    return decision.automl, decision.runnable, decision.reason


def test_automl_is_on_by_default() -> None:
    assert decide() == (True, True, "the default")


def test_the_explicit_flag_wins_over_the_request() -> None:
    assert decide(explicit="on", request="plain training") == (True, True, "--policy on")
    assert decide(explicit="off", request="tune it") == (False, False, "--policy off")


def test_the_reason_quotes_the_words_of_the_request() -> None:
    assert decide(request="Please use  plain   training today") == (
        False,
        False,
        'the request says "plain training"',
    )


def test_other_actions_are_always_plain() -> None:
    assert decide(action="evaluate") == (True, False, "the default; evaluate is always a plain action")


def test_a_model_that_is_not_enabled_trains_plainly_and_says_so() -> None:
    decision = decide_policy(action="train", explicit=None, request=None, automl_enabled=False, model="det8")
    assert not decision.runnable
    assert "AutoML is not enabled for det8" in decision.notice


def test_missing_schema_is_told_with_the_file() -> None:
    missing = SchemaError("cannot be read: No such file or directory", where="/m/schemas/train.schema.json")
    decision = decide_policy(
        action="train", explicit=None, request=None, automl_enabled=True, unreadable=[missing], model="det8"
    )
    assert decision.to_json() == {
        "automl": "on",
        "reason": "the default; schema or template missing or broken",
        "runnable": False,
    }
    assert "AutoML is enabled for det8 but not runnable until the schemas are generated" in decision.notice
    assert "/m/schemas/train.schema.json" in decision.notice
