"""``automl run``: start a study, a plain training, or one plain action."""

from __future__ import annotations

import json
import signal
import sys

from automl.cli.options import takes_request
from automl.request import RunRequest

__all__ = ["command"]


@takes_request
def command(request: RunRequest) -> int:
    r"""Start a study (train, AutoML on), a plain training, or one plain action.

    \b
    Examples:
      automl run --model bevfusion --data ./kitti --trials 20 --max-epochs 12
      automl run --model bevfusion --action dataset_convert --data ./kitti
    """
    from automl.app import run
    from automl.cli.leaderboard import print_job, print_summary
    from automl.cli.progress import ConsoleProgress

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        outcome = run(request, () if request.quiet else (ConsoleProgress(),))
    except KeyboardInterrupt:
        print("interrupted: all trials are stopped and recorded; see automl status", file=sys.stderr)
        raise
    if request.as_json:
        print(json.dumps(outcome.document))
    elif "trials" in outcome.document:
        print_summary(outcome.document)
    else:
        print_job(outcome.document)
    return outcome.exit_code
