"""Documentation that is true: links lead somewhere, commands and flags exist, the reference is fresh."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from automl.cli.candidates import list_candidates
from automl.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/tutorials/*.md"),
        *ROOT.glob("docs/how-to/*.md"),
    ]
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
COMMAND = re.compile(r"^(?:    )?(automl [^\n#]+)$|`(automl [a-z][^`]*)`", re.MULTILINE)
FENCE = re.compile(r"`([\w./]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def commands_of(page: Path) -> list[str]:
    text = re.sub(r"\\\n\s*", "", page.read_text("utf-8"))  # a command may go on in the next line
    found = (match[0] or match[1] for match in COMMAND.findall(text))
    return [text.partition(" # ")[0].strip() for text in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_flags_exist(page: Path) -> None:
    wrong = []
    for text in commands_of(page):
        words = shlex.split(text.replace("...", "").replace('"$(', "").rstrip(')"'))
        name = words[1] if len(words) > 1 else ""
        if name in COMMANDS:
            flags = [word.partition("=")[0] for word in words if word.startswith("--")]
            wrong += [f"{name} {flag}" for flag in flags if flag not in list_candidates([name, flag])]
        elif name.isalpha() and name.islower():
            wrong.append(text)
    assert wrong == []


def test_the_reference_says_what_the_code_says() -> None:
    script = [sys.executable, str(ROOT / "docs" / "reference.py"), "--check"]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "the reference agrees with the code\n")


@pytest.mark.slow
def test_the_tutorial_on_ones_own_model_ends_with_a_study(tmp_path: Path) -> None:
    """Followed literally: its files are written, its commands are run, in their order."""
    text = (ROOT / "docs" / "tutorials" / "own-model.md").read_text("utf-8")
    files = FENCE.findall(text)
    assert len(files) == 4
    for name, content in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    outputs = {}
    for line in "\n".join(SHELL.findall(text)).splitlines():
        done = subprocess.run(
            shlex.split(line), cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        outputs[line.split()[1]] = done.stdout
    assert re.search(r"train\.lr +float +1e-05 \.\. 1 log", outputs["plan"])
    assert "default spec" in outputs["run"]
    assert re.search(r"Trial \d tried lr = ", outputs["why"])
    assert Path(outputs["report"].strip()).is_file()
