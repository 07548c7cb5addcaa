"""The ``dataset_convert`` jobs of a results folder: what each converted, and which one a run reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automl.errors import StudyError, UsageError
from automl.places import is_uri, tell_place
from automl.request import RunRequest
from automl.study.job import read_entry
from automl.study.store import StudyFolder, list_folders

__all__ = ["CONVERT", "ConvertJob", "choose_convert_job", "convert_job_of", "source_name"]

CONVERT = "dataset_convert"


@dataclass(frozen=True)
class ConvertJob:
    """One job, and what it has read.

    Attributes:
        folder: of the job; the converted files lie there.
        converted: data root, as `source_name` tells it.
        created: when, as its job file says.
    """

    folder: Path
    converted: str
    created: str


def convert_job_of(folder: Path) -> ConvertJob | None:
    """The job of a folder; a job file that cannot be read belongs to no job."""
    try:
        entry = read_entry(StudyFolder(folder))
        if entry["action"] != CONVERT or not entry["data"]:
            return None
        converted = source_name(entry["data"], Path(entry["data"]).resolve())
        return ConvertJob(folder, converted, str(entry.get("created", "")))
    except (StudyError, KeyError, TypeError, OSError, ValueError):
        return None


def choose_convert_job(request: RunRequest, source: str) -> ConvertJob | None:
    """The job whose files a run reads: the one of ``--convert-job-id``, else the newest for its data, if any.

    Args:
        request: names the results folder, and perhaps the job.
        source: data root of the run, as `source_name` tells it.

    Raises:
        UsageError: there is no such job, or it has converted other data.
    """
    jobs = _convert_jobs(request.results_dir)
    fitting = [job for job in jobs if job.converted == source]
    if request.convert_job_id is None:
        return next(iter(fitting), None)
    chosen = next((job for job in jobs if job.folder.name == request.convert_job_id), None)
    if chosen is None:
        known = ", ".join(job.folder.name for job in fitting) or "none"
        raise UsageError(
            f"there is no {CONVERT} job {request.convert_job_id!r}",
            where=tell_place(request.results_dir),
            hint=f"jobs for {source}: {known}",
        )
    if chosen.converted != source:
        raise UsageError(
            f"job {request.convert_job_id} converted {chosen.converted}, not {source}",
            where="--convert-job-id",
        )
    return chosen


def source_name(data: str | None, root: Path) -> str:
    """What a convert job notes down as its data: a URI as it was said, else the resolved path."""
    return data if data and is_uri(data) else str(root)


def _convert_jobs(results_dir: Path) -> list[ConvertJob]:
    """All jobs, newest first."""
    found = (convert_job_of(folder.root) for folder in list_folders(results_dir))
    jobs = [job for job in found if job is not None]
    return sorted(jobs, key=lambda job: (job.created, job.folder.name), reverse=True)
