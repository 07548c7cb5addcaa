"""What each cause of a failed launch means for the trial and for the search; the one table of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from automl.types import Cause, TrialRecord

__all__ = ["TREATMENTS", "Treatment", "is_machines_fault", "may_retry", "needs_relief"]


@dataclass(frozen=True)
class Treatment:
    """How a failed launch is answered.

    Attributes:
        retries: so many further launches, free of budget, since epochs that were reached already count once.
        is_bad_point: whether the search learns, once no launch is left, that the configuration is bad. So it
            does of one that hangs again and again: were that forgotten, its neighbours would be proposed one
            after another, each to wait for its deadline.
        needs_relief: whether the same launch would fail again, so that something has to be changed.
    """

    retries: int
    is_bad_point: bool
    needs_relief: bool = False


TREATMENTS: Mapping[Cause, Treatment] = MappingProxyType(
    {
        Cause.BAD_SPEC: Treatment(0, is_bad_point=True),
        Cause.BAD_DATA: Treatment(0, is_bad_point=False),
        Cause.OUT_OF_MEMORY: Treatment(1, is_bad_point=True, needs_relief=True),
        Cause.DIVERGED: Treatment(0, is_bad_point=True),
        Cause.NO_METRIC: Treatment(0, is_bad_point=True),
        Cause.INFEASIBLE: Treatment(0, is_bad_point=True),
        Cause.INFRASTRUCTURE: Treatment(2, is_bad_point=False),
        Cause.TIMEOUT: Treatment(1, is_bad_point=True),
        Cause.DEFECT: Treatment(0, is_bad_point=True),
    }
)


def may_retry(record: TrialRecord, cause: Cause) -> bool:
    """Whether a trial whose launch failed so is worth another one."""
    treatment = TREATMENTS.get(cause)
    return treatment is not None and record.failures.count(cause) < treatment.retries


def is_machines_fault(cause: Cause) -> bool:
    """Whether what a trial ran on has failed, and not the trial."""
    treatment = TREATMENTS.get(cause)
    return treatment is not None and treatment.retries > 0 and not treatment.needs_relief


def needs_relief(cause: Cause) -> bool:
    """Whether another launch has to be made lighter than the one that ended so."""
    treatment = TREATMENTS.get(cause)
    return treatment is not None and treatment.needs_relief
