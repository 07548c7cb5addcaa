"""The model card: what a model is, how good it was found to be and on what, and how it is used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from automl.report.material import Material
from automl.report.provenance import list_provenance
from automl.report.standings import changes_from
from automl.report.verdict import tell_verdict
from automl.report.wording import value_text
from automl.types import TrialRecord

__all__ = ["write_card"]


def write_card(out: Path, material: Material, record: TrialRecord, account: Mapping[str, Any]) -> None:
    """Write ``README.md`` and ``metrics.json``.

    Args:
        out: the exported folder.
        material: the study.
        record: the trial.
        account: what the model says of its own export; empty where it says nothing.
    """
    evaluation = material.evaluations.get(record.id)
    metric = material.sheet.metric
    standing = metric.standing(record.reports)
    metrics = {
        "metric": metric.name,
        "validation": dict(standing.kpi) if standing else {},
        "test": dict(evaluation.kpi) if evaluation else None,
    }
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")
    default = material.default.params if material.default else {}
    text = _template().render(
        model=material.sheet.model,
        study_id=material.sheet.study_id,
        trial=record.id,
        epoch=record.best_epoch,
        metric=metric.name,
        value=record.value,
        test=evaluation.kpi.get(metric.name) if evaluation else None,
        is_winner=material.winner is not None and material.winner.id == record.id,
        answer=tell_verdict(material),
        changes=[
            (name, "–" if old is None else value_text(old), value_text(new))
            for name, (old, new) in changes_from(default, record.params).items()
        ],
        account=account,
        provenance=list(list_provenance(material)),
    )
    (out / "README.md").write_text(text, "utf-8")


@cache
def _template() -> Template:
    environment = Environment(  # noqa: S701 - Markdown, not HTML
        loader=PackageLoader("automl.export"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("model_card.md")
