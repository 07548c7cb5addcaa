"""The faults: each strikes a running study once, and says what has to be mended before it can go on."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from automl.trials import guard
from tests.faults.server import TrackingServer
from tests.faults.study import Controller, FaultyStudy

__all__ = ["FAULTS", "Strike", "nothing", "step_clock"]

_BALLAST = "ballast"
_DAY_S = 86400.0
_STAYS_AWAY = 0.3


@dataclass
class Strike:
    """A fault about to be injected.

    Attributes:
        study: whom it strikes.
        controller: who has the study in hand.
        chance: the round's own randomness.
        server: the tracking server, where the round has one.
        has_hit: False once it turns out that there is nobody to be struck any more.
    """

    study: FaultyStudy
    controller: Controller
    chance: random.Random
    server: TrackingServer | None = None
    has_hit: bool = True

    def kill_one(self, find: Callable[[], list[int]]) -> None:
        """Kill one of the processes there are; waits for the first, as long as the controller works."""
        while not self.controller.is_over():
            found = sorted(find())
            if found and _kill([self.chance.choice(found)]):
                return
        self.has_hit = False


Mend = Callable[[], None]


def nothing() -> None:
    """Nothing has to be mended."""


def kill_controller(strike: Strike) -> Mend:
    """The controller is killed without a word."""
    _kill([strike.controller.pid])
    return nothing


def cut_power(strike: Strike) -> Mend:
    """Everything is killed at once: controller, workers, guards, trainers."""
    _kill([strike.controller.pid, *_workers(strike), *strike.study.trial_processes()])
    _kill(strike.study.trial_processes())
    return nothing


def kill_trainer(strike: Strike) -> Mend:
    """A trainer is killed, its guard is not: what the kernel does when memory runs out."""
    strike.kill_one(lambda: _trainers(strike))
    return nothing


def kill_rank(strike: Strike) -> Mend:
    """One of the processes that a trainer consists of is killed; the others wait for it in vain."""

    def find_ranks() -> list[int]:
        found = _trainers(strike)
        return [pid for pid in found if _parent(pid) in found]

    strike.kill_one(find_ranks)
    return nothing


def kill_guard(strike: Strike) -> Mend:
    """The process that minds a trainer is killed."""
    strike.kill_one(lambda: [pid for pid in strike.study.trial_processes() if _is_guard(pid)])
    return nothing


def kill_worker(strike: Strike) -> Mend:
    """A Ray worker is killed with a trial in its hands."""
    strike.kill_one(lambda: _workers(strike))
    return nothing


def kill_raylet(strike: Strike) -> Mend:
    """The heart of the Ray that a controller started for itself is killed."""
    strike.kill_one(lambda: [p for p in strike.study.processes() if _program(p).endswith(b"/raylet")])
    return nothing


def interrupt(strike: Strike) -> Mend:
    """Ctrl-C, or SIGTERM of a batch system."""
    with suppress(ProcessLookupError):
        os.kill(strike.controller.pid, strike.chance.choice((signal.SIGINT, signal.SIGTERM)))
    return nothing


def tear_files(strike: Strike) -> Mend:
    """Power fails between a write and its end: half an event, half a status line, half a checkpoint."""
    cut_power(strike)
    study = strike.study
    if study.folder.events.exists():
        with study.folder.events.open("ab") as stream:
            stream.write(b'{"time": 1.0, "kind": "TrialEnd'[: strike.chance.randint(1, 30)])
    for trial in study.folder.root.glob("trials/*"):
        if (trial / "status.json").exists() and strike.chance.random() < 0.7:
            with (trial / "status.json").open("ab") as stream:
                stream.write(b'{"status": "RUNNING", "epoch": 4, "kpi": {"AP'[: strike.chance.randint(1, 44)])
    newest = max(study.folder.root.glob("trials/*/checkpoints/epoch_*.pth"), key=_modified, default=None)
    if newest is not None and not _is_kept_for_good(study, newest):
        os.truncate(newest, newest.stat().st_size // 2)
    return nothing


def fill_disk(strike: Strike) -> Mend:
    """Somebody else fills the disk; room is made when the controller has ended."""
    ballast = strike.study.root / _BALLAST
    with suppress(OSError), ballast.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(512))
    return lambda: ballast.unlink(missing_ok=True)


def freeze_server(strike: Strike) -> Mend:
    """The tracking server hangs: it takes connections and answers nothing."""
    assert strike.server is not None
    strike.server.freeze()
    return strike.server.thaw


def restart_server(strike: Strike) -> Mend:
    """The tracking server is killed; it comes back while the study runs, or after that."""
    assert strike.server is not None
    strike.server.kill()
    if strike.chance.random() < _STAYS_AWAY:
        return strike.server.start
    time.sleep(strike.chance.uniform(0, 1.5))
    strike.server.start()
    return nothing


FAULTS: Mapping[str, Callable[[Strike], Mend]] = MappingProxyType(
    {
        "controller killed": kill_controller,
        "power cut": cut_power,
        "trainer killed": kill_trainer,
        "guard killed": kill_guard,
        "interrupted": interrupt,
        "files torn": tear_files,
        "disk full": fill_disk,
        "tracking server hangs": freeze_server,
        "tracking server restarted": restart_server,
        "clock stepped": kill_controller,
        "rank killed": kill_rank,
        "ray worker killed": kill_worker,
        "raylet killed": kill_raylet,
    }
)


def step_clock(chance_seed: int) -> Callable[[int], None]:
    """For the prelude of a controller: its wall clock is wrong and jumps, to and fro, by up to a day."""

    def begin(number: int) -> None:
        chance, before = random.Random(100 * chance_seed + number), time.time  # noqa: S311 - a seed repeats a round
        shift = [chance.uniform(-_DAY_S, _DAY_S)]
        time.time = lambda: before() + shift[0]  # type: ignore[assignment]

        def jump() -> None:
            while True:
                time.sleep(chance.uniform(0.05, 0.3))
                shift[0] = chance.uniform(-_DAY_S, _DAY_S)

        threading.Thread(target=jump, daemon=True).start()

    return begin


def _workers(strike: Strike) -> list[int]:
    """Parents of guards, unless that is the controller itself."""
    parents = set()
    for pid in strike.study.trial_processes():
        if _is_guard(pid) and (parent := _parent(pid)) not in {None, 1, strike.controller.pid}:
            parents.add(parent)
    return [pid for pid in parents if pid is not None]


def _trainers(strike: Strike) -> list[int]:
    return [pid for pid in strike.study.trial_processes() if not _is_guard(pid)]


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _program(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]
    except OSError:
        return b""


def _is_guard(pid: int) -> bool:
    try:
        return os.fsencode(guard.__file__) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _kill(pids: list[int]) -> int:
    """How many of them were there to be killed."""
    killed = 0
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


def _modified(path: Path) -> float:
    return path.stat().st_mtime


def _is_kept_for_good(study: FaultyStudy, checkpoint: Path) -> bool:
    """Of a trial that has ended: its checkpoint was synced long before, and no power cut reaches it."""
    trial = checkpoint.parents[1].name
    records = study.state().records if study.folder.events.exists() else {}
    return any(record.id == trial and record.state.is_final for record in records.values())
