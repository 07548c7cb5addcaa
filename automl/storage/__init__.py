"""Data and results that lie elsewhere: staged on this machine once, sent back as they appear."""

from automl.storage.results import fetch_best, fetch_study, open_results, origin_of
from automl.storage.staging import StagedData, StagingFactory, stage
from automl.storage.upload import make_uploader

__all__ = [
    "StagedData",
    "StagingFactory",
    "fetch_best",
    "fetch_study",
    "make_uploader",
    "open_results",
    "origin_of",
    "stage",
]
