"""Parameters that are proposed a second time are a repeat on purpose, on a seed of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from automl.ports import Proposal
from automl.types import Role, TrialRecord

__all__ = ["give_fresh_seed"]

_FIRST_SEED = 1000
"""Above those of the finals, which stay fresh."""


def give_fresh_seed(new: Proposal, records: Iterable[TrialRecord]) -> Proposal:
    """The proposal, on a seed that none of its parameters' trainings had.

    The same training twice would tell nothing; on another seed it tells how much of a figure is chance. A
    proposal that goes on from a checkpoint, or brings a seed, is left as it is.
    """
    if new.origin is not None or new.seed:
        return new
    same = [r for r in records if r.role is Role.SEARCH and r.origin is None and r.params == new.params]
    if not same:
        return new
    seed = max(_FIRST_SEED, *(record.seed + 1 for record in same))
    return replace(
        new, seed=seed, reason=f"{new.reason or 'proposed again'}; trial {same[0].id} on seed {seed}"
    )
