"""Console scripts as users run them: as child processes of this environment."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class Answer:
    """What a console script said: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def call(script: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Answer:
    """Run a console script of this environment in a folder of its own."""
    done = subprocess.run(
        [SCRIPTS / script, *arguments], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True,
        text=True, timeout=240,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout, done.stderr)
