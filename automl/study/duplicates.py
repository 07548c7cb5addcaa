"""Parameters that are proposed a second time are a repeat on purpose, on a seed of its own."""

from __future__ import annotations

from dataclasses import replace

from automl.ports import Proposal
from automl.study.state import StudyState

__all__ = ["give_fresh_seed"]

_FIRST_SEED = 1000
"""Above those of the finals, which stay fresh."""


def give_fresh_seed(new: Proposal, state: StudyState) -> Proposal:
    """The proposal, on a seed that none of its parameters' trainings had.

    The same training twice would tell nothing; on another seed it tells how much of a figure is chance. A
    proposal that goes on from a checkpoint, or brings a seed, is left as it is.
    """
    if new.origin is not None or new.seed:
        return new
    same = state.list_same(new.params)
    if not same:
        return new
    seed = max(_FIRST_SEED, *(record.seed + 1 for record in same))
    return replace(
        new, seed=seed, reason=f"{new.reason or 'proposed again'}; trial {same[0].id} on seed {seed}"
    )
