"""Carries a trial away: a folder that can be used without the study."""

from automl.export.bundle import Bundle, export_trial

__all__ = ["Bundle", "export_trial"]
