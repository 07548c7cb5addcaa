"""``automl init``: a commented ``run.yaml`` for one's own data."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from automl.cli.studies import AsJson
from automl.places import is_uri

if TYPE_CHECKING:
    from automl.skills import Skill

__all__ = ["command"]

# What stands behind a key that is left out; an example where the default is nothing.
_EXAMPLES: Mapping[str, str] = {
    "action": "train", "parent-job-id": "ID", "convert-job-id": "ID", "spec": "my_spec.yaml",
    "set": "[train.num_epochs=12]", "policy": '"on"', "request": '"plain training"', "algorithm": "auto",
    "trials": "20", "max-epochs": "12", "budget-epochs": "100", "time-budget": "2h", "gpu-hours": "8",
    "metric": "AP11", "direction": "maximize", "objective": "[AP11:maximize]",
    "constraint": '["latency_ms<=50"]', "param": '["train.optimizer.lr=1e-4:1e-2:log"]',
    "drop": "[KEY]", "allow-disabled": "[KEY]", "open-bounds": "refuse", "warm-start": "STUDY",
    "seeds": "3", "confirm-top": "2", "seed": "0", "gpus-per-trial": "1", "nodes-per-trial": "1",
    "cpus-per-trial": "2", "max-concurrent": "2", "ray-address": "auto", "experiment": "NAME",
    "tracking-uri": "http://127.0.0.1:5000", "results-dir": "results", "study-id": "NAME",
    "stall-timeout": "2h", "disk-quota": "20GB", "llm-tokens": "200000", "llm-cost": "5",
    "on-llm-failure": "auto",
}  # fmt: skip
_LEFT_OUT = frozenset({"config", "model", "skill-dir", "data", "no-automl", "json", "quiet", "yes"})
_COLUMN = 46


def command(
    data: Annotated[str | None, typer.Option(help="Root of your data set.")] = None,
    model: Annotated[str | None, typer.Option(help="Installed model (bevfusion).")] = None,
    skill_dir: Annotated[Path | None, typer.Option(help="Folder that makes any model tunable.")] = None,
    out: Annotated[Path, typer.Option(help="File to write; never overwritten.")] = Path("run.yaml"),
    as_json: AsJson = False,
) -> int:
    r"""Write a commented run.yaml: every flag of run with its meaning, yours filled in.

    \b
    Examples:
      automl init --data /data/kitti
      automl init --skill-dir ./my_model --data ./my_data --out study.yaml
    """
    from automl.errors import UsageError
    from automl.skills import load_skill

    if out.exists():
        raise UsageError("is there already", where=f"--out:{out}", hint="give another name with --out")
    skill = load_skill(model, skill_dir)
    given = {"skill-dir": str(skill.root)} if skill_dir else {"model": model or skill.name}
    out.write_text("\n".join(_lines(skill, given, data, out)) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps({"path": str(out)}))
        return 0
    if data and not is_uri(data) and not Path(data).is_dir():
        print(f"there is no folder {data} yet")
    print(f"wrote {out}; next:\n  automl doctor --config {out}\n  automl plan --config {out}")
    return 0


def _lines(skill: Skill, given: Mapping[str, str], data: str | None, out: Path) -> Iterator[str]:
    yield f"# What `automl run --config {out}` does; a flag on the command line wins."
    yield "# A line that begins with # is off: what stands there is an example or the default."
    yield ""
    for key, value in given.items():
        yield f"{key}: {json.dumps(value)}"
    yield f"data: {json.dumps(data)}" if data else "# data: /data/kitti  # root of your data set"
    for kind, names in (
        ("profile", _names(skill, "references", "profile_")),
        ("space", _names(skill, "search_spaces", "")),
    ):
        if names:
            yield f"# {kind}: {names[0]}  # one of {', '.join(names)}"
    for panel, options in _panels().items():
        yield f"\n# {panel}"
        for name, text in options.items():
            line = f"# {name}: {_EXAMPLES.get(name, '')}"
            yield from textwrap.wrap(f"{line:<{_COLUMN}}# {text}", 108, subsequent_indent="#   ")


def _names(skill: Skill, folder: str, prefix: str) -> list[str]:
    return [path.stem.removeprefix(prefix) for path in sorted((skill.root / folder).glob(f"{prefix}*.yaml"))]


def _panels() -> dict[str, dict[str, str]]:
    """Panel to flag to help, of everything that a file may hold."""
    from automl.cli.options import RUN_OPTIONS

    panels: dict[str, dict[str, str]] = {}
    for option in RUN_OPTIONS.values():
        about: Any = get_args(option)[1]
        name = str(about.default).removeprefix("--")
        if name not in _LEFT_OUT | {"profile", "space"}:
            panels.setdefault(about.rich_help_panel, {})[name] = about.help
    return panels
