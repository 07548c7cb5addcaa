"""Plain training from the command line: one training, one MLflow run, no search and no Ray."""

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_skill import write_fake_skill

from automl.cli.main import main


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose ``results`` all trainings share, since a new MLflow store takes seconds to make."""
    root = tmp_path_factory.mktemp("plain")
    write_fake_skill(root / "skill")
    return root


def train(home: Path, skill: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> Any:
    """Document of a training that must end well."""
    base = ["run", "--skill-dir", str(skill), "--results-dir", str(home / "results")]
    with pytest.raises(SystemExit) as ended:
        main([*base, "--set", "dataset.test_file=none", *flags, "--json"])
    out, err = capsys.readouterr()
    assert ended.value.code == 0, err
    return json.loads(out)


def tracked(home: Path, study: str) -> list[tuple[str, str]]:
    """Status and policy tag of each MLflow run that a study left."""
    database = sqlite3.connect(home / "results" / "mlflow.db")
    query = "select status, value from runs join tags using (run_uuid) where key = 'policy' and name = ?"
    (children,) = database.execute("select count(*) from tags where key = 'mlflow.parentRunId'").fetchone()
    assert children == 0
    return list(database.execute(query, (study,)))


@pytest.mark.parametrize(
    "flags",
    [("--policy", "off"), ("--no-automl",), ("--request", "plain training please"), ("--request", "no HPO")],
)  # fmt: skip
def test_automl_is_turned_off_for_one_run(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    document = train(home, home / "skill", capsys, *flags)
    assert [(t["state"], t["value"], t["params"]) for t in document["trials"]] == [("succeeded", 50.0, {})]
    assert (document["state"], document["verdict"]) == ("finished", None)
    assert tracked(home, document["study_id"]) == [("FINISHED", "off")]


@pytest.mark.parametrize(
    ("file", "text"), [("schemas/train.schema.json", "{"), ("references/spec_template_train.yaml", "")]
)
def test_what_is_not_runnable_trains_plainly_and_says_what_to_do(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    file: str,
    text: str,
) -> None:
    path = write_fake_skill(tmp_path / "skill") / file
    path.write_text(text) if text else path.unlink()
    document = train(home, tmp_path / "skill", capsys)
    assert [(t["state"], t["params"]) for t in document["trials"]] == [("succeeded", {})]
    told = caplog.messages[0]
    assert f"fake but not runnable until the schemas are generated: {path}:" in told
    assert "Generate them with `fake schema`" in told
    policy = json.loads(Path(document["results_dir"], "study.json").read_text())["plan"]["policy"]
    assert (policy["automl"], policy["runnable"]) == ("on", False)
