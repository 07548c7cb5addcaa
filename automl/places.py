"""Where data and results lie: in a folder of this machine, or at a URI that a folder stands for."""

from __future__ import annotations

from pathlib import Path

from automl.trials.folder import write_atomically

__all__ = ["is_uri", "origin_of", "tell_place", "write_origin"]

_ORIGIN = ".origin"


def is_uri(place: str) -> bool:
    """Whether a place is no path of this machine."""
    return "://" in place


def origin_of(results_dir: Path) -> str | None:
    """The URI that a working folder stands for; None for a folder of its own."""
    try:
        return (results_dir / _ORIGIN).read_text("utf-8")
    except OSError:
        return None


def tell_place(results_dir: Path) -> str:
    """A place of results as ``--results-dir`` takes it: the folder, or the URI that it stands for."""
    return origin_of(results_dir) or str(results_dir)


def write_origin(results_dir: Path, uri: str) -> None:
    """Note down that a folder of this machine is the working copy of what lies at a URI."""
    write_atomically(results_dir / _ORIGIN, uri)
