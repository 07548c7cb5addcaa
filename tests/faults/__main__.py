"""Strike studies with faults and print what became of them: ``python -m tests.faults --rounds 200``."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))  # of this run's own cluster

from tests.faults.lanes import run_in_lanes
from tests.faults.rounds import Outcome, plan_rounds
from tests.faults.setting import set_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Run the rounds; 1 when any of them had a problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one-at-a-time", action="store_true", help="no Ray")
    parser.add_argument("--only", help="one fault")
    parser.add_argument("--lanes", type=int, default=3, help="rounds at once")
    parser.add_argument("--minutes", type=float, default=30.0, help="begin no round after so long")
    asked = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all that was begun is cleared away
    started = time.monotonic()
    rounds = plan_rounds(asked.rounds, seed=asked.seed, is_parallel=False if asked.one_at_a_time else None)
    rounds = [wanted for wanted in rounds if asked.only in {None, wanted.fault}]
    outcomes: list[Outcome] = []
    has_ray = any(wanted.is_parallel for wanted in rounds)
    with (
        tempfile.TemporaryDirectory(prefix="automl-faults-") as folder,
        set_stage(Path(folder), has_ray=has_ray, lanes=asked.lanes) as stage,
    ):
        for outcome in run_in_lanes(stage, rounds, asked.lanes, until=started + 60 * asked.minutes):
            outcomes.append(outcome)
            _tell(outcome)
    _print_table(outcomes)
    sys.stdout.write(f"\n{len(outcomes)} rounds in {(time.monotonic() - started) / 60:.1f} min\n")
    return int(any(outcome.problem for outcome in outcomes))


def _tell(outcome: Outcome) -> None:
    wanted = outcome.round
    kind = "side by side" if wanted.is_parallel else "one at a time"
    verdict = outcome.problem or "ok"
    sys.stdout.write(
        f"round {wanted.number:3d}  {kind:13s}  {wanted.fault:21s} x{wanted.strikes}  "
        f"{outcome.controllers} controllers  {outcome.seconds:5.1f} s  {verdict}\n"
    )
    sys.stdout.flush()


def _print_table(outcomes: Sequence[Outcome]) -> None:
    rows: dict[str, dict[bool, list[Outcome]]] = defaultdict(lambda: {False: [], True: []})
    for outcome in outcomes:
        rows[outcome.round.fault][outcome.round.is_parallel].append(outcome)
    sys.stdout.write("\n| fault | one at a time | side by side |\n|---|---|---|\n")
    for fault, kinds in rows.items():
        cells = [f"{sum(not o.problem for o in found)} of {len(found)}" for found in kinds.values()]
        sys.stdout.write(f"| {fault} | {cells[0]} | {cells[1]} |\n")


if __name__ == "__main__":
    sys.exit(main())
