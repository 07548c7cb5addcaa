"""``automl why`` on a study made by events."""

import json
from pathlib import Path

import pytest
from fake_study import finished_study, write_study

from automl.cli.main import main


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["why", *arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_best_is_explained_for_people_and_for_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished_study(tmp_path / "study-a")
    code, out, _ = call(capsys, "best", "--results-dir", str(tmp_path))
    assert code == 0
    assert out.startswith("Trial 2 tried lr = 0.001 (default 1e-05).")
    document = json.loads(call(capsys, "best", "study-a", "--results-dir", str(tmp_path), "--json")[1])
    assert (document["trial"], document["state"], document["value"]) == ("2", "succeeded", 60.0)
    assert document["text"].split() == out.split()


def test_an_unknown_trial_lists_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_study(tmp_path / "study-a")
    code, _, err = call(capsys, "9", "--results-dir", str(tmp_path))
    assert code == 2
    assert err == (
        f"error: {tmp_path / 'study-a'}: study-a has no trial '9'\n  -> trials: 0, 1, 2, 3; or best\n"
    )


def test_best_of_nothing_is_a_study_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_study(tmp_path / "study-a", [])
    code, _, err = call(capsys, "best", "--results-dir", str(tmp_path))
    assert code == 4
    assert "study-a has no trial with a score" in err


def test_a_study_before_its_first_event_has_no_trials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(tmp_path / "study-a", []).events.unlink()
    code, _, err = call(capsys, "0", "--results-dir", str(tmp_path))
    assert (code, err.splitlines()[1]) == (2, "  -> trials: none yet; or best")
