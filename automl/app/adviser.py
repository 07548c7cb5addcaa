"""The language model that a study asks, if it asks one."""

from __future__ import annotations

import os

from automl.app.strategy import Adviser
from automl.planning import Plan
from automl.planning.llm import is_guided, plan_llm
from automl.study.store import StudyFolder

__all__ = ["make_adviser"]

_LEDGER = "llm.jsonl"


def make_adviser(plan: Plan, folder: StudyFolder) -> Adviser | None:
    """The model at the user's endpoint; what it was asked and answered is written beside the events.

    Raises:
        EnvironmentUnusableError: nothing says where a model answers.
    """
    if not is_guided(plan.algorithm.name):
        return None
    from automl.adapters.openai_chat import OpenAiChat  # noqa: PLC0415 - most studies ask nobody

    llm = plan_llm(plan.request, os.environ)
    return Adviser(OpenAiChat(llm.endpoint, llm.budget, folder.root / _LEDGER), llm.on_failure)
