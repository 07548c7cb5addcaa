"""``automl plan``: what ``run`` would do, without doing it."""

from __future__ import annotations

import json

from automl.cli.options import takes_request
from automl.request import RunRequest

__all__ = ["command"]


@takes_request
def command(request: RunRequest) -> None:
    r"""Show what run would do, without doing it: policy, spec, search space, budget, forecast.

    \b
    Examples:
      automl plan --model bevfusion --data ./kitti --trials 20
      automl plan --skill-dir ./my_model --open-bounds around-default --json
    """
    from automl.cli.rendering import print_plan
    from automl.planning import make_plan

    plan = make_plan(request)
    if request.as_json:
        print(json.dumps(plan.to_json(), indent=2, allow_nan=False))
    else:
        print_plan(plan)
