"""Composition root: picks a plan's adapters and runs it as a study, a plain training or a plain action."""

from __future__ import annotations

from automl.app.outcome import Outcome
from automl.app.resume import resume
from automl.app.run import run
from automl.app.stop import Stop, stop
from automl.app.views import Sync, rebuild, sync

__all__ = ["Outcome", "Stop", "Sync", "rebuild", "resume", "run", "stop", "sync"]
