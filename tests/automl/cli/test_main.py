import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
import typer
from skills import write_data, write_skill

from automl.cli import main as cli
from automl.errors import AutomlError, DataError, Fault, StudyError

HEAVY = ("ray", "optuna", "mlflow", "jsonschema", "numpy", "yaml", "rich")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make ``automl list`` a command that raises."""

    def command(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
        raise error

    monkeypatch.setattr(cli.importlib, "import_module", lambda _: SimpleNamespace(command=command))


@pytest.mark.parametrize("name", [None, *cli.COMMANDS])
def test_help_is_there_with_examples(capsys: pytest.CaptureFixture[str], name: str | None) -> None:
    code, out, _ = run(capsys, *([name] if name else []), "--help")
    assert code == 0
    assert out.count("automl ") >= 3
    assert "Examples:" in out


def test_help_loads_nothing_heavy_and_is_quick() -> None:
    code = "import sys\nfrom automl.cli.main import main\ntry: main(['--help'])\n"
    code += f"except SystemExit: print([m for m in {HEAVY!r} if m in sys.modules])"
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert time.perf_counter() - began < 3


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version")[:2] == (0, "0.1.0\n")


def test_errors_go_to_stderr_with_their_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, DataError("is empty", where="f.pkl", hint="convert again"))
    assert run(capsys, "list") == (3, "", "error: f.pkl: is empty\n  -> convert again\n")


def test_errors_in_json_go_to_stdout_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, StudyError([Fault("a", "x", "do b"), Fault("c", "y")]))
    code, out, err = run(capsys, "list", "--json")
    assert (code, err) == (4, "")
    assert json.loads(out)["error"] == {
        "kind": "study",
        "message": "x: a\n  -> do b\ny: c",
        "where": "x",
        "hint": "do b",
    }


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (AutomlError("x"), 1), (ZeroDivisionError("oops"), 1)]
)
def test_exit_codes_of_what_was_not_expected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    raising(monkeypatch, error)
    assert run(capsys, "list")[0] == code


def test_a_defect_shows_its_traceback_and_still_speaks_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, ZeroDivisionError("oops"))
    code, out, err = run(capsys, "list", "--json")
    assert (code, json.loads(out)["error"]["message"]) == (1, "ZeroDivisionError: oops")
    assert "Traceback" in err


def test_a_path_that_the_system_refuses_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, PermissionError(13, "Permission denied", "/data/kitti"))
    code, out, err = run(capsys, "list")
    assert (code, out) == (3, "")
    assert err.startswith("error: /data/kitti: cannot be used: Permission denied\n  -> see that this account")
    assert json.loads(run(capsys, "list", "--json")[1])["error"]["kind"] == "environment"


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file", "/x"), OSError("no path known")])
def test_a_file_that_is_missing_where_nobody_asked_for_it_is_a_defect(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    raising(monkeypatch, error)
    code, _, err = run(capsys, "list")
    assert (code, "Traceback" in err) == (1, True)


@pytest.mark.parametrize("arguments", [["plan", "--nope"], ["plam"], ["plan", "--trials", "many"]])
def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "Error" in err
    code, out, _ = run(capsys, *arguments, "--json")
    assert (code, json.loads(out)["error"]["kind"]) == (2, "usage")


def toy(tmp_path: Path) -> list[str]:
    write_data(tmp_path / "data")
    return ["--skill-dir", str(write_skill(tmp_path / "toy"))]


def test_plan_prints_one_json_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    flags = [
        *toy(tmp_path),
        "--data",
        str(tmp_path / "data"),
        "--results-dir",
        str(tmp_path),
        "--trials",
        "4",
    ]
    code, out, _ = run(capsys, "plan", *flags, "--json")
    assert (code, json.loads(out)["budget"]["trials"], json.loads(out)["model"]) == (0, 4, "toy")


def test_plan_for_people_says_what_will_happen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    flags = [*toy(tmp_path), "--data", str(tmp_path / "data"), "--results-dir", str(tmp_path)]
    code, out, _ = run(capsys, "plan", *flags, "--budget-epochs", "90", "--time-budget", "1h")
    assert code == 0
    assert "\x1b[" not in out
    for text in (
        "a study",
        "20 trials of at most 9 epochs, 90 epochs in all, 60 min",
        "1 CPU core a trial, ",
        "set by the platform  ",
        "1e-05 .. 1 log",
        "about 60 min",
    ):
        assert text in out
    out = run(capsys, "plan", *flags, "--request", "plain training")[1]
    assert "one plain training of 9 epochs" in out


def test_space_says_why_each_leaf_is_in_or_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    flags = [*toy(tmp_path), "--param", "model.width=8:64", "--set", "model.kind=large"]
    code, out, _ = run(capsys, "space", *flags, "--data", str(tmp_path), "--results-dir", str(tmp_path))
    assert code == 0
    assert "8 .. 64 step 8" in out
    assert "not in the schema's automl_default_parameters" in out
    shape = json.loads(run(capsys, "space", *flags, "--json")[1])
    assert [p["name"] for p in shape["parameters"]] == [
        "train.lr",
        "train.momentum",
        "model.kind",
        "model.width",
    ]
    assert len(shape["parameters"]) + len(shape["excluded"]) == 20


def test_samples_are_json_lines_and_repeatable(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    flags: list[Any] = ["space", *toy(tmp_path), "--sample", "5", "--seed", "7"]
    code, out, _ = run(capsys, *flags)
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, len(lines)) == (0, 5)
    assert all(set(line) == {"train.lr", "train.momentum", "model.kind"} for line in lines)
    assert out == run(capsys, *flags)[1]
    assert out != run(capsys, *flags[:-1], "8")[1]


def test_a_space_fault_is_told_in_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "space", *toy(tmp_path), "--param", "train.lrr=0.1:0.2", "--json")
    assert code == 2
    assert json.loads(out)["error"] == {
        "kind": "space",
        "message": "is not a parameter of the schema",
        "where": "--param:train.lrr",
        "hint": "did you mean train.lr?",
    }


def test_a_closed_pipe_is_no_defect(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("automl")
    command = f"{program} space {' '.join(toy(tmp_path))} --sample 20000 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert set(json.loads(done.stdout)) == {"train.lr", "train.momentum", "model.kind"}
    assert done.stderr == ""
