"""Composition root: picks a plan's adapters and runs it as a study, a plain training or a plain action."""

from __future__ import annotations

from automl.app.outcome import Outcome
from automl.app.run import run

__all__ = ["Outcome", "run"]
