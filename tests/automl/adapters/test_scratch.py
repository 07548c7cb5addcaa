"""Folders of processes that are gone are swept; those of living ones are left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from automl.adapters.scratch import scratch_folder

_HOLDER = """
import sys, time
from pathlib import Path
from automl.adapters.scratch import scratch_folder
with scratch_folder("work-", Path(sys.argv[1])) as folder:
    (folder / "big").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""


def _names(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


def test_a_scratch_folder_ends_with_its_block(tmp_path: Path) -> None:
    with scratch_folder("work-", tmp_path) as folder:
        assert folder.is_dir()
    assert _names(tmp_path) == []


def test_what_a_killed_process_left_is_swept_by_the_next_and_a_living_one_is_not(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    held = Path(holder.stdout.readline().strip())
    with scratch_folder("work-", tmp_path):
        assert (held / "big").read_text() == "x"
    holder.kill()
    holder.wait()
    assert _names(tmp_path) == [held.name]
    with scratch_folder("work-", tmp_path) as folder:
        assert _names(tmp_path) == [folder.name]


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "work-notes").mkdir()
    (tmp_path / "play-1").mkdir()
    (tmp_path / "play-1" / ".in_use").touch()
    with scratch_folder("work-", tmp_path):
        assert {"work-notes", "play-1"} < set(_names(tmp_path))
