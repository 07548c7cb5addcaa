"""What the commands that run a study share: progress while it runs, and what is said at its end."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl.app import Outcome
    from automl.ports import Tracker

__all__ = ["conduct"]


def conduct(start: Callable[[Sequence[Tracker]], Outcome], *, as_json: bool, quiet: bool) -> int:
    """Run something, show how it goes and what came out; its exit code.

    Raises:
        KeyboardInterrupt: the user ended it; how to go on was said before.
    """
    from automl.cli.leaderboard import print_job, print_summary
    from automl.cli.live import choose_progress
    from automl.trials.interrupts import stop_signals

    for number in stop_signals():
        signal.signal(number, signal.default_int_handler)
    try:
        outcome = start(() if quiet else (choose_progress(),))
    except KeyboardInterrupt as wish:
        how = str(wish)
        if as_json:
            message = "ended by its user; all trials are stopped and recorded"
            error = {"kind": "interrupted", "message": message, "where": "", "hint": how}
            print(json.dumps({"error": error}))
        elif how:
            print(f"interrupted: all trials are stopped and recorded; go on with\n  {how}", file=sys.stderr)
        raise
    if as_json:
        print(json.dumps(outcome.document))
    elif "trials" in outcome.document:
        print_summary(outcome.document)
    else:
        print_job(outcome.document)
    return outcome.exit_code
