"""How many trainings name the winner: fresh seeds of the finalists and of the default."""

from __future__ import annotations

from dataclasses import replace

from automl.errors import UsageError
from automl.request import RunRequest
from automl.types import Budget

__all__ = ["add_finals", "finals_warnings"]

_SEEDS, _FINALISTS = 3, 3


def add_finals(budget: Budget, request: RunRequest, *, seed_key: str | None) -> Budget:
    """The budget with the finals that ``--seeds`` and ``--confirm-top`` ask for; by default there are none.

    One of the two alone brings the other as 3: two seeds hardly show a spread, and each finalist more costs
    as many trainings as there are seeds.

    Args:
        budget: what may be spent.
        request: the flags.
        seed_key: where the spec holds the seed of a training.

    Raises:
        UsageError: the model has no such key, so that all repeats would be one and the same training.
    """
    if request.seeds is None and request.confirm_top is None:
        return budget
    if seed_key is None:
        raise UsageError(
            "the model does not say which key holds the seed of a training",
            where="--seeds" if request.seeds else "--confirm-top",
            hint="name it as actions.train.spec_keys.seed in skill_info.yaml, or leave the flag out",
        )
    finalists = min(request.confirm_top or _FINALISTS, max(1, budget.trials - 1))
    return replace(budget, seeds=request.seeds or _SEEDS, finalists=finalists)


def finals_warnings(budget: Budget) -> list[str]:
    """What the finals cost, where that is more than they get."""
    epochs = budget.repeats * budget.max_epochs
    if budget.epochs is None or epochs <= budget.epochs / 2:
        return []
    return [
        f"{budget.seeds} seeds of {budget.finalists} finalists and the default are {epochs} epochs; "
        f"they get {budget.epochs // 2} of {budget.epochs}, half of the budget, as far as that reaches"
    ]
