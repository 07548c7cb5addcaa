"""Times suggestions of the widest BEVFusion space: flat, however many came before?

python benchmarks/search_space.py [--count 10000] [--space wide]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from statistics import mean, median

from automl.adapters.optuna_search import OptunaSearcher
from automl.planning import resolve_space
from automl.planning.inputs import read_files
from automl.request import RunRequest
from automl.schema.sampling import sample_space
from automl.schema.spec import apply_params
from automl.schema.ties import spec_params
from automl.skills import load_skill
from automl.space import SearchSpace
from automl.types import Direction, Params, TrialId

_WINDOW = 1000


def durations_s(draw: Callable[[], object], count: int) -> Iterator[float]:
    for _ in range(count):
        begin = time.perf_counter()
        draw()
        yield time.perf_counter() - begin


def report(name: str, durations: list[float]) -> None:
    window = min(_WINDOW, len(durations) // 2)
    first, last = median(durations[:window]), median(durations[-window:])
    print(
        f"{name}: mean {1e3 * mean(durations):.3f} ms; median of the first {window} {1e3 * first:.3f} ms, "
        f"of the last {window} {1e3 * last:.3f} ms, ratio {last / first:.2f}"
    )


def searcher_draw(space: SearchSpace) -> Callable[[], Params | None]:
    searcher = OptunaSearcher(space, sampler="random", direction=Direction.MAXIMIZE, seed=0)
    trials = iter(range(10**9))
    return lambda: searcher.suggest(TrialId(str(next(trials))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--space", default="wide")
    options = parser.parse_args()
    skill = load_skill("bevfusion")
    files = read_files(skill, skill.action("train"))
    space = resolve_space(RunRequest(model="bevfusion", space=options.space))
    print(f"{options.count} suggestions of {len(space)} parameters")

    samples = sample_space(space, options.count)
    report("prior", list(durations_s(lambda: next(samples), options.count)))
    again = sample_space(space, options.count)

    def put_next() -> None:
        apply_params(files.template, spec_params(space, next(again)), files.schema)

    report("prior, put into the spec and validated", list(durations_s(put_next, options.count)))
    report("searcher `random`", list(durations_s(searcher_draw(space), options.count)))


if __name__ == "__main__":
    main()
