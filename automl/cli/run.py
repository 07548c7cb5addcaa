"""``automl run``: start a study, a plain training, or one plain action."""

from __future__ import annotations

from automl.cli.options import takes_request
from automl.cli.running import conduct
from automl.request import RunRequest

__all__ = ["command"]


@takes_request
def command(request: RunRequest) -> int:
    r"""Start a study (train, AutoML on), a plain training, or one plain action.

    \b
    Examples:
      automl run --model bevfusion --data ./kitti --trials 20 --max-epochs 12
      automl run --model bevfusion --action dataset_convert --data ./kitti
    """
    from automl.app import run

    return conduct(lambda watchers: run(request, watchers), as_json=request.as_json, quiet=request.quiet)
