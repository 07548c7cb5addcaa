"""Times suggestions of the widest BEVFusion space: flat, however many came before?

All kinds take turns, so that what else the machine does falls on all of them alike, and the processor's time
is counted, not the clock's. The draws from the prior keep no history: their ratio is that of the machine.

python benchmarks/search_space.py [--count 10000] [--space wide]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from statistics import mean, median

from automl.planning import resolve_space
from automl.planning.inputs import read_files
from automl.request import RunRequest
from automl.schema.sampling import sample_space
from automl.schema.spec import apply_params
from automl.schema.ties import spec_params
from automl.search.proposing import SpaceSearcher
from automl.search.random_draws import RandomDraws
from automl.skills import load_skill
from automl.space import SearchSpace
from automl.types import Direction, Metric, Report, TrialId, TrialRecord, TrialState

_WINDOW = 1000


def draws_of(space: SearchSpace, count: int) -> Mapping[str, Callable[[], object]]:
    """What is timed, by name; each call is one suggestion."""
    skill = load_skill("bevfusion")
    files = read_files(skill, skill.action("train"))
    samples, others = sample_space(space, count), sample_space(space, count)
    studied = study_draws(space)
    return {
        "prior": lambda: next(samples),
        "prior, put into the spec and validated": lambda: apply_params(
            files.template, spec_params(space, next(others)), files.schema
        ),
        "searcher `random`, told the result": lambda: next(studied),
    }


def study_draws(space: SearchSpace) -> Iterator[TrialRecord]:
    """Trials as a study makes them: each is suggested and, before the next one, told."""
    metric = Metric("AP11", Direction.MAXIMIZE)
    searcher = SpaceSearcher(space, metric, RandomDraws(space), seed=0)
    number = 0
    while (new := searcher.suggest(TrialId(str(number)))) is not None:
        value = float(number % 97)
        record = TrialRecord(
            TrialId(str(number)),
            new.params,
            TrialState.SUCCEEDED,
            reports=(Report(1, 1, value),),
            value=value,
        )
        searcher.tell(record)
        number += 1
        yield record


def durations_s(draws: Mapping[str, Callable[[], object]], count: int) -> Mapping[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in draws}
    for _ in range(count):
        for name, draw in draws.items():
            begin = time.process_time()
            draw()
            taken[name].append(time.process_time() - begin)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--space", default="wide")
    options = parser.parse_args()
    space = resolve_space(RunRequest(model="bevfusion", space=options.space))
    window = min(_WINDOW, options.count // 2)
    print(f"{options.count} suggestions of {len(space)} parameters; medians of the first and last {window}")
    for name, taken in durations_s(draws_of(space, options.count), options.count).items():
        first, last = 1e3 * median(taken[:window]), 1e3 * median(taken[-window:])
        times = f"mean {1e3 * mean(taken):.3f} ms, first {first:.3f}, last {last:.3f}"
        print(f"{name}: {times}, ratio {last / first:.2f}")


if __name__ == "__main__":
    main()
