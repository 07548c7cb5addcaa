"""What a user asked for, as one frozen value; every flag of ``run`` and ``plan`` has its field here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from automl.errors import UsageError
from automl.places import is_uri

__all__ = ["RunRequest", "parse_duration", "parse_size"]

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[smhd]?)")
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[kMGT]?B)", re.IGNORECASE)
_UNIT_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNIT_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class RunRequest:
    """Flags of ``automl run`` and ``automl plan`` after ``--config`` was joined in; None means "not said".

    Attributes:
        model: name of an installed model; ignored when ``skill_dir`` is given.
        skill_dir: folder that makes any model tunable.
        data: data root, a folder or a URI.
        spec: spec file over the template and the profile.
        overrides: ``key=value`` pairs of ``--set``.
        policy: ``on`` or ``off`` when said explicitly (``--no-automl`` is ``off``).
        request: the user's words, read for "plain training" and the like.
        rank_by: which epochs stand for a trial: ``best``, ``last`` or ``mean:K``.
        params: ``--param`` texts, ``key=low:high[:log]`` or ``key=a,b,c``.
        allow_disabled: disabled parameters that may be searched all the same.
        open_bounds: ``refuse`` or ``around-default``.
        time_budget_s: wall time of the study.
        seeds: fresh-seed repeats of each finalist.
        confirm_top: number of finalists.
        llm_tokens: what a language model's questions and answers may take.
        llm_cost: what they may cost, in the currency of their prices.
        on_llm_failure: ``auto`` or ``stop``.
        study_id: name of the study; one of that name that was interrupted goes on.
        disk_quota_bytes: what the study's folder may take.
        stall_timeout_s: how long a trainer may say nothing.
    """

    model: str | None = None
    skill_dir: Path | None = None
    action: str = "train"
    data: str | None = None
    spec: Path | None = None
    profile: str | None = None
    overrides: tuple[str, ...] = ()
    policy: str | None = None
    request: str | None = None
    algorithm: str = "auto"
    trials: int | None = None
    max_epochs: int | None = None
    budget_epochs: int | None = None
    time_budget_s: float | None = None
    gpu_hours: float | None = None
    metric: str | None = None
    direction: str | None = None
    rank_by: str = "best"
    objectives: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    space: str | None = None
    params: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    allow_disabled: tuple[str, ...] = ()
    open_bounds: str = "refuse"
    gpus_per_trial: float | None = None
    nodes_per_trial: int | None = None
    cpus_per_trial: float | None = None
    max_concurrent: int | None = None
    ray_address: str | None = None
    tracking_uri: str | None = None
    experiment: str | None = None
    results_dir: Path = Path("results")
    study_id: str | None = None
    disk_quota_bytes: int | None = None
    stall_timeout_s: float | None = None
    parent_job_id: str | None = None
    convert_job_id: str | None = None
    warm_start: str | None = None
    llm_tokens: int | None = None
    llm_cost: float | None = None
    on_llm_failure: str = "auto"
    seeds: int | None = None
    confirm_top: int | None = None
    seed: int = 0
    as_json: bool = False
    quiet: bool = False
    assume_yes: bool = False

    def to_json(self, *, secret_keys: tuple[str, ...] = ()) -> dict[str, Any]:
        """The request so that it means the same from any folder, for `from_json`.

        Args:
            secret_keys: spec keys whose ``--set`` is left out.
        """
        secret = tuple(f"{key}=" for key in secret_keys)
        absolute = replace(
            self,
            skill_dir=self.skill_dir and self.skill_dir.resolve(),
            spec=self.spec and self.spec.resolve(),
            results_dir=self.results_dir.resolve(),
            data=self.data if self.data is None or is_uri(self.data) else _absolute(self.data),
            space=_absolute(self.space) if self.space and Path(self.space).is_file() else self.space,
            overrides=tuple(pair for pair in self.overrides if not pair.startswith(secret)),
        )
        return {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(absolute).items()
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """The request that `to_json` wrote; a flag that did not exist then means what it does by default."""
        values = {field.name: said[field.name] for field in fields(cls) if field.name in said}
        paths = {name: Path(values[name]) for name in _PATHS if values.get(name) is not None}
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **paths, **lists})


_PATHS = ("skill_dir", "spec", "results_dir")


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().resolve())


def parse_duration(text: str, where: str = "--time-budget") -> float:
    """Seconds in ``90``, ``90s``, ``45m``, ``2h``, ``1.5d`` or a sum like ``1h30m``.

    Raises:
        UsageError: the text is none of these, or not positive.
    """
    parts = list(_DURATION.finditer(text.strip()))
    seconds = sum(float(part["number"]) * _UNIT_S[part["unit"]] for part in parts)
    if "".join(part[0] for part in parts) != text.strip() or seconds <= 0:
        raise UsageError(f"{text!r} is not a duration", where=where, hint="write 90s, 45m, 2h or 1h30m")
    return seconds


def parse_size(text: str, where: str) -> int:
    """Bytes in ``500MB``, ``20GB``, ``1.5TB``; powers of 1000, as disks are sold.

    Args:
        text: what the user wrote.
        where: flag, for the message.

    Raises:
        UsageError: the text is no size, or not positive.
    """
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found["number"]) * _UNIT_BYTES[found["unit"].upper()]) if found else 0
    if size <= 0:
        raise UsageError(f"{text!r} is not a size", where=where, hint="write 500MB, 20GB or 1.5TB")
    return size
