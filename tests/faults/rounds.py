"""Rounds of faults: which fault strikes which study, and what has to be true when it is over."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl.study.events import read_events
from automl.study.treatments import TREATMENTS
from automl.types import Cause, TrialState
from tests.faults.injection import FAULTS, Strike, nothing, step_clock
from tests.faults.server import TrackingServer, run_server
from tests.faults.study import EPOCHS, SIDE_BY_SIDE, TRIALS, Controller, FaultyStudy

__all__ = ["Outcome", "Round", "Stage", "check_end", "plan_rounds", "run_round"]

_LIMIT_S = 180.0
_MOST_CONTROLLERS = 6
_SEEDS = 3
_ONE_AT_A_TIME = {
    "controller killed": 24, "power cut": 14, "trainer killed": 10, "rank killed": 8, "guard killed": 8,
    "interrupted": 8, "files torn": 10, "disk full": 8, "tracking server hangs": 2,
    "tracking server restarted": 2, "clock stepped": 6,
}  # fmt: skip
_SIDE_BY_SIDE = {
    "controller killed": 20, "power cut": 14, "trainer killed": 10, "rank killed": 8, "guard killed": 8,
    "interrupted": 8, "files torn": 8, "disk full": 6, "tracking server hangs": 1,
    "tracking server restarted": 1, "clock stepped": 4, "ray worker killed": 10, "raylet killed": 2,
}  # fmt: skip
_SPARES_CONTROLLER = {
    "trainer killed", "rank killed", "guard killed", "ray worker killed", "tracking server restarted",
}  # fmt: skip


@dataclass(frozen=True)
class Round:
    """One study that is struck.

    Attributes:
        number: also the seed of its chance.
        strikes: how often, each time in another controller's hands where it needs one.
    """

    number: int
    fault: str
    is_parallel: bool
    strikes: int


@dataclass(frozen=True)
class Outcome:
    """What became of a round; an empty problem is what one hopes for."""

    round: Round
    controllers: int
    seconds: float
    problem: str = ""


@dataclass(frozen=True)
class Stage:
    """What rounds share.

    Attributes:
        root: folder for all of them.
        skill: the fake skill.
        ranked: the same, each of its trainers in two processes.
        store: an empty tracking database, already migrated.
        expected: seed to the table of a study that nothing struck.
        ray_address: of a cluster for trials side by side.
    """

    root: Path
    skill: Path
    ranked: Path
    store: Path
    expected: dict[int, list[tuple[Any, ...]]]
    ray_address: str | None = None


def plan_rounds(count: int, *, seed: int = 0, is_parallel: bool | None = None) -> list[Round]:
    """As many rounds, half of them with trials side by side; of a hundred of a kind, as many as listed."""
    chance, rounds = random.Random(seed), []  # noqa: S311 - a seed repeats a plan
    lists = {kind: _endless(_SIDE_BY_SIDE if kind else _ONE_AT_A_TIME, chance) for kind in (False, True)}
    for place in range(count):
        parallel = place % 2 == 1 if is_parallel is None else is_parallel
        fault = next(lists[parallel])
        # all strikes may hit one and the same trial
        most = TREATMENTS[Cause.INFRASTRUCTURE].retries if fault in _SPARES_CONTROLLER else 3
        strikes = min(most, chance.choice((1, 1, 2, 3)))
        rounds.append(Round(1000 * seed + place, fault, parallel, strikes))
    return rounds


def _endless(weights: Mapping[str, int], chance: random.Random) -> Iterator[str]:
    """Faults in a random order, each as often as it weighs before any comes again."""
    faults = [fault for fault, weight in weights.items() for _ in range(weight)]
    while True:
        yield from chance.sample(faults, len(faults))


def run_round(stage: Stage, wanted: Round) -> Outcome:
    """Run one study, strike it, let it go on until it ends, and look at everything."""
    started, controllers, problem = time.monotonic(), 0, ""
    root = stage.root / f"round-{wanted.number}"
    root.mkdir(parents=True)
    with _small_disk(root) if wanted.fault == "disk full" else nullcontext():
        study = _prepare(stage, wanted, root)
        with _server(wanted, study) as server:
            try:
                controllers = _play(study, wanted, server)
                check_end(study, None if wanted.is_parallel else stage.expected[study.seed])
            except AssertionError as error:
                problem = f"{str(error).partition(chr(10))[0] or 'assertion'} [{_last_words(study.log)}]"
        if not problem:
            shutil.rmtree(root / "results", ignore_errors=True)
    return Outcome(wanted, controllers, time.monotonic() - started, problem)


def _last_words(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
    return lines[-1][:200] if lines else "silent"


def _prepare(stage: Stage, wanted: Round, root: Path) -> FaultyStudy:
    (root / "results").mkdir()
    skill = stage.ranked if wanted.fault == "rank killed" else stage.skill
    study = FaultyStudy(root, skill, wanted.number % _SEEDS, epoch_s=0.03)
    shutil.copyfile(stage.store, study.store_file())
    if wanted.is_parallel:
        study.side_by_side = SIDE_BY_SIDE
        study.ray_address = None if wanted.fault == "raylet killed" else stage.ray_address
    if wanted.fault == "clock stepped":
        study.prelude = step_clock(wanted.number)
    return study


def _play(study: FaultyStudy, wanted: Round, server: TrackingServer | None) -> int:
    """Strike until all strikes are spent, then let it end; the number of controllers it took."""
    chance, seen = random.Random(wanted.number), list[bytes]()  # noqa: S311 - likewise
    controller, controllers, strikes = study.begin(), 1, 0
    while True:
        if strikes < wanted.strikes and _reach(study, controller, chance):
            seen = _longer(seen, study.lines())
            strike = Strike(study, controller, chance, server)
            mend = FAULTS[wanted.fault](strike)
            strikes += strike.has_hit
            if wanted.fault in _SPARES_CONTROLLER and mend is nothing:
                continue
        else:
            mend = nothing
        code = controller.wait(_LIMIT_S)
        seen = _longer(seen, study.lines())
        mend()
        if code == 0:
            assert strikes, "the fault never struck"
            return controllers
        assert code in {-9, 3, 130}, f"controller {controllers} ended with {code}"
        assert controllers < _MOST_CONTROLLERS, f"{controllers} controllers were not enough"
        controller, controllers = study.go_on(), controllers + 1


def _reach(study: FaultyStudy, controller: Controller, chance: random.Random) -> bool:
    """Wait for a random moment of the study; False when it ended before."""
    wanted = len(study.lines()) + chance.randint(0, 12)
    while len(study.lines()) < wanted:
        if controller.is_over():
            return False
        time.sleep(0.002)
    time.sleep(chance.choice((0.0, 0.0, chance.uniform(0, 0.1))))
    return not controller.is_over()


def _longer(seen: list[bytes], now: list[bytes]) -> list[bytes]:
    assert now[: len(seen)] == seen, "an event that was written is gone"
    return now


def check_end(study: FaultyStudy, expected: list[tuple[Any, ...]] | None = None) -> None:
    """Look at processes, events, states and run tree of a study that has ended.

    Args:
        study: after its last controller.
        expected: the table it must come to; None where trials side by side leave that to chance.

    Raises:
        AssertionError: says what is wrong.
    """
    assert study.trial_processes() == [], "a process of a trial is left"
    assert study.processes() == [], "a process of the study is left"
    times = [at for at, _ in read_events(study.folder.events)]
    assert times == sorted(times), "time went back"
    state = study.state()
    assert state.phase.value == "finished", f"the study is {state.phase.value}"
    assert len(state.records) == TRIALS, f"{len(state.records)} trials of {TRIALS}"
    assert state.epochs_total == sum(record.epochs for record in state.records.values()), (
        "epochs do not add up"
    )
    for record in state.records.values():
        assert record.state in {TrialState.SUCCEEDED, TrialState.PRUNED}, f"trial {record.id} {record.state}"
        assert record.cause in {Cause.NONE, Cause.EARLY_STOPPED}, f"trial {record.id} {record.cause}"
        is_whole = record.epochs == EPOCHS if record.state is TrialState.SUCCEEDED else record.epochs < EPOCHS
        assert is_whole, f"trial {record.id} {record.state} after {record.epochs} epochs"
    if expected is not None:
        assert study.table() == expected, "the final table is another"
    assert study.send() == 0, "sync failed"
    _check_tree(study)


def _check_tree(study: FaultyStudy) -> None:
    tree, shown = study.tree(), study.shown_tree()
    assert set(tree) == {"study", *shown}, f"runs {sorted(tree)}"
    assert tree["study"]["status"] == "FINISHED", f"the study's run is {tree['study']['status']}"
    for trial, want in shown.items():
        found = tree[trial]
        assert found["state"] == want["state"], f"run of trial {trial} shows {found['state']}"
        assert found["params"] == want["params"], f"run of trial {trial} shows other parameters"
        points = [point for point in found["points"] if point[0] == "AP11"]
        assert want["points"] <= set(points), f"run of trial {trial} lacks epochs"
        assert len(points) == len(set(points)), f"run of trial {trial} has points twice"


@contextmanager
def _small_disk(root: Path) -> Iterator[None]:
    """A file system of three megabytes, which can be filled."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(root)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


@contextmanager
def _server(wanted: Round, study: FaultyStudy) -> Iterator[TrackingServer | None]:
    if not wanted.fault.startswith("tracking server"):
        yield None
        return
    with run_server(study.store_file()) as server:
        study.tracking_uri = server.address
        yield server
