"""Whether this machine, this data and this evaluator are fit for a study: checks, each with its remedy."""

from automl.doctor.check import Check, CheckStatus
from automl.doctor.examination import examine

__all__ = ["Check", "CheckStatus", "examine"]
