"""Exit codes and messages of the ``bevfusion`` command line."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from bevfusion.cli.app import _COMMANDS, application, main
from bevfusion.errors import DivergedError


@pytest.fixture
def run(monkeypatch, capsys):
    """Run one command line; exit code, stdout, stderr."""

    def run_command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bevfusion", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return run_command


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(f"results_dir: {tmp_path / 'results'}\n")
    return path


@pytest.fixture
def training(monkeypatch):
    """Stands in for the action; remembers its spec, raises what it is told to."""
    module = ModuleType("bevfusion.actions.train")
    module.specs, module.error = [], None

    def train(spec):
        module.specs.append(spec)
        if module.error:
            raise module.error

    module.run = train
    monkeypatch.setitem(sys.modules, "bevfusion.actions.train", module)
    monkeypatch.setattr("bevfusion.data.checks.check_inputs", lambda *_: [])
    return module


def last_status(folder: Path) -> dict:
    return json.loads((folder / "status.json").read_text().splitlines()[-1])


def test_train_hands_the_resolved_spec_to_the_action(run, spec, training):
    assert run("train", "-e", spec, "train.num_epochs=3", "train.optimizer.lr=1e-3")[0] == 0
    (seen,) = training.specs
    assert (seen.train.num_epochs, seen.train.optimizer.lr) == (3, 0.001)
    assert seen.model.grid_size == (1408, 1600, 40)


def test_folder_of_the_action_wins_over_the_common_one(run, spec, training, tmp_path):
    assert run("train", "-e", spec, f"train.results_dir={tmp_path / 'own'}")[0] == 0
    assert training.specs[0].results_dir == str(tmp_path / "own")


def test_unknown_key_ends_with_2_and_is_told_in_the_status(run, spec, tmp_path):
    code, out, err = run("train", "-e", spec, "train.optimizer.lrr=1")
    assert (code, out) == (2, "")
    assert "command line:train.optimizer.lrr: unknown key\n  -> did you mean train.optimizer.lr?" in err
    assert last_status(tmp_path / "results")["status"] == "FAILURE"


def test_error_of_the_action_keeps_its_exit_code(run, spec, training, tmp_path):
    training.error = DivergedError("loss is nan at step 7", where="train")
    code, _, err = run("train", "-e", spec)
    assert code == 5
    assert "loss is nan at step 7" in err
    assert "Traceback" not in err
    assert last_status(tmp_path / "results")["message"] == "train: loss is nan at step 7"


def test_missing_data_end_with_3_before_torch_is_imported(run, spec, tmp_path):
    code, _, err = run("train", "-e", spec)
    assert code == 3
    assert "dataset.train_dataset.ann_file" in err
    assert "dataset.val_dataset.ann_file" in err
    assert "run dataset_convert" in last_status(tmp_path / "results")["message"]


def test_unforeseen_error_ends_with_1_and_a_traceback(run, spec, training, tmp_path):
    training.error = ZeroDivisionError("boom")
    code, _, err = run("train", "-e", spec)
    assert code == 1
    assert "Traceback" in err
    assert last_status(tmp_path / "results")["message"] == "ZeroDivisionError: boom"


def test_interruption_ends_with_130(run, spec, training):
    training.error = KeyboardInterrupt()
    assert run("train", "-e", spec)[0] == 130


def test_unwritable_results_do_not_hide_the_error(run, spec, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = run("train", "-e", spec, f"results_dir={tmp_path / 'file'}", "train.seed=x")
    assert code == 2
    assert "train.seed: 'x' is a text" in err


def test_results_folder_is_required(run, tmp_path):
    (tmp_path / "empty.yaml").write_text("")
    code, _, err = run("train", "-e", tmp_path / "empty.yaml")
    assert code == 2
    assert "empty.yaml:results_dir: no folder for the results" in err


@pytest.mark.parametrize(
    "arguments", [["trainn"], ["train"], ["demo_data", "--out", "x", "--frames", "many"]]
)
def test_wrong_usage_ends_with_2(run, arguments):
    assert run(*arguments)[0] == 2


def test_convert_is_an_alias(run, spec, tmp_path):
    code, _, err = run("convert", "-e", spec, "mod=x")
    assert code == 2
    assert "did you mean mode?" in err


def test_check_prints_one_document_and_ends_with_2_for_a_wrong_spec(run, spec):
    code, out, _ = run("check", "-e", spec, "--json", "model.grid_size=[1, 2, 3]")
    document = json.loads(out)
    assert code == 2
    assert document["errors"][0]["where"] == "command line:model.grid_size"
    assert "[1408, 1600, 40]" in document["errors"][0]["message"]
    assert document["warnings"] == []


def test_check_ends_with_3_for_data_that_are_not_there(run, spec):
    code, out, _ = run(
        "check", "-e", spec, "--json", "dataset.root_dir=/nowhere", "train.validation_interval=11"
    )
    document = json.loads(out)
    assert code == 3
    assert any("dataset_convert" in error["hint"] for error in document["errors"])
    assert document["warnings"][0]["where"] == "train.validation_interval"


def test_check_without_json_tells_people(run, spec):
    code, out, err = run("check", "-e", spec, "--action", "evaluate")
    assert (code, out) == (3, "")
    assert "error: " in err


def test_schema_check_fails_for_stale_files(run, tmp_path):
    assert run("schema", "--check")[0] == 0
    assert run("schema", "--check", "--root", tmp_path)[0] == 2
    (tmp_path / "references").mkdir()
    (tmp_path / "references" / "skill_info.yaml").write_text("")
    code, _, err = run("schema", "--check", "--root", tmp_path)
    assert code == 2
    assert "schemas/manifest.json: is missing" in err
    assert run("schema", "--root", tmp_path)[0] == 0
    assert run("schema", "--check", "--root", tmp_path)[0] == 0


def test_score_prints_flat_json(run, tmp_path):
    line = "Pedestrian 0.00 0 -0.10 712.40 143.00 810.73 307.92 1.89 0.48 1.20 1.84 1.47 8.41 0.01"
    for name, text in (("gt", line), ("pred", line + " 0.9")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "000000.txt").write_text(text + "\n")
    folders = ("--gt", tmp_path / "gt", "--pred", tmp_path / "pred")
    code, out, _ = run("score", *folders, "--json", "--protocol", "kitti", "--classes", "Pedestrian")
    figures = json.loads(out)
    assert code == 0
    assert all(key.startswith("KITTI/Pedestrian_") for key in figures)
    code, table, _ = run("score", *folders)
    assert code == 0
    assert "moderate" in table


def test_demo_data_writes_the_layout(run, tmp_path):
    assert run("demo_data", "--out", tmp_path / "d", "--frames", 7, "--workers", 1, "--quiet")[0] == 0
    assert len(list((tmp_path / "d" / "training" / "velodyne").iterdir())) == 7


@pytest.mark.parametrize("name", [command.__name__ for command, _ in _COMMANDS])
def test_help_ends_with_two_examples(run, name):
    code, out, _ = run(name, "--help")
    assert code == 0
    assert out.partition("Examples:")[2].count("bevfusion ") == 2


def test_help_imports_nothing_heavy_and_is_quick():
    code = "import sys\nfrom bevfusion.cli.app import application\napplication()\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "numpy", "jsonschema", "mmengine", "rich", "yaml"} & set(loaded)
    best = min(_seconds_of_help() for _ in range(3))
    assert best < 1.0  # 0.15 s on an idle machine


def _seconds_of_help() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bevfusion", "--help"], capture_output=True, check=True)
    return time.perf_counter() - start


def test_application_knows_each_command_once():
    names = [command.name for command in application().registered_commands]
    assert sorted(names) == sorted({*names})
    assert {"dataset_convert", "convert", "train", "evaluate", "inference", "check", "schema"} <= set(names)
