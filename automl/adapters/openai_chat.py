"""The only door to language models: any endpoint that speaks OpenAI's chat completions.

With the standard library alone: one request of one kind needs no client package. The key travels in the
header and nowhere else; redirects are not followed, since they would carry it to another host.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any

from automl.search.llm import ChatFailureError
from automl.search.llm_prompt import Message
from automl.search.llm_settings import ChatBudget, ChatEndpoint
from automl.types import TrialId

__all__ = ["OpenAiChat"]

_MOST_BYTES = 1_000_000
_CHUNK_BYTES = 65_536
_BYTES_PER_TOKEN = 4
_SHOWN = 200


class OpenAiChat:
    """A model at an endpoint, within a budget; every exchange is written down, without the key.

    Args:
        endpoint: where it answers.
        budget: what may be spent, by this and every earlier controller of the study.
        ledger: JSON Lines file of the exchanges; it also says what was spent before.
    """

    def __init__(self, endpoint: ChatEndpoint, budget: ChatBudget, ledger: Path) -> None:
        self._endpoint = endpoint
        self._budget = budget
        self._ledger = ledger
        self._tokens, self._cost = _read_spent(ledger)
        self._opener = urllib.request.build_opener(_NoRedirects)

    @property
    def name(self) -> str:
        """Which model answers."""
        return self._endpoint.model

    def ask(self, trial: TrialId, messages: Sequence[Message]) -> str:
        """The answer to a conversation.

        Raises:
            ChatFailureError: the budget is spent, or the endpoint is dead, slow, refusing or talks nonsense.
        """
        self._check_budget()
        entry: dict[str, Any] = {
            "time": time.time(),
            "trial": trial,
            "model": self.name,
            "messages": messages,
        }
        try:
            answer, usage = self._exchange(messages)
        except ChatFailureError as failure:
            self._write({**entry, "failure": str(failure)})
            raise
        tokens_in, tokens_out = usage
        cost = (tokens_in * self._budget.price_in + tokens_out * self._budget.price_out) / 1e6
        self._tokens, self._cost = self._tokens + tokens_in + tokens_out, self._cost + cost
        spent = {"tokens_in": tokens_in, "tokens_out": tokens_out, "cost": cost}
        self._write({**entry, "answer": answer, **spent})
        return answer

    def _check_budget(self) -> None:
        if self._budget.tokens is not None and self._tokens >= self._budget.tokens:
            raise ChatFailureError(f"{self._tokens} of {self._budget.tokens} tokens are spent")
        if self._budget.cost is not None and self._cost >= self._budget.cost:
            raise ChatFailureError(f"{self._cost:.4f} of {self._budget.cost:g} are spent")

    def _exchange(self, messages: Sequence[Message]) -> tuple[str, tuple[int, int]]:
        """One request; the answer, and tokens of question and answer."""
        body = json.dumps({"model": self._endpoint.model, "messages": list(messages)}).encode()
        reply = self._post(body)
        try:
            document = json.loads(reply)
            answer = document["choices"][0]["message"]["content"]
            usage = document.get("usage") or {}
            tokens_in = int(usage.get("prompt_tokens", len(body) // _BYTES_PER_TOKEN))
            tokens_out = int(usage.get("completion_tokens", len(answer) // _BYTES_PER_TOKEN))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            shown = reply[:_SHOWN].decode("utf-8", "replace")
            raise ChatFailureError(f"the endpoint answers with something else: {shown!r}") from error
        return answer, (tokens_in, tokens_out)

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self._endpoint.key:
            headers["Authorization"] = f"Bearer {self._endpoint.key}"
        url = f"{self._endpoint.base_url.rstrip('/')}/chat/completions"
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - the scheme is checked at planning
        until_s = time.monotonic() + self._endpoint.timeout_s
        try:
            with self._opener.open(request, timeout=self._endpoint.timeout_s) as response:
                return _read(response, until_s)
        except urllib.error.HTTPError as error:
            with error:
                raise ChatFailureError(f"the endpoint answers {error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                message = f"no whole answer within {self._endpoint.timeout_s:g} s"
                raise ChatFailureError(message) from error
            raise ChatFailureError(f"the endpoint cannot be reached: {reason}") from error

    def _write(self, entry: dict[str, Any]) -> None:
        with self._ledger.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect to be an error."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002 - the handler's signature
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: HTTPMessage,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        """Never."""
        return


def _read(response: Any, until_s: float) -> bytes:
    """The whole answer, unless it is too long or trickles."""
    parts: list[bytes] = []
    while part := response.read1(_CHUNK_BYTES):
        parts.append(part)
        if sum(map(len, parts)) > _MOST_BYTES:
            raise ChatFailureError(f"the answer is longer than {_MOST_BYTES} bytes")
        if time.monotonic() > until_s:
            raise TimeoutError
    return b"".join(parts)


def _read_spent(ledger: Path) -> tuple[int, float]:
    """Tokens and cost of the exchanges so far; a line that was cut short counts as none."""
    tokens, cost = 0, 0.0
    for line in ledger.read_text("utf-8").splitlines() if ledger.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        tokens += entry.get("tokens_in", 0) + entry.get("tokens_out", 0)
        cost += entry.get("cost", 0.0)
    return tokens, cost
