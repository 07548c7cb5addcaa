"""Give every reader of outside input damaged files, always new ones: ``python -m tests.fuzz --minutes 60``.

What is found is printed once, with the place in our code where it escaped, and its file is kept.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import secrets
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import hypothesis

from tests.fuzz.oracle import check
from tests.fuzz.targets import TARGETS

_PER_ROUND = 100
_HUNG_S = 120
_OURS = ("automl", "bevfusion")


class Hunt:
    """Executions of each target, and what was found, each defect once."""

    def __init__(self, place: Path, kept: Path, names: Sequence[str]) -> None:
        self._place, self._kept = place, kept
        self.executions: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.found: dict[str, str] = {}
        for name in names:
            self._folder(name).mkdir()
            TARGETS[name].prepare(self._folder(name))
        self._inputs = {name: TARGETS[name].inputs() for name in names}

    def run_round(self, name: str, seed: int) -> None:
        """Some hundred files for one target."""
        settings = hypothesis.settings(
            max_examples=_PER_ROUND,
            deadline=None,
            database=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )

        @hypothesis.seed(seed)
        @settings
        @hypothesis.given(content=self._inputs[name])
        def look(content: bytes) -> None:
            self._look(name, content)

        started = time.process_time()
        look()
        self.seconds[name] += time.process_time() - started

    def _look(self, name: str, content: bytes) -> None:
        faulthandler.dump_traceback_later(_HUNG_S, exit=True)
        self.executions[name] += 1
        try:
            check(TARGETS[name], self._folder(name), content)
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            self._note(name, content, error)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _note(self, name: str, content: bytes, error: Exception) -> None:
        frames = [
            f
            for f in traceback.extract_tb(error.__traceback__)
            if f"/{_OURS[0]}/" in f.filename or f"/{_OURS[1]}/" in f.filename
        ]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        defect = f"{name}: {type(error).__name__} at {where}"
        if defect in self.found:
            return
        self.found[defect] = str(error)[:200]
        path = self._kept / f"{len(self.found):03d}-{name.replace(' ', '_')}"
        path.write_bytes(content)
        _say(f"FOUND {defect}: {str(error)[:200]!r}; kept as {path}")

    def _folder(self, name: str) -> Path:
        return self._place / name.replace(" ", "_")


def main(argv: Sequence[str] | None = None) -> int:
    """Go through the targets in turn until the time is up; 1 when anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", help="one target")
    parser.add_argument("--seed", type=int, help="of the first round; new each time unless given")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "automl-fuzz")
    asked = parser.parse_args(argv)
    logging.disable()
    warnings.simplefilter("ignore")  # of libraries, about files that they read all the same
    asked.keep.mkdir(parents=True, exist_ok=True)
    seed = secrets.randbits(48) if asked.seed is None else asked.seed
    names = [name for name in TARGETS if asked.only in {None, name}]
    _say(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="automl-fuzz-") as folder:
        hunt = Hunt(Path(folder), asked.keep, names)
        started = time.monotonic()
        try:
            while time.monotonic() - started < 60 * asked.minutes:
                for name in names:
                    hunt.run_round(name, seed)
                seed += 1
        finally:
            _tell(hunt, (time.monotonic() - started) / 60)
    return int(bool(hunt.found))


def _tell(hunt: Hunt, minutes: float) -> None:
    for name, executions in hunt.executions.items():
        _say(f"{executions:9d}  {hunt.seconds[name]:8.1f} s  {name}")
    _say(f"{hunt.executions.total():9d} in {minutes:.1f} min, {len(hunt.found)} found")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
