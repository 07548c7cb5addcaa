"""The model that the environment names, and what it may cost."""

from typing import Any

import pytest

from automl.errors import AutomlError, EnvironmentUnusableError, UsageError
from automl.planning.llm import is_guided, plan_llm
from automl.request import RunRequest
from automl.search.llm import OnFailure
from automl.search.llm_settings import ChatBudget, ChatEndpoint

LOCAL = {"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1", "OPENAI_MODEL": "m"}
ASKED = RunRequest(algorithm="llm")


def test_our_own_names_win_over_the_common_ones() -> None:
    environment = {"OPENAI_API_KEY": "a", "AUTOML_LLM_API_KEY": "b", "AUTOML_LLM_MODEL": "m"}
    plan = plan_llm(ASKED, environment)
    assert plan.endpoint == ChatEndpoint("https://api.openai.com/v1", "m", "b", 60.0)
    assert (plan.budget, plan.on_failure, plan.warnings) == (ChatBudget(), OnFailure.AUTO, ())
    assert "b" not in repr(plan).replace("budget", "").replace("ChatBudget", "")


def test_endpoint_without_a_key_and_with_a_budget() -> None:
    request = RunRequest(algorithm="hybrid", llm_tokens=9000, llm_cost=2.5, on_llm_failure="stop")
    environment = {**LOCAL, "AUTOML_LLM_PRICES": "0.15, 0.6", "AUTOML_LLM_TIMEOUT_S": "5"}
    plan = plan_llm(request, environment)
    assert (plan.endpoint.key, plan.endpoint.timeout_s) == ("", 5.0)
    assert (plan.budget, plan.on_failure) == (ChatBudget(9000, 2.5, 0.15, 0.6), OnFailure.STOP)


def test_key_that_would_travel_in_the_clear_is_told() -> None:
    environment = {**LOCAL, "OPENAI_API_KEY": "secret", "OPENAI_BASE_URL": "http://llm.example/v1"}
    (warning,) = plan_llm(ASKED, environment).warnings
    assert warning == "the key for llm.example travels unencrypted: give an https endpoint"
    assert plan_llm(ASKED, {**LOCAL, "OPENAI_API_KEY": "secret"}).warnings == ()


@pytest.mark.parametrize(
    ("environment", "fields", "error", "message"),
    [
        ({}, {}, EnvironmentUnusableError, r"llm asks a language model, and OPENAI_API_KEY .* is not set"),
        ({"OPENAI_API_KEY": "k"}, {}, EnvironmentUnusableError, "and AUTOML_LLM_MODEL is not set"),
        ({**LOCAL, "OPENAI_BASE_URL": "file:///etc"}, {}, UsageError, "'file:///etc' is no endpoint"),
        (LOCAL, {"llm_cost": 1.0}, UsageError, r"--llm-cost: a budget of money needs prices"),
        ({**LOCAL, "AUTOML_LLM_PRICES": "1,x"}, {}, UsageError, "AUTOML_LLM_PRICES: 'x' is not a positive"),
        ({**LOCAL, "AUTOML_LLM_TIMEOUT_S": "-3"}, {}, UsageError, "AUTOML_LLM_TIMEOUT_S: '-3' is not"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    environment: dict[str, str], fields: dict[str, Any], error: type[AutomlError], message: str
) -> None:
    with pytest.raises(error, match=message):
        plan_llm(RunRequest(algorithm="llm", **fields), environment)


def test_algorithms_that_ask_a_model() -> None:
    names = ("llm", "hybrid", "autoresearch", "auto", "random")
    assert [name for name in names if is_guided(name)] == ["llm", "hybrid", "autoresearch"]
