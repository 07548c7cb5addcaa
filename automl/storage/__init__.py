"""Data and results that lie elsewhere: staged on this machine once, sent back as they appear."""

from automl.storage.results import fetch_best, fetch_study, open_results
from automl.storage.staging import StagedData, StagingFactory, stage
from automl.storage.upload import make_uploader, send_study

__all__ = [
    "StagedData",
    "StagingFactory",
    "fetch_best",
    "fetch_study",
    "make_uploader",
    "open_results",
    "send_study",
    "stage",
]
