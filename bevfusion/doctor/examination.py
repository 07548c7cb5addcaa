"""All checks, from what everything stands on to what stands on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bevfusion.doctor.check import Check, CheckStatus, failed_by
from bevfusion.doctor.data import check_data
from bevfusion.doctor.environment import check_packages, check_stack, check_torch
from bevfusion.doctor.evaluator import check_evaluator
from bevfusion.doctor.operators import check_operators
from bevfusion.errors import SpecError
from bevfusion.spec import load_spec

__all__ = ["examine"]


def examine(path: Path, overrides: Sequence[str] = ()) -> Iterator[Check]:
    """Look at everything that a training with this spec would need, without starting one.

    Checks come one by one, since reading all frames may take minutes.

    Args:
        path: spec of train, evaluate or inference.
        overrides: ``key=value``, as for these actions.
    """
    yield check_packages()
    yield check_torch()
    yield check_stack()
    yield from check_operators()
    yield check_evaluator()
    try:
        spec = load_spec(path, overrides)
    except SpecError as error:
        yield failed_by("detector spec", error.faults)
        return
    yield Check("detector spec", CheckStatus.OK, "complete, and no key contradicts another")
    yield from check_data(spec)
