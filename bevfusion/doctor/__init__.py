"""Whether detector, data and evaluator work on this machine: checks, each with its remedy."""

from bevfusion.doctor.check import Check, CheckStatus
from bevfusion.doctor.examination import examine

__all__ = ["Check", "CheckStatus", "examine"]
