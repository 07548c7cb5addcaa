"""What the commands about one study share: their arguments, and finding the study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automl.places import is_uri

if TYPE_CHECKING:
    from automl.study.state import StudyState
    from automl.study.store import StudyFolder
    from automl.types import TrialRecord

__all__ = [
    "AsJson",
    "ResultsDir",
    "StudyArgument",
    "TrialArgument",
    "fetch_models",
    "find_results",
    "find_study",
    "find_trial",
]

_BEST = "best"

StudyArgument = Annotated[str | None, typer.Argument(metavar="STUDY", help="Study; default the newest.")]
TrialArgument = Annotated[str, typer.Argument(metavar="TRIAL", help="A trial's number, or best.")]


def find_results(place: str | Path) -> Path:
    """The folder to work in: a place of this machine as it is, a URI's working folder brought up to date.

    Raises:
        EnvironmentUnusableError: the store at the URI does not answer.
    """
    if not is_uri(str(place)):
        return Path(place)
    from automl.storage import open_results

    return open_results(str(place))


def fetch_models(study: Path, *, only_best: bool = False) -> None:
    """Bring checkpoints to this machine where results lie at a URI; looking at studies leaves them there.

    Raises:
        EnvironmentUnusableError: the store at the URI does not answer.
    """
    from automl.storage import fetch_best, fetch_study

    (fetch_best if only_best else fetch_study)(study)


ResultsDir = Annotated[
    Path,
    typer.Option(parser=find_results, metavar="DIR|URI", help="Where studies lie: a folder, or s3://..."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def find_study(results_dir: Path, study_id: str | None, *, lacks: str) -> StudyFolder:
    """The study of that id, or the newest.

    Args:
        results_dir: where studies lie.
        study_id: None for the newest.
        lacks: what a plain action does not have, for the message.

    Raises:
        UsageError: there is no such study, or it is a plain action.
    """
    from automl.errors import UsageError
    from automl.study.store import find_folder

    folder = find_folder(results_dir, study_id)
    if folder.job.is_file():
        raise UsageError(
            f"is a plain action and has no {lacks}",
            where=str(folder.root),
            hint=f"`{folder.command('status')}` shows what it measured",
        )
    return folder


def find_trial(folder: StudyFolder, state: StudyState, wanted: str) -> TrialRecord:
    """The trial of that id; ``best`` is the winner, before there is a verdict the best so far.

    Raises:
        UsageError: there is no such trial; says which there are.
        StudyError: ``best`` of a study in which nothing has a score.
    """
    from automl.errors import StudyError, UsageError
    from automl.types import TrialId

    if wanted == _BEST and state.verdict is not None:
        wanted = state.verdict["winner"]["trial"]
    elif wanted == _BEST:
        if state.incumbent is None:
            raise StudyError(
                f"{folder.id} has no trial with a score",
                where=str(folder.root),
                hint=f"`{folder.command('status')} --json` shows how each trial ended",
            )
        return state.incumbent
    if wanted not in state.records:
        known = ", ".join(state.records) or "none yet"
        raise UsageError(
            f"{folder.id} has no trial {wanted!r}", where=str(folder.root), hint=f"trials: {known}; or best"
        )
    return state.records[TrialId(wanted)]
