"""``automl ui``: MLflow's own pages on the store that the studies wrote to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from automl.cli.studies import ResultsDir

__all__ = ["command"]


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

    uri = tracking_uri
    if uri is None:
        link = find_folder(results_dir).read_tracking()
        if link is None:
            raise UsageError(
                "the newest study was not tracked", where=str(results_dir), hint="give --tracking-uri"
            )
        uri = link["tracking_uri"]
    if uri.startswith(("http://", "https://")):
        print(f"the tracking server has its own pages: {uri}")
        return 0
    words = ["-m", "mlflow", "ui", "--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(port)]
    print(f"MLflow on http://127.0.0.1:{port}, Ctrl-C ends it", file=sys.stderr)
    return subprocess.run([sys.executable, *words], check=False).returncode
