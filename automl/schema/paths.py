"""Dotted places in nested specs: ``train.optimizer.lr``, ``dataset.sources[0].root``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["get_path", "split_path", "with_path"]

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def split_path(path: str) -> tuple[str | int, ...]:
    """Keys and indices of a dotted path, outermost first."""
    return tuple(int(index) if index else key for key, index in _STEP.findall(path))


def get_path(spec: Any, path: str, default: Any = None) -> Any:
    """The value at a place, or ``default`` when there is no such place."""
    for step in split_path(path):
        if isinstance(step, int):
            if not isinstance(spec, list | tuple) or step >= len(spec):
                return default
        elif not isinstance(spec, Mapping) or step not in spec:
            return default
        spec = spec[step]
    return spec


def with_path(spec: Any, path: str, value: Any) -> Any:
    """A copy of the spec that holds ``value`` at a place; only what lies on the way is copied.

    Mappings that are missing (or null) on the way are made; a list never grows.

    Raises:
        KeyError: the path leads through a value that is no mapping, or past the end of a list.
    """
    return _replace(spec, split_path(path), value, path)


def _replace(node: Any, steps: tuple[str | int, ...], value: Any, path: str) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(node, list | tuple) or step >= len(node):
            raise KeyError(path)
        return [_replace(item, rest, value, path) if i == step else item for i, item in enumerate(node)]
    if node is not None and not isinstance(node, Mapping):
        raise KeyError(path)
    return {**(node or {}), step: _replace((node or {}).get(step), rest, value, path)}
