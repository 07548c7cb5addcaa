"""Folders of studies and jobs: their layout, their ids, and finding them again."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from automl.errors import EnvironmentUnusableError, StudyError, UsageError
from automl.places import tell_place
from automl.tracking import TrackingStore
from automl.trials.folder import TrialFolder, write_atomically, writer_of
from automl.types import Budget, Constraint, Direction, Metric, StudyId, StudySheet, TrialId

__all__ = ["StudyFolder", "check_name", "find_folder", "list_folders", "new_folder", "process_start"]

_START_FIELD = 19
_DEAD = "ZX"
_TRACKING_IDS = ("tracking_uri", "experiment_id", "run_id")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DRAFT = re.compile(r"\..+\.tmp|warm_start\.json")
"""What a study leaves behind whose controller died before ``study.json`` was written."""
_DEFAULT_RESULTS_DIR = "results"


@dataclass(frozen=True)
class StudyFolder:
    """Every path of a study or job, named once (contract section 7).

    Attributes:
        root: the folder; its name is the id.
    """

    root: Path

    @property
    def id(self) -> StudyId:
        """Id of the study or job."""
        return StudyId(self.root.name)

    @property
    def results_dir(self) -> str:
        """Where it lies, as ``--results-dir`` takes it: a folder, or the URI that the folder stands for."""
        return tell_place(self.root.parent)

    @property
    def sheet(self) -> Path:
        """What was asked; written once."""
        return self.root / "study.json"

    @property
    def job(self) -> Path:
        """What was asked of a plain action that is no training."""
        return self.root / "job.json"

    @property
    def events(self) -> Path:
        """The append-only truth."""
        return self.root / "events.jsonl"

    @property
    def tracking(self) -> Path:
        """Where the tracker put this study: uri, experiment, run."""
        return self.root / "tracking.json"

    @property
    def best(self) -> Path:
        """Spec, checkpoint and metrics of the winner."""
        return self.root / "best"

    @property
    def report(self) -> Path:
        """The page that tells the whole story."""
        return self.root / "report.html"

    @property
    def final_check(self) -> Path:
        """Evaluations of finished models on the test part."""
        return self.root / "final_check"

    @property
    def figures(self) -> Path:
        """The report's charts, a file each."""
        return self.root / "figures"

    def command(self, name: str) -> str:
        """The command line of a command about this study, for people who stand in the same directory."""
        is_default = self.root.parent == Path(_DEFAULT_RESULTS_DIR).resolve()
        place = "" if is_default else f" --results-dir {shlex.quote(self.results_dir)}"
        return f"automl {name} {self.id}{place}"

    def list_checked(self) -> list[TrialId]:
        """Finished trials whose evaluation on the test part has begun."""
        return sorted((TrialId(path.name) for path in self.final_check.glob("[0-9]*")), key=int)

    def trial(self, trial: TrialId) -> TrialFolder:
        """Folder of one trial."""
        return TrialFolder(self.root / "trials" / trial)

    def drop_drafts(self) -> None:
        """Delete what processes that died here left half written; a copy of a model may be large."""
        for path in (*self.root.glob(".*.tmp"), *self.best.glob(".*.tmp")):
            writer = writer_of(path)
            if writer is not None and process_start(writer) is None:
                path.unlink(missing_ok=True)

    def write_sheet(self, sheet: StudySheet, asked: Mapping[str, Any]) -> None:
        """Write ``study.json``.

        Args:
            sheet: what identifies the study.
            asked: everything else worth keeping: policy, algorithm, seeds, spec, versions.
        """
        write_atomically(self.sheet, json.dumps({**sheet.to_json(), **asked}, indent=2) + "\n")

    def read_sheet(self) -> StudySheet:
        """Read ``study.json``, or ``job.json`` of a plain action.

        Raises:
            StudyError: it is missing or damaged.
        """
        path = self.job if self.job.is_file() else self.sheet
        try:
            found = json.loads(path.read_text("utf-8"))
            return StudySheet(
                study_id=self.id,
                root=self.root,
                model=found["model"],
                metric=Metric(
                    found["metric"],
                    Direction(found["direction"]),
                    _constraints(found),
                    _mean_of_last(found),
                ),
                budget=Budget(**found["budget"]),
                space=found["space"],
                tags=found["tags"],
                is_search=found["is_search"],
                objectives=tuple(
                    Metric(o["name"], Direction(o["direction"])) for o in found.get("objectives", ())
                ),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StudyError(f"cannot be read: {error}", where=str(path)) from error

    def read_tracking(self) -> Mapping[str, str] | None:
        """Tracking uri, experiment and run; None while nothing was tracked."""
        found = self._read_tracking()
        is_known = all(isinstance(found.get(name), str) for name in _TRACKING_IDS)
        return {name: found[name] for name in _TRACKING_IDS} if is_known else None

    def read_tracking_store(self) -> TrackingStore | None:
        """The store that the study's runs go to, whether it was ever reached or not; None for no store."""
        found = self._read_tracking()
        try:
            artifacts = found["artifacts"]
            return TrackingStore(
                found["tracking_uri"], found["experiment"], Path(artifacts) if artifacts else None
            )
        except (KeyError, TypeError):
            return None

    def write_tracking(self, store: TrackingStore, **ids: str) -> None:
        """Write down the store; once it was reached, with the ids of experiment and run."""
        known = {
            "tracking_uri": store.uri,
            "experiment": store.experiment,
            "artifacts": str(store.artifacts) if store.artifacts else None,
        }
        before = self._read_tracking()
        is_same = all(before.get(name) == known[name] for name in ("tracking_uri", "experiment"))
        kept = {name: value for name, value in before.items() if is_same and name not in known}
        entry = {**known, **kept, **ids}
        if entry != before:
            write_atomically(self.tracking, json.dumps(entry, indent=2) + "\n")

    def _read_tracking(self) -> dict[str, Any]:
        try:
            found = json.loads(self.tracking.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _constraints(found: Mapping[str, Any]) -> tuple[Constraint, ...]:
    return tuple(Constraint(**fields) for fields in found.get("constraints", ()))


def _mean_of_last(found: Mapping[str, Any]) -> int | None:
    epochs = found.get("mean_of_last")
    if epochs is not None and (type(epochs) is not int or epochs < 1):
        raise ValueError(f"mean_of_last is {epochs!r}, not a number of epochs from 1 up or null")
    return epochs


def new_folder(results_dir: Path, kind: str, name: str | None = None) -> StudyFolder:
    """Make the folder of a new study or job.

    Args:
        results_dir: where studies and jobs lie.
        kind: first part of the id, before time and four random digits.
        name: the whole id, where the user chose one.

    Raises:
        UsageError: the name is none for a folder, or is taken.
        EnvironmentUnusableError: nothing can be written there.
    """
    if name is not None:
        check_name(name)
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    while True:
        root = results_dir.resolve() / (name or f"{kind}-{stamp}-{secrets.token_hex(2)}")
        try:
            root.mkdir(parents=True)
        except FileExistsError as error:
            if name is None:
                continue
            if any(not _DRAFT.fullmatch(path.name) for path in root.iterdir()):
                raise UsageError("is there already and is no study", where=str(root)) from error
        except OSError as error:
            raise EnvironmentUnusableError(
                f"cannot be written: {error.strerror}",
                where=str(root.parent),
                hint="choose another place with --results-dir",
            ) from error
        return StudyFolder(root)


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a study's folder, a path above all.

    Raises:
        UsageError: it is not letters, digits, dots, dashes and underscores.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a study",
            where="--study-id",
            hint="use letters, digits, dots, dashes and underscores, a letter or digit first, at most 100",
        )


def list_folders(results_dir: Path) -> list[StudyFolder]:
    """All studies and jobs, oldest first."""
    found = [
        StudyFolder(path)
        for path in (results_dir.resolve().iterdir() if results_dir.is_dir() else ())
        if (path / "study.json").is_file() or (path / "job.json").is_file()
    ]
    return sorted(found, key=_created)


def find_folder(results_dir: Path, wanted: str | None = None) -> StudyFolder:
    """The study or job of that id; the newest study when no id is given.

    Raises:
        UsageError: there is none; lists what there is.
    """
    folders = list_folders(results_dir)
    matching = [folder for folder in folders if (folder.id == wanted if wanted else folder.sheet.is_file())]
    if matching:
        return matching[-1]
    known = ", ".join(folder.id for folder in folders[-5:]) or "nothing"
    raise UsageError(
        f"there is no study {wanted!r}" if wanted else "there is no study yet",
        where=tell_place(results_dir),
        hint=f"found there: {known}; another place is given with --results-dir",
    )


def process_start(pid: int) -> int | None:
    """When a process of this machine started, in clock ticks since boot; None when there is none that lives.

    A pid alone says nothing: it is given away again after its process ended.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in _DEAD else int(fields[_START_FIELD])


def _created(folder: StudyFolder) -> float:
    sheet = folder.sheet if folder.sheet.is_file() else folder.job
    return sheet.stat().st_mtime
