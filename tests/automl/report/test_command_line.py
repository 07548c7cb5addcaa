"""The command of a stored request means what the request meant."""

import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from automl.cli.options import RUN_OPTIONS, build_request
from automl.report.command_line import FLAGS_BY_FIELD, command_of, without_password
from automl.request import RunRequest


def flag_of(option: Any) -> str:
    return str(get_args(option)[1].default)


def test_every_field_has_a_flag_that_exists() -> None:
    flags = {flag_of(option) for option in RUN_OPTIONS.values()}
    named = {FLAGS_BY_FIELD.get(f.name, "--" + f.name.replace("_", "-")) for f in fields(RunRequest)}
    assert named <= flags


def test_the_command_gives_the_same_request_again(tmp_path: Path) -> None:
    request = build_request(
        {"skill_dir": tmp_path, "trials": 4, "params": ["lr=1e-4:1e-2:log", "kind=a,b"], "seed": 3,
         "gpus_per_trial": 0.5, "time_budget": "1h30m", "overrides": ["a=b c"], "results_dir": tmp_path}
    )  # fmt: skip
    words = shlex.split(command_of(request.to_json()))
    given: dict[str, Any] = {}
    names = {flag_of(option): name for name, option in RUN_OPTIONS.items()}
    for flag, value in zip(words[2::2], words[3::2], strict=True):
        kind = get_args(get_args(RUN_OPTIONS[names[flag]])[0])[0]
        if kind == list[str]:
            given.setdefault(names[flag], []).append(value)
        else:
            given[names[flag]] = kind(value)
    assert build_request(given).to_json() == request.to_json()


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://me:secret@host:5000/a", "http://host:5000/a"),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db"),
        ("lr=1e-4:1e-2:log", "lr=1e-4:1e-2:log"),
    ],
)
def test_passwords_stay_out_of_reports(uri: str, shown: str) -> None:
    assert without_password(uri) == shown
