"""``automl doctor``: is this machine, this data, this evaluator fit for a study."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from automl.cli.options import takes_part_of_request
from automl.request import RunRequest

if TYPE_CHECKING:
    from automl.doctor import Check

__all__ = ["command"]

_FLAGS = (
    "model",
    "skill_dir",
    "data",
    "convert_job_id",
    "spec",
    "profile",
    "overrides",
    "trials",
    "max_epochs",
    "gpus_per_trial",
    "max_concurrent",
    "ray_address",
    "tracking_uri",
    "results_dir",
    "config",
    "as_json",
    "quiet",
)


@takes_part_of_request(_FLAGS, {})
def command(request: RunRequest) -> int:
    r"""Check machine, services, data and the model's own side; exit code 3 when a study would fail.

    \b
    Examples:
      automl doctor
      automl doctor --model bevfusion --data ./kitti --json
    """
    from automl.doctor import CheckStatus, examine
    from automl.errors import ExitCode

    checks = []
    for check in examine(request):
        checks.append(check)
        if not request.as_json:
            _print(check)
    failed = sum(check.status is CheckStatus.FAILED for check in checks)
    if request.as_json:
        _print_document(checks)
    else:
        print(f"\n{_bottom_line(checks)}")
    return ExitCode.UNUSABLE if failed else ExitCode.DONE


def _print(check: Check) -> None:
    print(f"{check.status.value:<8} {check.name:<22} {check.found}", flush=True)
    if check.remedy:
        print(f"{'':<8} {'':<22} -> {check.remedy}", flush=True)


def _bottom_line(checks: list[Check]) -> str:
    failed, warned = (sum(check.status == status for check in checks) for status in ("failed", "warning"))
    if failed:
        return f"{failed} of {len(checks)} checks failed: a study would fail"
    return f"fit for a study{f', with {warned} warnings' if warned else ''}"


def _print_document(checks: list[Check]) -> None:
    from dataclasses import asdict

    from automl.doctor import CheckStatus

    found = {check.status for check in checks}
    worst = next(
        (status for status in (CheckStatus.FAILED, CheckStatus.WARNING) if status in found), CheckStatus.OK
    )
    print(json.dumps({"status": worst, "checks": [asdict(check) for check in checks]}))
