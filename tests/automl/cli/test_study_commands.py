"""The commands that show studies, on a study of the fake skill; and one run through every real part."""

import json
import sqlite3
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fake_skill import write_fake_skill
from fake_study import make_job
from scripted_study import ScriptedStudy

from automl.adapters.sequential import SequentialScheduler
from automl.app import run
from automl.cli.leaderboard import print_summary
from automl.cli.main import main
from automl.cli.progress import ConsoleProgress
from automl.report.wording import shorten
from automl.request import RunRequest
from automl.study.summary import read_summary


class NoTracker:
    """Hears everything and does nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The document of a finished study, and the lines that were shown while it ran."""
    root = tmp_path_factory.mktemp("study")
    request = RunRequest(
        skill_dir=write_fake_skill(root / "skill"), results_dir=root / "results", trials=6, max_epochs=6,
        overrides=("dataset.test_file=none",), seed=1,
    )  # fmt: skip
    lines = StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("automl.app.training._make_scheduler", lambda _: SequentialScheduler())
        patch.setattr("automl.app.training.make_tracker", lambda _: NoTracker())
        return dict(run(request, [ConsoleProgress(lines)]).document), lines.getvalue()


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0), capsys.readouterr().out


def results_of(study: tuple[dict[str, Any], str]) -> str:
    return str(Path(study[0]["results_dir"]).parent)


def test_status_shows_what_run_showed(
    study: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = call(capsys, "status", "--results-dir", results_of(study), "--json")
    assert (code, json.loads(out)) == (0, study[0])


def test_leaderboard_ranks_and_names_changes_shortly(
    study: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = call(capsys, "status", study[0]["study_id"], "--results-dir", results_of(study))
    rows = [line.split() for line in out.splitlines()]
    first = next(row for row in rows if row[:1] == ["1"])
    best = study[0]["best"]
    assert code == 0
    assert first[1:4] == [best["trial"], "succeeded", f"{best['value']:.2f}"]
    assert first[-1] == f"lr={best['params']['train.lr']:.4g}"
    assert any(row[-2:] == ["default", "spec"] for row in rows)
    assert study[0]["verdict"]["statement"] in out


def test_finals_are_shown_beside_the_search_and_do_not_rank_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = {1: 0.5, 2: -0.5}
    study = ScriptedStudy(tmp_path, [10.0], [50.0], [30.0], noise=noise, seeds=2, finalists=1)
    study.run(final_check=lambda records: {record.id: (record.value or 0.0) - 4 for record in records})
    print_summary(read_summary(study.folder))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert [line[:3] for line in lines[1:4]] == ["1 1", "2 2", "3 0"]
    assert "winner (trial 1) 50.00 46.00 50.00 ± 0.7071 (2) 46.00 ± 0.7071 (2)" in lines
    assert "optimism gap of the winner (validation less test): +4.00 AP11" in lines


def test_repeat_says_whom_it_repeats(tmp_path: Path) -> None:
    lines = StringIO()
    study = ScriptedStudy(tmp_path, [10.0], [50.0], seeds=1, finalists=1)
    study.run(trackers=[ConsoleProgress(lines)])
    assert "trial 3 started: trial 1 again, on seed 1 of 1" in lines.getvalue()


def test_front_is_shown_beneath_the_ranking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = ScriptedStudy(tmp_path, [10.0], [50.0])
    study.run()
    both = [{"name": "AP11", "direction": "maximize"}, {"name": "latency_ms", "direction": "minimize"}]
    front = [{"trial": "1", "values": {"AP11": 50.0, "latency_ms": 31.5}}]
    pareto = {"objectives": both, "front": front, "hypervolume": 120.0}
    print_summary({**read_summary(study.folder), "pareto": pareto})
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "1 50.00 31.50" in lines
    assert "hypervolume 120, from the worst value of each objective" in lines


def test_best_shows_spec_and_checkpoint(
    study: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = call(capsys, "best", "--results-dir", results_of(study))
    assert code == 0
    assert f"{study[0]['results_dir']}/best/checkpoint.pth" in out
    assert f"train.lr = {study[0]['best']['params']['train.lr']}" in out


def test_list_shows_the_study(study: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str]) -> None:
    _, out = call(capsys, "list", "--results-dir", results_of(study), "--json")
    (entry,) = json.loads(out)["entries"]
    assert entry == {
        "id": study[0]["study_id"], "model": "fake", "action": "train", "state": "finished", "trials": 6,
        "metric": "AP11", "default": 50.0, "best": study[0]["best"]["value"],
    }  # fmt: skip
    lines = call(capsys, "list", "--results-dir", results_of(study))[1].splitlines()
    assert lines[1].split() == [
        study[0]["study_id"],
        "fake",
        "train",
        "finished",
        "6",
        "AP11",
        "50.00",
        "90.00",
    ]


def write_plain_job(results_dir: Path) -> str:
    return make_job(results_dir).id


def test_a_plain_job_has_a_status_and_no_winner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = write_plain_job(tmp_path)
    code, out = call(capsys, "status", job, "--results-dir", str(tmp_path), "--json")
    assert (code, json.loads(out)["state"], json.loads(out)["kpi"]) == (0, "succeeded", {"AP11": 61})
    assert "61" in call(capsys, "status", job, "--results-dir", str(tmp_path))[1]
    code, out = call(capsys, "best", job, "--results-dir", str(tmp_path), "--json")
    assert code == 2
    assert json.loads(out)["error"] == {
        "kind": "usage",
        "message": "is a plain action and has no winner",
        "where": str(tmp_path / job),
        "hint": f"`automl status {job} --results-dir {tmp_path}` shows what it measured",
    }


def test_a_damaged_study_hides_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = write_plain_job(tmp_path)
    (tmp_path / "study-x").mkdir()
    (tmp_path / "study-x" / "study.json").write_text("{")
    code, out = call(capsys, "list", "--results-dir", str(tmp_path), "--json")
    states = {entry["id"]: entry["state"] for entry in json.loads(out)["entries"]}
    assert (code, states) == (0, {job: "succeeded", "study-x": "damaged"})
    code, out = call(capsys, "status", "study-x", "--results-dir", str(tmp_path), "--json")
    assert (code, json.loads(out)["error"]["where"]) == (4, str(tmp_path / "study-x" / "study.json"))


@pytest.mark.parametrize("place", ["empty", "nowhere"])
def test_an_empty_list_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str) -> None:
    (tmp_path / "empty").mkdir()
    results_dir = str(tmp_path / place)
    assert call(capsys, "list", "--results-dir", results_dir) == (
        0, f"no studies or jobs in {results_dir}; another place is given with --results-dir\n",
    )  # fmt: skip
    code, out = call(capsys, "list", "--results-dir", results_dir, "--json")
    assert (code, json.loads(out)) == (0, {"results_dir": results_dir, "entries": []})


@pytest.mark.parametrize("command", ["status", "best"])
def test_an_unknown_id_lists_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    job = write_plain_job(tmp_path)
    code, out = call(capsys, command, "study-x", "--results-dir", str(tmp_path), "--json")
    assert code == 2
    assert json.loads(out)["error"] == {
        "kind": "usage",
        "message": "there is no study 'study-x'",
        "where": str(tmp_path),
        "hint": f"found there: {job}; another place is given with --results-dir",
    }


def test_the_ui_of_an_untracked_study_needs_a_store(
    study: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ui", "--results-dir", results_of(study)])
    assert ended.value.code == 2
    assert "the newest study was not tracked\n  -> give --tracking-uri" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "best", "ui"])
