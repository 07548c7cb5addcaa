"""What a run needs when its data or its results lie at a URI."""

from __future__ import annotations

from collections.abc import Sequence

from automl.places import is_uri
from automl.ports import JobFactory, Tracker
from automl.study.store import StudyFolder

__all__ = ["fetch_first", "uploaders"]


def fetch_first(factory: JobFactory, data: str | None) -> JobFactory:
    """Trials on other nodes have to fetch what planning fetched onto this one."""
    if data is None or not is_uri(data):
        return factory
    from automl.storage import StagingFactory, stage  # noqa: PLC0415 - local data need no object store

    return StagingFactory(factory, stage(data))


def uploaders(folder: StudyFolder) -> Sequence[Tracker]:
    """What sends the folder of a study or action to where its results belong; told last of all trackers."""
    from automl.storage import make_uploader  # noqa: PLC0415 - slow to import

    return make_uploader(folder.root)
