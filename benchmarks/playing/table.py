"""Regret of many searches, in several processes and kept row by row: a table goes on where it ended."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from automl.types import Metric
from playing import optuna_peer, ours
from playing.objectives import Objective, Source
from playing.peer import Ledger

SHARES = (0.25, 0.5, 1.0)

Row = tuple[float, ...]
"""Regret at each share of the budget."""
Rows = dict[tuple[str, str, int], Row]
"""Of a player, an objective and a seed."""


@dataclass(frozen=True)
class Rules:
    """What is the same for all that are compared.

    Args:
        epochs: budget of a search.
        workers: trials side by side, of our players.
        bench: folder with ``surrogates.py``, if any.
        tao_python: interpreter of an environment with ``nvidia_tao_automl``, if any.
        metric: which epochs stand for a trial, in our studies and for the incumbent of any player.
    """

    epochs: int
    workers: int
    bench: Path | None
    tao_python: Path | None
    metric: Metric = ours.METRIC


def play(player: str, objective: str, seed: int, rules: Rules) -> Row:
    """Regret of one search.

    Raises:
        ValueError: a player of TAO's and no interpreter to play it.
    """
    source = Source(rules.bench, objective)
    progress = _progress(player, source, seed, rules)
    return tuple(_regret(progress, source.load(), share * rules.epochs) for share in SHARES)


def _progress(player: str, source: Source, seed: int, rules: Rules) -> ours.Progress:
    house, _, name = player.rpartition(":")
    objective, ledger = source.load(), Ledger(rules.epochs, rules.metric)
    if house == "optuna":
        return optuna_peer.play(name, objective, ledger, seed=seed)
    if house == "ray":
        from playing import ray_peer

        return ray_peer.play(name, source, ledger, seed=seed)
    if house == "tao":
        from playing import tao_peer

        if rules.tao_python is None:
            raise ValueError(f"{player} needs --tao-python")
        return tao_peer.play(name, objective, ledger, seed=seed, python=rules.tao_python)
    return ours.play(name, objective, rules.metric, epochs=rules.epochs, seed=seed, workers=rules.workers)


def _regret(progress: ours.Progress, objective: Objective, until: float) -> float:
    past = [params for spent, params in progress if spent <= until]
    return max(0.0, 1.0 - objective.final(past[-1]) / objective.best) if past else 1.0


class RowFile:
    """Rows on disk, written after each search.

    Args:
        path: where they are; None keeps them in memory.
        rules: those of another file of rows cannot be compared.

    Raises:
        ValueError: the file has rows of other rules.
    """

    def __init__(self, path: Path | None, rules: Rules) -> None:
        self._path = path
        self._rules = {
            "epochs": rules.epochs,
            "workers": rules.workers,
            "rank_by": rules.metric.rank_by,
        }
        self.rows: Rows = {}
        if path is not None and path.exists():
            found = json.loads(path.read_text())
            if {"rank_by": "best", **found["rules"]} != self._rules:
                raise ValueError(f"{path}: rows of {found['rules']}, not of {self._rules}: name another file")
            for player, objective, seed, row in found["rows"]:
                self.rows[player, objective, seed] = tuple(row)

    def add(self, search: tuple[str, str, int], row: Row) -> None:
        """Keep a row."""
        self.rows[search] = row
        if self._path is not None:
            partial = self._path.with_name(self._path.name + ".part")
            rows = [[*search, row] for search, row in sorted(self.rows.items())]
            partial.write_text(json.dumps({"rules": self._rules, "rows": rows}))
            partial.replace(self._path)


def play_missing(
    searches: Sequence[tuple[str, str, int]], rules: Rules, file: RowFile, *, jobs: int
) -> Iterator[str]:
    """Play what the file lacks, in this order; yields each player whose last search has ended.

    Each search is a function of its arguments alone, so rows do not depend on the number of processes.
    """
    open_searches = {search for search in searches if search not in file.rows}
    players = list(dict.fromkeys(player for player, *_ in searches))
    waiting = [search for search in searches if search in open_searches]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        found: list[Future[Row]] = [pool.submit(play, *search, rules) for search in waiting]
        try:
            for player in players:
                for search, row in zip(waiting, found, strict=True):
                    if search[0] == player:
                        file.add(search, row.result())
                yield player
        finally:
            pool.shutdown(cancel_futures=True)


def line(player: str, objectives: Sequence[str], seeds: Sequence[int], rows: Rows) -> str:
    """A line of the table: mean regret at each share and the half width of the last one's 95 % interval."""
    found = {o: [rows[player, o, seed] for seed in seeds] for o in objectives}
    means = [
        tuple(map(statistics.mean, zip(*of_seed, strict=True)))
        for of_seed in zip(*found.values(), strict=True)
    ]
    return f"| {player} | {' | '.join(map(_cells, found.values()))} | {_cells(means)} |"


def _cells(rows: Sequence[Row]) -> str:
    columns = list(zip(*rows, strict=True))
    return " / ".join(f"{statistics.mean(c):.3f}" for c in columns) + f" ±{_interval(columns[-1]):.3f}"


def _interval(values: Sequence[float]) -> float:
    return 1.96 * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
