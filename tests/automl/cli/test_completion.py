"""What a shell is told may come next, and the scripts that ask."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_skill import write_fake_skill
from fake_study import finished_study, make_job

from automl.cli.candidates import list_candidates
from automl.cli.main import COMMANDS, main


def test_commands_and_flags_come_first() -> None:
    assert list_candidates(["re"]) == sorted(name for name in COMMANDS if name.startswith("re"))
    assert list_candidates(["run", "--tri"]) == ["--trials"]
    assert list_candidates(["status", "--f"]) == ["--follow"]
    assert list_candidates(["why", "--j"]) == ["--json"]
    assert list_candidates(["nonsense", ""]) == []


@pytest.mark.parametrize(
    ("flag", "expected"),
    [("--policy", ["off", "on"]), ("--open-bounds", ["around-default", "refuse"]), ("--profile", ["tiny"])],
)
def test_flags_know_their_values(flag: str, expected: list[str]) -> None:
    assert list_candidates(["run", flag, ""]) == expected


def test_a_file_or_a_number_is_left_to_the_shell() -> None:
    assert list_candidates(["run", "--config", ""]) == []
    assert list_candidates(["run", "--trials", ""]) == []
    assert list_candidates(["run", "--yes", "--tri"]) == ["--trials"]


def test_flags_wait_for_their_dash_where_a_study_may_stand(tmp_path: Path) -> None:
    finished_study(tmp_path / "study-a")
    here = ["status", "--results-dir", str(tmp_path)]
    assert list_candidates([*here, ""]) == ["study-a"]
    assert "--follow" in list_candidates([*here, "--"])


def test_spaces_algorithms_and_models_are_known() -> None:
    assert {"default", "quick"} <= set(list_candidates(["plan", "--space", ""]))
    assert {"auto", "asha"} <= set(list_candidates(["run", "--algorithm", "a"]))
    assert list_candidates(["run", "--model", ""]) == ["bevfusion"]


def test_spec_keys_are_those_of_the_skill(tmp_path: Path) -> None:
    skill = str(write_fake_skill(tmp_path / "skill"))
    assert list_candidates(["run", "--skill-dir", skill, "--set", "train.l"]) == ["train.lr="]
    assert list_candidates(["run", "--skill-dir", skill, "--drop", "model."]) == ["model.width"]
    assert list_candidates(["run", "--skill-dir", str(tmp_path), "--set", ""]) == []


def test_studies_jobs_and_trials_are_those_of_the_results(tmp_path: Path) -> None:
    study, job = finished_study(tmp_path / "study-a"), make_job(tmp_path)
    for trial in "02":
        (study.root / "trials" / trial).mkdir(parents=True)
    here = ["--results-dir", str(tmp_path)]
    assert list_candidates(["report", *here, "s"]) == ["study-a"]
    assert list_candidates(["run", *here, "--parent-job-id", ""]) == sorted([job.id, "study-a"])
    assert list_candidates(["why", *here, ""]) == ["0", "2", "best"]
    assert "study-a" in list_candidates(["why", *here, "best", ""])


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["completion", *arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_the_command_prints_a_candidate_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "words", "--", "run", "--policy", "o") == (0, "off\non\n", "")


def test_an_unknown_shell_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "tcsh")
    assert (code, err) == (
        2, "error: SHELL: 'tcsh' is no shell that is known\n  -> one of bash, zsh, fish\n",
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash; review by 2027-06")
def test_bash_completes_through_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    script = call(capsys, "bash")[1]
    ask = f'{script}\nCOMP_WORDS=(automl run --policy o)\nCOMP_CWORD=3\n_automl\necho "${{COMPREPLY[@]}}"'
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, env={"PATH": path}, check=True)
    assert done.stdout == "off on\n"


ASKED = {
    "status ": "study-a",
    "run --skill-dir skill --set train.l": "train.lr=",
    "plan --space q": "quick",
    "run --policy o": "off on",
}


def ask(shell: str, script: str, line: str, cwd: Path) -> str:
    """What a shell offers behind ``automl LINE``."""
    if shell == "fish":
        told = ["fish", "--no-config", "-c", f"{script}\ncomplete -C 'automl {line}'"]
    else:
        words = " ".join(f"'{word}'" for word in ["automl", *line.split(" ")])
        stand_in = (
            "compdef() { }; compadd() { print -r -- ${@[${@[(i)--]}+1,-1]} }; _files() { print -r -- *.yaml }"
        )
        told = ["zsh", "-f", "-c", f"{stand_in}\n{script}\nwords=({words}); CURRENT=$#words; _automl"]
    env = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(cwd)}
    done = subprocess.run(told, cwd=cwd, capture_output=True, text=True, env=env, check=True)
    return " ".join(done.stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_studies_keys_spaces_and_files_complete(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}: apt-get install {shell}; review by 2027-06")
    finished_study(tmp_path / "results" / "study-a")
    write_fake_skill(tmp_path / "skill")
    (tmp_path / "run.yaml").touch()
    script = call(capsys, shell)[1]
    assert {line: ask(shell, script, line, tmp_path) for line in ASKED} == ASKED
    assert "run.yaml" in ask(shell, script, "run --config ", tmp_path).split()
