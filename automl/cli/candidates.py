"""What may come next on a command line; everything is read from names of files, nothing heavy is imported."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_type_hints

from automl.cli.main import COMMANDS

__all__ = ["list_candidates"]

_CHOICES: Mapping[str, Sequence[str]] = {
    "--action": ("train", "dataset_convert", "evaluate", "inference", "export"),
    "--policy": ("on", "off"),
    "--direction": ("maximize", "minimize"),
    "--open-bounds": ("refuse", "around-default"),
}
_KEY_FLAGS = {"--set": "=", "--param": "=", "--drop": "", "--allow-disabled": ""}
_FILE_FLAGS = {"--space": ("search_spaces", ""), "--profile": ("references", "profile_")}
_JOB_FLAGS = frozenset({"--parent-job-id", "--convert-job-id", "--warm-start", "--study-id"})
_OF_STUDIES = frozenset(
    {"status", "best", "resume", "stop", "report", "replay", "sync", "rebuild", "insight"}
)
_OF_TRIALS = frozenset({"why", "reproduce", "export"})
_SHELLS = ("bash", "zsh", "fish")


def list_candidates(words: Sequence[str]) -> list[str]:
    """Words that may stand where the last one is being written; none where a file or a number may.

    Flags are left out where something else may stand and no dash was written.

    Args:
        words: the command line without the program; the last is unfinished, perhaps empty.
    """
    *before, current = words
    found = {word for word in _candidates(before) if word.startswith(current)}
    plain = {word for word in found if not word.startswith("-")}
    return sorted(plain or found)


def _candidates(before: Sequence[str]) -> Iterable[str]:
    name = next((word for word in before if not word.startswith("-")), None)
    if name is None:
        return [*COMMANDS, "--help", "--version"]
    if name not in COMMANDS:
        return []
    last, flags = before[-1], dict(_flags(name))
    if flags.get(last, False):
        return _values(last, before)
    return [*_arguments(name, before), *flags, "--help"]


def _values(flag: str, words: Sequence[str]) -> Iterable[str]:
    """What a flag takes; nothing for one whose values are anybody's guess."""
    if flag in _KEY_FLAGS:
        return [f"{key}{_KEY_FLAGS[flag]}" for key in _spec_keys(words)]
    if flag in _JOB_FLAGS:
        return [path.name for path in _folders(words)]
    if flag in _FILE_FLAGS:
        return _files_of_skill(*_FILE_FLAGS[flag], words)
    if flag == "--model":
        return [point.name for point in entry_points(group="automl.models")]
    return _algorithms() if flag == "--algorithm" else _CHOICES.get(flag, ())


def _algorithms() -> list[str]:
    from automl.planning.sizing import AVAILABLE_ALGORITHMS

    return ["auto", *AVAILABLE_ALGORITHMS]


def _arguments(name: str, before: Sequence[str]) -> Iterable[str]:
    """Studies, or trials and then studies."""
    given = _positional(name, before)
    studies = [path for path in _folders(before) if (path / "study.json").is_file()]
    if name in _OF_STUDIES and not given:
        return [path.name for path in studies]
    if name in _OF_TRIALS and not given:
        newest = max(studies, key=lambda path: path.stat().st_mtime, default=None)
        return ["best", *(path.name for path in newest.glob("trials/*"))] if newest else ["best"]
    if name in _OF_TRIALS and len(given) == 1:
        return [path.name for path in studies]
    return _SHELLS if name == "completion" and not given else []


def _positional(name: str, before: Sequence[str]) -> list[str]:
    """Words behind the command that are neither flags nor their values."""
    behind = list(before[before.index(name) + 1 :])
    takes_value = {"--results-dir", "--out", "--port", "--tracking-uri"}
    return [
        word
        for place, word in enumerate(behind)
        if not word.startswith("-") and (place == 0 or behind[place - 1] not in takes_value)
    ]


def _flags(name: str) -> Iterator[tuple[str, bool]]:
    """Flags of a command, and whether each takes a value."""
    function = importlib.import_module(COMMANDS[name].module).command
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name, parameter.annotation)
        for option in (about for about in get_args(hint)[1:] if type(about).__name__ == "OptionInfo"):
            yield (
                _flag_of(option, parameter.name),
                bool not in (get_args(hint)[0], *get_args(get_args(hint)[0])),
            )


def _flag_of(option: Any, name: str) -> str:
    said = [word for word in (option.default, *(option.param_decls or ())) if str(word).startswith("--")]
    return str(said[0]) if said else "--" + name.replace("_", "-")


def _value_of(flag: str, words: Sequence[str]) -> str | None:
    return next((b for a, b in pairwise(words) if a == flag), None)


def _folders(words: Sequence[str]) -> list[Path]:
    root = Path(_value_of("--results-dir", words) or "results")
    names = ("study.json", "job.json")
    return [path.parent for name in names for path in root.glob(f"*/{name}")]


def _skill_root(words: Sequence[str]) -> Path | None:
    from automl.errors import AutomlError
    from automl.skills import find_skill

    if folder := _value_of("--skill-dir", words):
        return Path(folder)
    try:
        return find_skill(_value_of("--model", words))
    except AutomlError:
        return None


def _files_of_skill(folder: str, prefix: str, words: Sequence[str]) -> list[str]:
    root = _skill_root(words)
    return [path.stem.removeprefix(prefix) for path in root.glob(f"{folder}/{prefix}*.yaml")] if root else []


def _spec_keys(words: Sequence[str]) -> Iterable[str]:
    root = _skill_root(words)
    path = root and root / "schemas" / f"{_value_of('--action', words) or 'train'}.schema.json"
    if path is None or not path.is_file():
        return []
    return _leaves(json.loads(path.read_text("utf-8")).get("properties", {}), "")


def _leaves(properties: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, node in properties.items():
        if isinstance(node, dict) and "properties" in node:
            yield from _leaves(node["properties"], f"{prefix}{name}.")
        elif isinstance(node, dict):
            yield f"{prefix}{name}"
