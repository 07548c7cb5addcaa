"""The ``automl`` command with trials one at a time and no tracker: quick to start and to kill."""

import sys
from typing import Any

from automl.adapters.sequential import SequentialScheduler
from automl.app import training
from automl.cli.main import main


class NoTracker:
    """Hears everything and does nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


if __name__ == "__main__":
    training._make_scheduler = lambda _: SequentialScheduler()
    training.make_tracker = lambda _: NoTracker()
    main(sys.argv[1:])
