"""An endpoint on loopback: answers, failures of every kind, budget, and a key that stays where it belongs."""

import json
from pathlib import Path
from typing import Any

import pytest
from chat_server import Behaviour, closes, fails, hangs, redirects, says, serve, talks_nonsense, trickles

from automl.adapters.openai_chat import OpenAiChat
from automl.search.llm import ChatFailureError
from automl.search.llm_settings import ChatBudget, ChatEndpoint
from automl.types import TrialId

ONE = TrialId("1")
HELLO = [{"role": "user", "content": "hello"}]
KEY = "sk-very-secret"


def chat(url: str, ledger: Path, *, timeout_s: float = 5.0, **budget: Any) -> OpenAiChat:
    return OpenAiChat(ChatEndpoint(url, "tuner-1", KEY, timeout_s), ChatBudget(**budget), ledger)


def test_answer_comes_back_and_the_exchange_is_written_down_without_the_key(tmp_path: Path) -> None:
    ledger = tmp_path / "llm.jsonl"
    with serve(says("hi", tokens=(1000, 500))) as server:
        model = chat(server.url, ledger, price_in=2.0, price_out=4.0)
        assert (model.name, model.ask(ONE, HELLO)) == ("tuner-1", "hi")
    assert server.questions == [{"path": "/v1/chat/completions", "model": "tuner-1", "messages": HELLO}]
    assert server.keys == [f"Bearer {KEY}"]
    (entry,) = map(json.loads, ledger.read_text().splitlines())
    assert (entry["trial"], entry["messages"], entry["answer"]) == ("1", HELLO, "hi")
    assert (entry["tokens_in"], entry["tokens_out"], entry["cost"]) == (1000, 500, pytest.approx(0.004))
    assert KEY not in ledger.read_text()
    assert KEY not in repr(ChatEndpoint("u", "m", KEY))


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (fails(401), "the endpoint answers 401 Unauthorized"),
        (fails(503), "the endpoint answers 503 Service Unavailable"),
        (talks_nonsense, "the endpoint answers with something else: '<html>504</html>'"),
        (says("x" * 1_100_000), "the answer is longer than 1000000 bytes"),
        (hangs, "no whole answer within 0.4 s"),
        (trickles, "no whole answer within 0.4 s"),
        (closes, "the endpoint cannot be reached"),
    ],
)
def test_every_failure_is_named_and_written_down(tmp_path: Path, behaviour: Behaviour, message: str) -> None:
    ledger = tmp_path / "llm.jsonl"
    with serve(behaviour) as server:
        timeout_s = 0.4 if behaviour in (hangs, trickles) else 5.0
        with pytest.raises(ChatFailureError) as caught:
            chat(server.url, ledger, timeout_s=timeout_s).ask(ONE, HELLO)
    assert message in str(caught.value)
    assert json.loads(ledger.read_text())["failure"] == str(caught.value)
    assert KEY not in ledger.read_text() + str(caught.value)


def test_dead_endpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(ChatFailureError, match=r"the endpoint cannot be reached: .*refused"):
        chat("http://127.0.0.1:9", tmp_path / "llm.jsonl").ask(ONE, HELLO)


def test_redirect_does_not_carry_the_key_away(tmp_path: Path) -> None:
    with (
        serve(says("stolen")) as other,
        serve(redirects(f"{other.url}/chat/completions")) as server,
        pytest.raises(ChatFailureError, match="the endpoint answers 307"),
    ):
        chat(server.url, tmp_path / "llm.jsonl").ask(ONE, HELLO)
    assert other.keys == []


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"tokens": 240}, "240 of 240 tokens are spent"),
        ({"cost": 0.0003, "price_in": 1.0, "price_out": 5.0}, "0.0004 of 0.0003 are spent"),
    ],
)
def test_budget_holds_over_restarts(tmp_path: Path, budget: dict[str, float], message: str) -> None:
    ledger = tmp_path / "llm.jsonl"
    with serve(says("hi", tokens=(100, 20))) as server:
        for _ in range(2):
            chat(server.url, ledger, **budget).ask(ONE, HELLO)
        with pytest.raises(ChatFailureError, match=message):
            chat(server.url, ledger, **budget).ask(ONE, HELLO)
        assert len(server.questions) == 2


def test_tokens_are_estimated_where_the_endpoint_does_not_count(tmp_path: Path) -> None:
    with serve(says("h" * 40, tokens=None)) as server:
        chat(server.url, tmp_path / "llm.jsonl").ask(ONE, HELLO)
    entry = json.loads((tmp_path / "llm.jsonl").read_text())
    assert entry["tokens_out"] == 10
    assert 15 <= entry["tokens_in"] <= 30
