"""Writes docs/reference/ from the code; ``--check`` fails where a page is not what the code says.

Run as ``python docs/reference.py [--check]``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

os.environ.update(COLUMNS="100", NO_COLOR="1")  # help texts are as wide here as anywhere

from typer.testing import CliRunner

from automl.cli.main import COMMANDS, application
from automl.search.catalogue import ALGORITHMS

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "reference"
NOTE = "<!-- Written by docs/reference.py; `make reference` writes it again. -->\n\n"


def write_cli() -> str:
    """Every command with its help."""
    parts = ["# Commands\n\n`automl COMMAND --help` shows the same.\n"]
    for name, command in COMMANDS.items():
        shown = CliRunner().invoke(application([name]), [name, "--help"], prog_name="automl").stdout
        text = "\n".join(line.rstrip() for line in shown.strip().splitlines())
        parts.append(f"## automl {name}\n\n{command.summary}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def write_spec() -> str:
    """Every key of the training spec with type, default and bounds."""
    schema = json.loads((ROOT / "schemas" / "train.schema.json").read_text("utf-8"))
    searched = set(schema["automl_default_parameters"])
    parts = [
        "# Spec keys\n",
        "Of `bevfusion train`. A null default is derived; `*` marks what a study searches.\n",
    ]
    groups = {name: node for name, node in schema["properties"].items() if "properties" in node}
    alone = {name: node for name, node in schema["properties"].items() if name not in groups}
    parts.append(_table(row for name, node in alone.items() for row in _rows(node, name, searched)))
    for name, node in groups.items():
        parts.append(f"## {name}\n\n{node['description']}\n")
        parts.append(_table(_rows(node, name, searched)))
    return "\n".join(parts)


def _table(rows: Iterable[str]) -> str:
    return "| key | type | default | values | meaning |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _rows(node: Mapping[str, Any], name: str, searched: set[str]) -> Iterator[str]:
    if "properties" in node:
        for key, child in node["properties"].items():
            yield from _rows(child, f"{name}.{key}", searched)
        return
    star = " *" if name in searched else ""
    default = json.dumps(node.get("default"))
    cells = (f"`{name}`{star}", node["type"], f"`{default}`", _values(node), node.get("description", ""))
    yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _values(node: Mapping[str, Any]) -> str:
    if node.get("enum"):
        return ", ".join(map(str, node["enum"]))
    low, high = node.get("minimum"), node.get("maximum")
    if isinstance(low, list) or isinstance(high, list):
        low, high = (bound[0] if isinstance(bound, list) and bound else bound for bound in (low, high))
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'} .. {'' if high is None else f'{high:g}'}".strip()


def write_spaces() -> str:
    """Every curated search space."""
    parts = [
        "# Search spaces\n\n`--space NAME` takes one; see [how they are written](../search-spaces.md).\n"
    ]
    for path in sorted((ROOT / "search_spaces").glob("*.yaml")):
        space = yaml.safe_load(path.read_text("utf-8"))
        base = space.get("extends", [])
        names = [base] if isinstance(base, str) else base
        more = f" Extends {', '.join(names)}." if names else ""
        parts.append(f"## {path.stem}\n\n{space.get('description', '')}{more}\n")
        parts.append("| parameter | values | what it does |\n|---|---|---|")
        for name, wish in space.get("parameters", {}).items():
            parts.append(f"| `{name}` | {_wish(wish)} | {wish.get('comment', '')} |")
        parts.append("")
    return "\n".join(parts)


def _wish(wish: Mapping[str, Any]) -> str:
    if "choices" in wish:
        return ", ".join(map(str, wish["choices"])).replace("|", "\\|")
    if "tie" in wish:
        return f"= `{wish['tie']}`"
    text = f"{wish['low']:g} .. {wish['high']:g}" if "low" in wish else "as the schema says"
    return text + (" log" if wish.get("log") else "") + (f" step {wish['step']:g}" if "step" in wish else "")


def write_algorithms() -> str:
    """What each algorithm is, and when to take it."""
    rows = [
        f"| `{name}` | {about.summary} | {'yes' if about.pauses else 'no'} |"
        for name, about in ALGORITHMS.items()
    ]
    head = "| name | what it is; when to take it | stops trials early |\n|---|---|---|\n"
    return (
        "# Algorithms\n\n`--algorithm NAME` takes one. Trial 0 of each is the default spec.\n\n"
        + head
        + "\n".join(rows)
    )


WRITERS = {
    "algorithms.md": write_algorithms,
    "commands.md": write_cli,
    "spec.md": write_spec,
    "spaces.md": write_spaces,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or name those that are stale."""
    stale = []
    PAGES.mkdir(exist_ok=True)
    for name, write in WRITERS.items():
        path, text = PAGES / name, NOTE + write().rstrip() + "\n"
        if not path.is_file() or path.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text, "utf-8")
    if "--check" in arguments:
        print(
            f"stale: {', '.join(stale)}; run make reference"
            if stale
            else "the reference agrees with the code"
        )
        return 1 if stale else 0
    print(f"wrote {', '.join(stale) or 'nothing new'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
