"""``automl space``: the resolved search space alone, or samples of it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from automl.cli.options import takes_part_of_request
from automl.request import RunRequest

__all__ = ["command"]

_FLAGS = (
    "model",
    "skill_dir",
    "action",
    "data",
    "spec",
    "profile",
    "overrides",
    "space",
    "params",
    "drops",
    "allow_disabled",
    "open_bounds",
    "seed",
    "results_dir",
    "config",
    "as_json",
    "quiet",
)
_Sample = Annotated[
    int | None, typer.Option("--sample", min=1, help="Print that many samples, one JSON object a line.")
]


@takes_part_of_request(_FLAGS, {"sample": _Sample})
def command(request: RunRequest, sample: int | None) -> None:
    r"""Show the resolved search space: what varies, between which values, and why all else does not.

    \b
    Examples:
      automl space --model bevfusion --space architecture
      automl space --model bevfusion --param train.optimizer.lr=1e-4:1e-2:log
      automl space --skill-dir ./my_model --sample 100 --seed 7
    """
    from automl.planning import resolve_space

    space = resolve_space(request)
    if sample:
        from automl.schema.sampling import sample_space
        from automl.schema.ties import spec_params

        for params in sample_space(space, sample, request.seed):
            print(json.dumps(spec_params(space, params)))
    elif request.as_json:
        print(json.dumps(space.to_json(), indent=2, allow_nan=False))
    else:
        from automl.cli.rendering import print_space

        print_space(space)
