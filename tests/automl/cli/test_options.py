import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from automl.cli.options import RUN_OPTIONS, build_request, takes_part_of_request, takes_request
from automl.errors import UsageError
from automl.request import RunRequest, parse_duration


def test_every_field_of_a_request_has_its_flag() -> None:
    names = {field.name for field in fields(RunRequest)}
    assert names - set(RUN_OPTIONS) == {"time_budget_s", "disk_quota_bytes", "stall_timeout_s"}
    assert set(RUN_OPTIONS) - names == {
        "time_budget", "disk_quota", "stall_timeout", "no_automl", "config",
    }  # fmt: skip


def test_what_was_not_given_is_the_default() -> None:
    assert build_request(dict.fromkeys(RUN_OPTIONS)) == RunRequest()
    assert build_request({"params": [], "trials": 3}) == RunRequest(trials=3)


def test_no_automl_is_policy_off() -> None:
    assert build_request({"no_automl": True}).policy == "off"
    assert build_request({"no_automl": True, "policy": "off"}).policy == "off"
    with pytest.raises(UsageError, match="--no-automl contradicts --policy on"):
        build_request({"no_automl": True, "policy": "on"})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("45m", 2700), ("2h", 7200), ("1.5d", 129600), ("1h30m", 5400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert build_request({"time_budget": text}).time_budget_s == seconds


@pytest.mark.parametrize("text", ["", "h", "2 hours", "0", "-1h", "1h?"])
def test_durations_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"policy": "maybe"}, "--policy: 'maybe' is not a choice\n  -> one of on, off"),
        (
            {"open_bounds": "guess"},
            "--open-bounds: 'guess' is not a choice\n  -> one of refuse, around-default",
        ),
        ({"direction": "up"}, "--direction: 'up' is not a choice"),
        ({"trials": 0, "gpu_hours": 0.0}, "--gpu-hours: 0.0 is too small"),
        ({"gpus_per_trial": -1.0}, "--gpus-per-trial: -1.0 is negative"),
        ({"seed": -1}, "--seed: -1 is negative"),
    ],
)
def test_values_without_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_request(given)
    assert message in str(caught.value)


def test_small_fractions_of_cores_and_hours_are_fine() -> None:
    request = build_request({"gpu_hours": 0.5, "cpus_per_trial": 0.5, "gpus_per_trial": 0.25})
    assert (request.gpu_hours, request.cpus_per_trial, request.gpus_per_trial) == (0.5, 0.5, 0.25)


def test_flags_win_over_the_config_file(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        "model: bevfusion\ntrials: 5\nset: [train.num_epochs=3]\ntime-budget: 2h\nno-automl: true\n"
        "results-dir: out\ngpus_per_trial: 1\nparam: a=1:2\nseed:\n"
    )
    request = build_request({"config": path, "trials": 9})
    assert request == RunRequest(
        model="bevfusion",
        trials=9,
        overrides=("train.num_epochs=3",),
        time_budget_s=7200.0,
        policy="off",
        results_dir=Path("out"),
        gpus_per_trial=1.0,
        params=("a=1:2",),
    )


def test_all_faults_of_the_config_file_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("trails: 3\ntrials: many\nseed: 1.5\njson: 1\nconfig: x\nmodel: [a]\n")
    with pytest.raises(UsageError) as caught:
        build_request({"config": path})
    text = str(caught.value)
    assert "run.yaml:trails: is not a flag of run\n  -> did you mean 'trials'?" in text
    assert "run.yaml:trials: 'many' is not a int" in text
    assert "run.yaml:seed: 1.5 is not a int" in text
    assert "run.yaml:json: 1 is not a bool" in text
    assert "run.yaml:config: is not a flag of run" in text
    assert "run.yaml:model: ['a'] is not a str" in text


def test_commands_receive_one_request_and_their_own_flags() -> None:
    @takes_request
    def whole(request: RunRequest) -> int:
        return request.trials or 0

    @takes_part_of_request(["seed"], {"own": int})
    def part(request: RunRequest, own: int) -> int:
        return request.seed + own

    assert whole(trials=4) == 4
    assert part(seed=1, own=2) == 3
    assert list(inspect.signature(whole).parameters) == list(RUN_OPTIONS)
    assert list(inspect.signature(part).parameters) == ["seed", "own"]


def test_sizes_and_silences_are_read_as_people_write_them() -> None:
    request = build_request({"disk_quota": "1.5GB", "stall_timeout": "2h"})
    assert (request.disk_quota_bytes, request.stall_timeout_s) == (1_500_000_000, 7200.0)


@pytest.mark.parametrize("text", ["20", "0GB", "-1GB", "many", "1e3 GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=rf"--disk-quota: '{text}' is not a size"):
        build_request({"disk_quota": text})
