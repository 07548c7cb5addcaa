"""``automl ui``: MLflow's own pages on the store that the studies wrote to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from automl.cli.studies import ResultsDir

if TYPE_CHECKING:
    from automl.types import Metric

__all__ = ["command", "sorted_page"]


def command(
    results_dir: ResultsDir = Path("results"),
    tracking_uri: Annotated[str | None, typer.Option(help="Another store than the newest study's.")] = None,
    port: Annotated[int, typer.Option(help="Port on this machine's loopback.")] = 5000,
) -> int:
    r"""Open the MLflow UI on the right store, reachable from this machine only.

    \b
    Examples:
      automl ui
      automl ui --results-dir ./results --port 5001
    """
    from automl.errors import UsageError
    from automl.study.store import find_folder

    uri, page = tracking_uri, ""
    if uri is None:
        folder = find_folder(results_dir)
        link = folder.read_tracking()
        if link is None:
            raise UsageError(
                "the newest study was not tracked", where=str(results_dir), hint="give --tracking-uri"
            )
        uri, page = link["tracking_uri"], sorted_page(link, folder.read_sheet().metric)
    if uri.startswith(("http://", "https://")):
        print(f"the tracking server has its own pages: {uri}{page}")
        return 0
    words = ["-m", "mlflow", "ui", "--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(port)]
    print(f"MLflow on http://127.0.0.1:{port}{page}\nCtrl-C ends it", file=sys.stderr)
    return subprocess.run([sys.executable, *words], check=False).returncode


def sorted_page(link: Mapping[str, str], metric: Metric) -> str:
    """Address of MLflow's list of runs, the best on top, relative to the server.

    Args:
        link: ``tracking.json`` of a study.
        metric: what ranking uses.
    """
    if "experiment_id" not in link:
        return ""
    order = {"orderByKey": f"metrics.`{metric.name}`", "orderByAsc": str(metric.direction.sign < 0).lower()}
    shown = {**order, "startTime": "ALL", "workflowType": "machine_learning"}
    return f"/#/experiments/{link['experiment_id']}/runs?{urlencode(shown)}"
