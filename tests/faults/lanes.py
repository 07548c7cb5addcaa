"""Rounds side by side: each lane is a process that plays one round after another, as any of them is free.

A round waits more than it works: for trainers to start, for Ray to place them, for patience to end.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized

from tests.faults.fate import share_fate
from tests.faults.rounds import Outcome, Round, Stage, run_round

__all__ = ["run_in_lanes"]

_CONTEXT = multiprocessing.get_context("fork")


def run_in_lanes(stage: Stage, rounds: Sequence[Round], lanes: int, *, until: float) -> Iterator[Outcome]:
    """Outcomes as they come.

    Args:
        stage: what rounds share.
        rounds: begun in this order.
        lanes: so many at once.
        until: monotonic seconds after which none is begun.
    """
    taken = _CONTEXT.Value("i", 0)
    open_lanes = dict(_open_lane(stage, rounds, taken, until) for _ in range(lanes))
    try:
        while open_lanes:
            for told in wait(list(open_lanes)):
                assert isinstance(told, Connection)
                try:
                    yield told.recv()
                except EOFError:
                    lane = open_lanes.pop(told)
                    lane.join()
                    assert lane.exitcode == 0, f"a lane ended with {lane.exitcode}"
    finally:
        for lane in open_lanes.values():
            lane.terminate()
            lane.join()


def _open_lane(
    stage: Stage, rounds: Sequence[Round], taken: Synchronized[int], until: float
) -> tuple[Connection, BaseProcess]:
    told, telling = _CONTEXT.Pipe(duplex=False)
    lane = _CONTEXT.Process(target=_run_lane, args=(stage, rounds, taken, until, telling))
    lane.start()
    telling.close()  # the next lane must not hold it open
    return told, lane


def _run_lane(
    stage: Stage, rounds: Sequence[Round], taken: Synchronized[int], until: float, telling: Connection
) -> None:
    share_fate()
    while time.monotonic() < until:
        with taken.get_lock():
            place, taken.value = taken.value, taken.value + 1
        if place >= len(rounds):
            break
        telling.send(run_round(stage, rounds[place]))
