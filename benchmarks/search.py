"""Which search finds most per epoch: ours beside plain Optuna, at equal total epochs on the same objectives.

python benchmarks/search.py [--bench DIR] [--seeds 20] [--jobs 2] [--players auto,tao:asha] [--rank-by best]
    [--json FILE]
python benchmarks/search.py --overhead

Prints the normalised regret (1 - true final value of the incumbent / best possible) at 25, 50 and 100 % of
the budget: mean and half width of its 95 % interval over seeds. Players with a name of ours go through the
strategies, events and state of a real study. Peers, each with ``+def`` where the default is to be first:

- ``optuna:SAMPLER+PRUNER`` (``cmaes`` needs the package of that name)
- ``ray:tpe+asha``: Ray Tune with its Optuna search and its scheduler
- ``tao:ALGORITHM[+log]``: nvidia-tao-automl, whose interpreter ``--tao-python`` names: an environment with
  ``pip install --no-deps nvidia-tao-automl==7.2.0``, numpy, scipy, scikit-learn, pandas, omegaconf, openai,
  requests and PyYAML. It knows no logarithmic parameter; ``+log`` hands them over transformed.

Nobody is told scales or conditions: whoever takes logarithms does so by the same rule on the bounds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
sys.path.insert(0, str(Path(__file__).parent))

from playing import ours  # noqa: E402 - after the threads are limited
from playing.objectives import EPOCHS, Objective, load_objectives  # noqa: E402
from playing.table import SHARES, RowFile, Rules, line, play_missing  # noqa: E402

from automl.planning.goals import parse_rank_by  # noqa: E402
from automl.search.catalogue import ALGORITHMS  # noqa: E402
from automl.types import Report, TrialId, TrialRecord, TrialState  # noqa: E402

_PEERS = ("optuna:random+full", "optuna:random+full+def", "optuna:tpe+hb", "optuna:tpe+hb+def",
          "optuna:tpe_group+sha+def", "optuna:tpe_group+sha3+def")  # fmt: skip
_LENGTHS = (10, 100, 1000)


def compare(options: argparse.Namespace, objectives: Sequence[str]) -> None:
    """Play all players; each line is printed as it is known."""
    metric = replace(ours.METRIC, mean_of_last=options.rank_by)
    rules = Rules(options.epochs, options.workers, options.bench, options.tao_python, metric)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    searches = [(p, o, seed) for p in options.players for o in objectives for seed in seeds]
    file = RowFile(options.json, rules)
    shares = ", ".join(f"{100 * share:.0f} %" for share in SHARES)
    print(f"regret at {shares} of {options.epochs} epochs, {len(seeds)} seeds")
    print(f"| player | {' | '.join(objectives)} | mean |\n|{'---|' * (len(objectives) + 2)}")
    for player in play_missing(searches, rules, file, jobs=options.jobs):
        print(line(player, objectives, seeds, file.rows), flush=True)


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
    parser.add_argument(
        "--jobs", type=int, default=1, help="searches side by side; results do not depend on it"
    )
    parser.add_argument(
        "--rank-by",
        type=parse_rank_by,
        help="which epochs stand for a trial, of all players: best, last or mean:3",
    )
    parser.add_argument("--tao-python", type=Path, help="interpreter that has nvidia-tao-automl")
    parser.add_argument("--json", type=Path, help="where rows are kept: what it holds is not played again")
    parser.add_argument("--overhead", action="store_true", help="time suggestions instead")
    options = parser.parse_args()
    objectives = load_objectives(options.bench)
    if options.overhead:
        measure_overhead([p for p in options.players if p in ALGORITHMS], objectives["poor"])
        return
    compare(options, options.objectives or list(objectives))


if __name__ == "__main__":
    main()
