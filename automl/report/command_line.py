"""The command that asks for the same study again, from the request that a study stores."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from automl.request import RunRequest

__all__ = ["FLAGS_BY_FIELD", "command_of", "without_password"]

FLAGS_BY_FIELD: Mapping[str, str] = MappingProxyType(
    {
        "overrides": "--set",
        "time_budget_s": "--time-budget",
        "stall_timeout_s": "--stall-timeout",
        "disk_quota_bytes": "--disk-quota",
        "objectives": "--objective",
        "constraints": "--constraint",
        "params": "--param",
        "drops": "--drop",
        "as_json": "--json",
        "assume_yes": "--yes",
    }
)
"""Flags that are called otherwise than their field."""
_ONLY_FOR_PEOPLE = frozenset({"as_json", "quiet", "assume_yes"})


def command_of(request: Mapping[str, Any]) -> str:
    """The command line of a stored request; what equals the default is left out.

    Args:
        request: field to value, as `RunRequest.to_json` wrote it.
    """
    return shlex.join(["automl", "run", *_words(request)])


def without_password(uri: str) -> str:
    """A URI without the user and password that it may carry."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return uri if host == parts.netloc else urlunsplit(parts._replace(netloc=host))


def _words(request: Mapping[str, Any]) -> Iterator[str]:
    usual = RunRequest().to_json()
    for name, value in request.items():
        if name in _ONLY_FOR_PEOPLE or value == usual.get(name) or value in (None, [], ()):
            continue
        flag = FLAGS_BY_FIELD.get(name, "--" + name.replace("_", "-"))
        for item in value if isinstance(value, list | tuple) else [value]:
            yield flag
            yield without_password(str(item).removesuffix(".0"))
