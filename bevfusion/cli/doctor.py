"""``bevfusion doctor``: do detector, data and evaluator work on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from bevfusion.cli.actions import Overrides, SpecFile
from bevfusion.errors import DataError

if TYPE_CHECKING:
    from bevfusion.doctor import Check

__all__ = ["doctor"]


def doctor(
    spec: SpecFile,
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check packages, device, operators, evaluator and data; exit code 3 when one fails."""
    from bevfusion.doctor import CheckStatus, examine

    checks = []
    for check in examine(spec, overrides or ()):
        checks.append(check)
        if not as_json:
            _print(check)
    failed = sum(check.status is CheckStatus.FAILED for check in checks)
    if as_json:
        _print_document(checks)
    else:
        print(f"\n{failed} of {len(checks)} checks failed" if failed else "\nfit for training")
    return DataError.exit_code if failed else 0


def _print(check: Check) -> None:
    print(f"{check.status.value:<8} {check.name:<22} {check.found}", flush=True)
    if check.remedy:
        print(f"{'':<8} {'':<22} -> {check.remedy}", flush=True)


def _print_document(checks: list[Check]) -> None:
    from dataclasses import asdict

    from bevfusion.doctor import CheckStatus

    worst = max((check.status for check in checks), key=[*CheckStatus].index)
    print(json.dumps({"status": worst, "checks": [asdict(check) for check in checks]}, indent=2))
