"""One table of causes in the code and one in the docs: they say the same."""

import re
from pathlib import Path

import pytest

from automl.study.treatments import TREATMENTS, is_machines_fault, may_retry
from automl.types import Cause, TrialId, TrialRecord

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reliability.md"
NO_FAILURES = {Cause.NONE, Cause.EARLY_STOPPED, Cause.RUNG, Cause.BUDGET, Cause.USER}


def documented() -> dict[str, tuple[int, bool, bool]]:
    """Cause to launches more, whether they are made lighter, whether the search learns a bad point."""
    rows = re.findall(
        r"^\| `(\w+)` \| [^|]+ \| (\d)(, made lighter)? \| ([\w ]+) \|$", PAGE.read_text(), re.M
    )
    return {
        cause: (int(more), bool(lighter), learns == "a bad point") for cause, more, lighter, learns in rows
    }


def test_docs_and_code_have_one_table() -> None:
    known = {c.value: (t.retries, t.needs_relief, t.is_bad_point) for c, t in TREATMENTS.items()}
    assert documented() == known


def test_every_failure_has_a_treatment() -> None:
    assert set(TREATMENTS) == set(Cause) - NO_FAILURES


@pytest.mark.parametrize("cause", TREATMENTS)
def test_launches_end_after_as_many_as_the_table_says(cause: Cause) -> None:
    record = TrialRecord(TrialId("0"), {}, failures=(cause,) * TREATMENTS[cause].retries)
    assert not may_retry(record, cause)
    assert may_retry(TrialRecord(TrialId("0"), {}), cause) is (TREATMENTS[cause].retries > 0)


def test_the_machine_is_to_blame_for_what_is_tried_again_as_it_was() -> None:
    assert {cause for cause in Cause if is_machines_fault(cause)} == {Cause.INFRASTRUCTURE, Cause.TIMEOUT}
