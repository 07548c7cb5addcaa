"""Trials proposed by a language model, with a searcher behind it for when the model has nothing to say.

Whoever proposed a trial is recorded with it: what the model proposed carries its name as the source, and a
study that is retraced adopts it; what the searcher proposed in its place says why, and can be derived again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from automl.errors import EnvironmentUnusableError
from automl.ports import Proposal, Searcher
from automl.search.llm_prompt import Message, make_messages, make_repair
from automl.search.llm_reply import InvalidReplyError, Reply, read_reply
from automl.space import SearchSpace
from automl.study.state import DEFAULT_TRIAL
from automl.types import Budget, Metric, Params, Report, TrialId, TrialRecord

__all__ = ["ChatFailureError", "ChatModel", "LlmSearcher", "LlmTask", "Manner", "OnFailure"]

_LOG = logging.getLogger(__name__)
_ATTEMPTS = 3
_FAILURES_UNTIL_GIVEN_UP = 2
_MOST_FINDINGS = 12


class ChatFailureError(Exception):
    """The endpoint gave no answer: dead, slow, refusing, or its budget is spent; the text says which."""


class ChatModel(Protocol):
    """A language model at an endpoint."""

    @property
    def name(self) -> str:
        """Which model answers."""

    def ask(self, trial: TrialId, messages: Sequence[Message]) -> str:
        """The answer to a conversation.

        Raises:
            ChatFailureError: there is none.
        """


class Manner(StrEnum):
    """How a language model takes part in a search."""

    LLM = "llm"
    """It proposes every trial."""
    HYBRID = "hybrid"
    """It and the searcher take turns."""
    AUTORESEARCH = "autoresearch"
    """It proposes every trial, and keeps a notebook of findings and hypotheses."""


class OnFailure(StrEnum):
    """What a study does when the endpoint gives no answer that can be used."""

    AUTO = "auto"
    STOP = "stop"


@dataclass(frozen=True)
class LlmTask:
    """What a model is asked about.

    Attributes:
        space: what may vary.
        metric: what is improved.
        budget: what may be spent.
        manner: how it takes part.
        on_failure: what happens when it has no answer.
    """

    space: SearchSpace
    metric: Metric
    budget: Budget
    manner: Manner
    on_failure: OnFailure


class LlmSearcher:
    """Asks a language model for parameters, and a searcher in its place.

    Args:
        searcher: hears everything as well; takes its turns, and the model's where that fails.
        chat: the model; None where a study is retraced, so that only the searcher is asked.
        task: what the model is asked about.
    """

    def __init__(self, searcher: Searcher, chat: ChatModel | None, task: LlmTask) -> None:
        self._searcher = searcher
        self._chat = chat
        self._task = task
        self._records: dict[TrialId, TrialRecord] = {}
        self._failures = 0

    def suggest(self, trial: TrialId) -> Proposal | None:
        """Parameters for a new trial and why.

        Raises:
            EnvironmentUnusableError: the model has no answer, and the study shall stop then.
        """
        chat = self._chat
        if trial == DEFAULT_TRIAL or chat is None or not self._has_turn(trial):
            return self._searcher.suggest(trial)
        if self._failures >= _FAILURES_UNTIL_GIVEN_UP:
            return self._in_its_place(trial, f"{chat.name} was given up after {self._failures} failures")
        try:
            reply = self._consult(chat, trial)
        except (ChatFailureError, InvalidReplyError) as failure:
            return self._fail(chat, trial, str(failure))
        self._failures = 0
        reason = f"{reply.finding} | {reply.reason}" if reply.finding else reply.reason
        return Proposal(reply.params, reason=reason or "no reason given", source=chat.name)

    def adopt(self, record: TrialRecord) -> None:
        """Take in that a trial exists."""
        self._records[record.id] = record
        self._searcher.adopt(record)

    def observe(self, trial: TrialId, report: Report) -> None:
        """Take in one epoch."""
        if trial in self._records:
            known = self._records[trial]
            value = report.value if report.value is not None else known.value
            self._records[trial] = replace(known, reports=(*known.reports, report), value=value)
        self._searcher.observe(trial, report)

    def tell(self, record: TrialRecord) -> None:
        """Take in a trial that is paused or final."""
        self._records[record.id] = record
        self._searcher.tell(record)

    def _has_turn(self, trial: TrialId) -> bool:
        return self._task.manner is not Manner.HYBRID or int(trial) % 2 == 1

    def _consult(self, chat: ChatModel, trial: TrialId) -> Reply:
        """Ask, and ask again with what was wrong; an answer that is never usable is a failure."""
        records = list(self._records.values())
        messages = make_messages(
            self._task.space, self._task.metric, self._task.budget, records, findings=self._findings()
        )
        for attempt in range(_ATTEMPTS):
            answer = chat.ask(trial, messages)
            try:
                reply = read_reply(answer, self._task.space)
                self._refuse_known(reply.params)
            except InvalidReplyError as fault:
                if attempt == _ATTEMPTS - 1:
                    raise
                messages += make_repair(answer, str(fault))
            else:
                return reply
        raise AssertionError("the last attempt returns or raises")

    def _findings(self) -> list[str] | None:
        """The notebook: what the model said of each of its trials, with what came of it."""
        if self._task.manner is not Manner.AUTORESEARCH:
            return None
        own = [record for record in self._records.values() if record.source]
        return [f"trial {r.id}: {r.reason} => {r.state.value}, {r.value}" for r in own[-_MOST_FINDINGS:]]

    def _refuse_known(self, params: Params) -> None:
        for record in self._records.values():
            if record.params == params:
                raise InvalidReplyError(f"this configuration was tried as trial {record.id}")

    def _fail(self, chat: ChatModel, trial: TrialId, why: str) -> Proposal | None:
        self._failures += 1
        if self._task.on_failure is OnFailure.STOP:
            raise EnvironmentUnusableError(
                f"{chat.name} has no proposal for trial {trial}: {why}",
                where="--algorithm",
                hint="see why it does not answer; with --on-llm-failure auto a study goes on without it",
            )
        _LOG.warning("trial=%s %s has no proposal: %s; auto proposes in its place", trial, chat.name, why)
        return self._in_its_place(trial, f"{chat.name} failed: {why}")

    def _in_its_place(self, trial: TrialId, why: str) -> Proposal | None:
        proposal = self._searcher.suggest(trial)
        return proposal and replace(proposal, reason=f"{proposal.reason} (auto in place of a model: {why})")
