"""Whoever reads the output may leave: the command is not ended by it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_skill import write_fake_skill

from automl.study.store import find_folder

PROGRAM = [sys.executable, "-c", "from automl.cli.main import main; main()"]


@pytest.mark.parametrize("arguments", [["--help"], ["list", "--results-dir", "."], ["list", "--json"]])
def test_command_whose_reader_left_ends_as_if_it_had_stayed(tmp_path: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*PROGRAM, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_training_goes_on_when_nobody_reads_its_progress(tmp_path: Path) -> None:
    write_fake_skill(tmp_path / "skill")
    flags = ["--policy", "off", "--skill-dir", str(tmp_path / "skill"), "--set", "dataset.test_file=none"]
    process = subprocess.Popen(
        [*PROGRAM, "run", *flags, "--results-dir", str(tmp_path / "results")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0
    assert '"StudyEnded"' in find_folder(tmp_path / "results").events.read_text().splitlines()[-1]


def test_program_that_begins_with_its_outputs_closed_opens_them_on_nothing() -> None:
    look = "import os; from automl.cli.outlets import keep_talking; keep_talking(); "
    look += "print('lost'); assert os.open('/dev/null', 0) > 2; os._exit(7)"
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", look]
    assert subprocess.run(closed, check=False).returncode == 7


def test_disk_that_is_full_is_no_reader_that_left() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode != 0
    assert "No space left" in done.stderr
