"""Interpreter, packages, GPUs, memory and disk against what a study asks for."""

from collections import namedtuple
from pathlib import Path

import pytest

from automl.doctor import machine
from automl.doctor.check import Check, CheckStatus
from automl.planning.machine import Machine
from automl.skills import Hardware

HARDWARE = Hardware(min_gpus=2, recommended_gpus=4, min_vram_gb=24)


def test_another_python_fails_with_the_command_that_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.platform, "python_version", lambda: "3.12.1")
    found = machine.check_python()
    assert (found.status, found.found) == (CheckStatus.FAILED, "3.12.1, 3.11 is needed")
    assert found.remedy.endswith("make setup PYTHON=/path/to/python3.11")


def test_packages_are_named_with_versions_and_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "optuna 5." in machine.check_packages().found
    monkeypatch.setattr(machine, "requires", lambda _: ["numpy>=99", "nothing-like-it", "rich>=1"])
    monkeypatch.setattr(
        machine, "version", lambda name: {"numpy": "1.26.4", "rich": "15.0"}.get(name) or lost(name)
    )
    found = machine.check_packages()
    assert (found.status, found.found) == (
        CheckStatus.FAILED, "numpy 1.26.4, >=99 is needed; nothing-like-it is missing",
    )  # fmt: skip


def lost(name: str) -> str:
    raise machine.PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("memory", "status", "text"),
    [
        ((), "warning", "none; the model asks for 2, better 4, of 24 GB each"),
        ((24.0, 16.0), "warning", "2 of 16 GB or more; the model asks for 2, better 4, of 24 GB each"),
        ((80.0,) * 4, "ok", "4 of 80 GB or more; the model asks for 2, better 4, of 24 GB each"),
    ],
)
def test_gpus_are_held_against_minimum_and_recommendation(
    memory: tuple[float, ...], status: str, text: str
) -> None:
    found = machine.check_gpus(Machine(8, memory), HARDWARE)
    assert (found.status, found.found) == (status, text)
    assert bool(found.remedy) == (status == "warning")


def test_a_model_that_asks_for_nothing_is_content() -> None:
    expected = Check("gpus", CheckStatus.OK, "none; the model does not say what it needs")
    assert machine.check_gpus(Machine(8), None) == expected


@pytest.mark.parametrize(("trials", "status"), [(1, "ok"), (4, "warning")])
def test_memory_is_shared_by_trials_side_by_side(
    monkeypatch: pytest.MonkeyPatch, trials: int, status: str
) -> None:
    monkeypatch.setattr(machine, "_free_memory_bytes", lambda: 6e9)
    found = machine.check_memory(trials)
    assert found.status == status
    each = f"{6 / trials:.1f} GB for each of {trials} trials side by side (rule of thumb: 2 GB)"
    assert found.found == f"6.0 GB free, {each}"


def test_the_tightest_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own, above = tmp_path / "job/step", tmp_path / "job"
    own.mkdir(parents=True)
    (own / "memory.max").write_text("max\n")
    (own / "memory.current").write_text("500000000\n")
    monkeypatch.setattr(machine, "memory_groups", lambda: [own, above, tmp_path / "gone"])
    unlimited = machine._free_memory_bytes()
    assert unlimited > 1e9
    (above / "memory.limit_in_bytes").write_text("1000000000\n")
    (above / "memory.usage_in_bytes").write_text("900000000\n")
    assert machine._free_memory_bytes() == 1e8


@pytest.mark.parametrize(
    ("free", "need", "status"),
    [(50e9, 10e9, "ok"), (5e9, 10e9, "failed"), (1e9, None, "warning"), (50e9, None, "ok")],
)
def test_disk_is_held_against_the_forecast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, need: float | None, status: str
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage(free))
    found = machine.check_disk(tmp_path / "not" / "there", need)
    assert found.status == status
    assert found.found.startswith(f"{free / 1e9:.1f} GB free at {tmp_path}")
    assert ("about 10.0 GB, going by earlier ones there" in found.found) == (need is not None)
    assert ("known after a first one there" in found.found) == (need is None)


def test_a_place_that_cannot_be_written_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    found = machine.check_disk(tmp_path, None)
    assert (found.status, found.found) == ("failed", f"{tmp_path} cannot be written")
