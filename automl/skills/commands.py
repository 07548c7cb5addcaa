"""Command lines of a skill: filled without a shell, run with our own interpreter first on the path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["command_environment", "fill_command"]


def fill_command(command: tuple[str, ...], *, config_path: Path, skill_dir: Path) -> list[str]:
    """The argument list of one launch: the two placeholders replaced, nothing else touched."""
    values = {"{config_path}": str(config_path), "{skill_dir}": str(skill_dir)}
    filled = []
    for word in command:
        for placeholder, value in values.items():
            word = word.replace(placeholder, value)
        filled.append(word)
    return filled


def command_environment() -> dict[str, str]:
    """Environment of a skill's commands: ours, with our own interpreter's folder first on the path."""
    own = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": own + os.pathsep + os.environ.get("PATH", "")}
