"""``bevfusion schema``: the generated files of the skill directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bevfusion.errors import SpecError

__all__ = ["schema"]

PACKAGE = Path(__file__).resolve().parents[1]
SKILL = PACKAGE / "skill" if (PACKAGE / "skill").is_dir() else PACKAGE.parent
"""Where this installation keeps its skill: inside the package (wheel) or beside it (checkout)."""


def schema(
    only_check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file is stale.")
    ] = False,
    root: Annotated[Path, typer.Option(help="Skill directory; default: this installation's.")] = SKILL,
) -> None:
    """Write schemas/ and the spec templates from the dataclasses (for maintainers)."""
    from bevfusion.spec.artifacts import check_artifacts, write_artifacts

    if not (root / "references" / "skill_info.yaml").is_file():
        raise SpecError("is not a skill directory", where=str(root), hint="give the checkout with --root DIR")
    if only_check:
        if faults := check_artifacts(root):
            raise SpecError(faults)
        print("schemas and templates agree with the dataclasses")
        return
    changed = write_artifacts(root)
    print("\n".join(f"wrote {path}" for path in changed) or "nothing to write, all files are fresh")
