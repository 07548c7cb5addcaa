"""What a tracker says of a study."""

from pathlib import Path

from fake_study import METRIC, finished_study, write_study

from automl.study.note import write_note
from automl.study.state import read_state
from automl.types import TrialId


def test_the_note_says_verdict_winner_and_parameters(tmp_path: Path) -> None:
    folder = finished_study(tmp_path / "study-a")
    state = read_state(folder.events, METRIC)
    links = {TrialId("2"): "#/runs/abc"}
    note = write_note(folder.read_sheet(), state.verdict, state.incumbent, links)
    assert note.splitlines() == [
        "Winner: [trial 2](#/runs/abc), AP11 60.00; default: trial 0, 20.00", "",
        "**Trial 2 gains +37.00 AP11 over the default spec.**", "",
        "| parameter | value |", "|---|---|", "| `train.lr` | 0.001 |", "",
        "`report.html` among the artifacts is the whole story.",
    ]  # fmt: skip


def test_a_study_without_scores_has_a_note_too(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study-a", [])
    assert write_note(folder.read_sheet(), None, None, {}) == "No trial of study-a has a value of AP11."
