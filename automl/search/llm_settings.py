"""Where a language model answers, and what its answers may cost."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ChatBudget", "ChatEndpoint"]


@dataclass(frozen=True)
class ChatEndpoint:
    """Where a model answers.

    Attributes:
        base_url: up to and without ``/chat/completions``.
        model: name of the model there.
        key: secret; empty where the endpoint asks for none.
        timeout_s: longest wait for a whole answer.
    """

    base_url: str
    model: str
    key: str = field(default="", repr=False)
    timeout_s: float = 60.0


@dataclass(frozen=True)
class ChatBudget:
    """What may be spent on a study's questions; None is no limit.

    Attributes:
        tokens: of questions and answers together.
        cost: in the currency of the prices.
        price_in: of a million tokens of questions.
        price_out: of a million tokens of answers.
    """

    tokens: int | None = None
    cost: float | None = None
    price_in: float = 0.0
    price_out: float = 0.0
