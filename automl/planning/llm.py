"""Which language model takes part in a search, read from the environment and the flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from automl.errors import EnvironmentUnusableError, UsageError
from automl.request import RunRequest
from automl.search.llm import Manner, OnFailure
from automl.search.llm_settings import ChatBudget, ChatEndpoint

__all__ = ["LlmPlan", "is_guided", "plan_llm"]

_PUBLIC_URL = "https://api.openai.com/v1"
_TIMEOUT_S = 60.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class LlmPlan:
    """A language model's part in a study; the key is in the endpoint alone, and never shown.

    Attributes:
        endpoint: where it answers.
        budget: what its answers may cost.
        on_failure: what happens when it has no answer.
        warnings: what the user should know.
    """

    endpoint: ChatEndpoint = field(repr=False)
    budget: ChatBudget
    on_failure: OnFailure
    warnings: tuple[str, ...] = ()


def is_guided(algorithm: str) -> bool:
    """Whether a language model takes part."""
    return algorithm in set(Manner)


def plan_llm(request: RunRequest, environment: Mapping[str, str]) -> LlmPlan:
    """The model of ``AUTOML_LLM_*``, else of ``OPENAI_*``.

    ``..._BASE_URL``, ``..._API_KEY`` and ``..._MODEL`` say where and what; ``AUTOML_LLM_TIMEOUT_S`` is the
    longest wait for an answer, ``AUTOML_LLM_PRICES`` what a million tokens of questions and of answers cost,
    as ``0.15,0.60``.

    Raises:
        EnvironmentUnusableError: nothing says where a model answers, or which.
        UsageError: a budget of money without prices, or a number that is none.
    """

    def read(name: str) -> str:
        return environment.get(f"AUTOML_LLM_{name}") or environment.get(f"OPENAI_{name}") or ""

    url, key, model = read("BASE_URL"), read("API_KEY"), read("MODEL")
    if not model or not (url or key):
        lacking = (
            "AUTOML_LLM_MODEL" if url or key else "OPENAI_API_KEY (or OPENAI_BASE_URL) and AUTOML_LLM_MODEL"
        )
        raise EnvironmentUnusableError(
            f"{request.algorithm} asks a language model, and {lacking} is not set",
            where="--algorithm",
            hint="name an endpoint that speaks OpenAI's chat completions, or take --algorithm auto",
        )
    url = url or _PUBLIC_URL
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url!r} is no endpoint", where="AUTOML_LLM_BASE_URL", hint="write https://HOST/v1")
    warnings = []
    if key and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        warnings.append(f"the key for {parts.hostname} travels unencrypted: give an https endpoint")
    timeout_s = _number(environment, "AUTOML_LLM_TIMEOUT_S", _TIMEOUT_S)
    endpoint = ChatEndpoint(url, model, key, timeout_s)
    return LlmPlan(
        endpoint, _budget(request, environment), OnFailure(request.on_llm_failure), tuple(warnings)
    )


def _budget(request: RunRequest, environment: Mapping[str, str]) -> ChatBudget:
    name = "AUTOML_LLM_PRICES"
    if name not in environment:
        if request.llm_cost is not None:
            hint = f"set {name} to the prices of a million tokens of questions and answers, as 0.15,0.60"
            raise UsageError("a budget of money needs prices", where="--llm-cost", hint=hint)
        return ChatBudget(tokens=request.llm_tokens)
    price_in, _, price_out = environment[name].partition(",")
    prices = [_number({name: text}, name, 0.0) for text in (price_in, price_out)]
    return ChatBudget(request.llm_tokens, request.llm_cost, *prices)


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise UsageError(f"{text!r} is not a positive number", where=name, hint="write a number such as 30")
    return value