def test_commands_without_a_study_say_where_they_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--results-dir", str(tmp_path)])
    assert ended.value.code == 2
    assert f"{tmp_path}: there is no study yet" in capsys.readouterr().err


def test_lines_tell_start_epochs_end_and_standing(study: tuple[dict[str, Any], str]) -> None:
    lines = [line.partition(" ")[2] for line in study[1].splitlines()]
    assert lines[0] == f"{study[0]['study_id']}: fake, 6 trials of 6 epochs"
    assert lines[2:4] == ["trial 0 started: default spec", "trial 0 epoch 1/6: AP11 8.33"]
    assert any(line.startswith("trial 0 finished: AP11 50.00 at epoch 6 | best is trial 0") for line in lines)
    assert sum("stopped early" in line for line in lines) == sum(
        t["state"] == "pruned" for t in study[0]["trials"]
    )
    assert lines[-1].startswith(f"{study[0]['study_id']}: finished after ")


def test_names_are_shortened_as_far_as_they_differ() -> None:
    assert shorten(["train.optimizer.lr", "model.head.type", "model.neck.type", "lr"]) == {
        "train.optimizer.lr": "optimizer.lr",
        "model.head.type": "head.type",
        "model.neck.type": "neck.type",
        "lr": "lr",
    }


def test_running_study_shows_how_long_it_may_take(capsys: pytest.CaptureFixture[str]) -> None:
    summary = {"metric": "AP11", "direction": "maximize", "trials": [], "state": "running", "mlflow": None}
    summary |= {
        "verdict": None,
        "best": None,
        "forecast": {"remaining_s": 600.0},
        "results_dir": "/results/a",
    }
    print_summary(summary)
    assert "running; about 10 min to go" in capsys.readouterr().out


@pytest.mark.ray
def test_run_goes_through_ray_optuna_and_mlflow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skill = write_fake_skill(tmp_path / "skill")
    code, out = call(
        capsys, "run", "--skill-dir", str(skill), "--results-dir", str(tmp_path / "results"), "--trials", "4",
        "--max-epochs", "6", "--algorithm", "asha", "--set", "dataset.test_file=none", "--json", "--quiet",
    )  # fmt: skip
    document = json.loads(out)
    assert (code, document["state"], len(document["trials"])) == (0, "finished", 4)
    database = sqlite3.connect(tmp_path / "results" / "mlflow.db")
    (children,) = database.execute("select count(*) from tags where key = 'mlflow.parentRunId'").fetchone()
    (steps,) = database.execute("select count(distinct step) from metrics where key = 'AP11'").fetchone()
    assert (children, steps) == (4, 6)
