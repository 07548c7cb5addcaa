"""Which search finds most per epoch: ours beside plain Optuna, at equal total epochs on the same objectives.

python benchmarks/search.py [--bench DIR] [--seeds 20] [--players auto,asha,optuna:tpe+hb+def] [--json FILE]
python benchmarks/search.py --overhead

Prints the normalised regret (1 - true final value of the incumbent / best possible) at 25, 50 and 100 % of
the
budget: mean and half width of its 95 % interval over seeds. Players with a name of ours go through the
strategies, events and state of a real study; ``optuna:SAMPLER+PRUNER[+def]`` is Optuna alone, ``+def`` with
the default first. Nobody is told scales or conditions: whoever takes logarithms does so by the same rule on
the bounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
sys.path.insert(0, str(Path(__file__).parent))

from playing import optuna_peer, ours  # noqa: E402 - after the threads are limited
from playing.objectives import EPOCHS, Objective, load_objectives  # noqa: E402

from automl.search.catalogue import ALGORITHMS  # noqa: E402
from automl.types import Report, TrialId, TrialRecord, TrialState  # noqa: E402

_SHARES = (0.25, 0.5, 1.0)
_PEERS = ("optuna:random+full", "optuna:random+full+def", "optuna:tpe+hb", "optuna:tpe+hb+def",
          "optuna:tpe_group+sha+def", "optuna:tpe_group+sha3+def")  # fmt: skip
_LENGTHS = (10, 100, 1000)

Row = tuple[float, ...]
"""Regret at each share of the budget."""


def play(player: str, objective: Objective, *, epochs: int, seed: int, workers: int) -> Row:
    """Regret of one search."""
    if player.startswith("optuna:"):
        progress = optuna_peer.play(player.removeprefix("optuna:"), objective, epochs=epochs, seed=seed)
    else:
        progress = ours.play(player, objective, epochs=epochs, seed=seed, workers=workers)
    return tuple(_regret(progress, objective, share * epochs) for share in _SHARES)


def _regret(progress: ours.Progress, objective: Objective, until: float) -> float:
    past = [params for spent, params in progress if spent <= until]
    return max(0.0, 1.0 - objective.final(past[-1]) / objective.best) if past else 1.0


def _interval(values: Sequence[float]) -> float:
    return 1.96 * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


def _cells(rows: Sequence[Row]) -> str:
    columns = list(zip(*rows, strict=True))
    return " / ".join(f"{statistics.mean(c):.3f}" for c in columns) + f" ±{_interval(columns[-1]):.3f}"


def compare(
    players: Sequence[str], objectives: Mapping[str, Objective], options: argparse.Namespace
) -> dict[str, dict[str, list[Row]]]:
    """All rows by player and objective; each line is printed as it is known."""
    print(f"regret at {', '.join(f'{100 * s:.0f} %' for s in _SHARES)} of {options.epochs} epochs")
    print(f"| player | {' | '.join(objectives)} | mean |\n|{'---|' * (len(objectives) + 2)}")
    table: dict[str, dict[str, list[Row]]] = {}
    for player in players:
        rows = {
            name: [
                play(player, objective, epochs=options.epochs, seed=seed, workers=options.workers)
                for seed in range(options.first_seed, options.first_seed + options.seeds)
            ]
            for name, objective in objectives.items()
        }
        table[player] = rows
        means = [tuple(map(statistics.mean, zip(*of_seed, strict=True)))
                 for of_seed in zip(*rows.values(), strict=True)]  # fmt: skip
        print(f"| {player} | {' | '.join(map(_cells, rows.values()))} | {_cells(means)} |", flush=True)
    return table


def measure_overhead(players: Sequence[str], objective: Objective) -> None:
    """Milliseconds of processor time for one suggestion after so many finished trials, tellings included."""
    print(f"| algorithm | {' | '.join(f'{n} trials' for n in _LENGTHS)} |\n|{'---|' * (len(_LENGTHS) + 1)}")
    for player in players:
        if player == "pbt":  # proposes in turns, whatever came before
            continue
        print(f"| {player} | {' | '.join(_overhead(player, objective, n) for n in _LENGTHS)} |", flush=True)


def _overhead(player: str, objective: Objective, length: int) -> str:
    strategy = ours.make(player, objective, epochs=EPOCHS * length, seed=0, workers=1)
    source = ours.make("random", objective, epochs=EPOCHS * length, seed=1, workers=1)
    asked = 5
    spent_s = 0.0
    for number in range(length + asked):
        trial = TrialId(str(number))
        begin = time.process_time()
        if number >= length:
            strategy.propose(trial, is_full=False)
        proposal = source.propose(trial, is_full=False)
        begin = time.process_time() - begin if number >= length else 0.0
        spent_s += begin
        record = TrialRecord(trial, proposal.params)
        reports = tuple(Report(e, EPOCHS, v) for e, v in enumerate(objective.truth(proposal.params)[:3], 1))
        done = TrialRecord(
            trial, proposal.params, TrialState.PRUNED, reports=reports, value=reports[-1].value
        )
        for one in (strategy, source):
            one.on_suggested(record)
        begin = time.process_time()
        for report in reports:
            strategy.on_report(trial, report)
        strategy.on_ended(done)
        spent_s += time.process_time() - begin if number >= length else 0.0
        source.on_ended(done)
    return f"{1e3 * spent_s / asked:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bench", type=Path, help="folder with surrogates.py")
    parser.add_argument("--objectives", type=lambda text: text.split(","))
    parser.add_argument("--players", type=lambda text: text.split(","), default=[*ALGORITHMS, *_PEERS])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30 * EPOCHS)
    parser.add_argument("--workers", type=int, default=1, help="trials side by side, of our players")
    parser.add_argument("--json", type=Path, help="where to write every row")
    parser.add_argument("--overhead", action="store_true", help="time suggestions instead")
    options = parser.parse_args()
    objectives = load_objectives(options.bench)
    if options.overhead:
        measure_overhead([p for p in options.players if p in ALGORITHMS], objectives["poor"])
        return
    chosen = {name: objectives[name] for name in options.objectives or objectives}
    table = compare(options.players, chosen, options)
    if options.json:
        options.json.write_text(json.dumps(table))


if __name__ == "__main__":
    main()
