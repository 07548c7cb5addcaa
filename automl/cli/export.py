"""``automl export``: a trial as a folder that can be used without the study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from automl.cli.studies import (
    AsJson,
    ResultsDir,
    StudyArgument,
    TrialArgument,
    fetch_models,
    find_study,
    find_trial,
)

__all__ = ["command"]


def command(
    trial: TrialArgument,
    study_id: StudyArgument = None,
    out: Annotated[Path, typer.Option(help="New folder.")] = Path("exported"),
    results_dir: ResultsDir = Path("results"),
    as_json: AsJson = False,
) -> int:
    r"""Export one trial: spec, weights, model card, example, and ONNX of what ONNX can hold.

    \b
    Examples:
      automl export best --out ./person_detector
      automl export 0 study-20261122-213000-ab12 --out ./default
    """
    from automl.export import export_trial
    from automl.report.material import read_material

    folder = find_study(results_dir, study_id, lacks="trials")
    fetch_models(folder.root)
    material = read_material(folder)
    record = find_trial(folder, material.state, trial)
    bundle = export_trial(material, record, out)
    onnx, missing = (list(bundle.account.get(key, [])) for key in ("onnx", "not_in_onnx"))
    if as_json:
        known = {"study_id": folder.id, "trial": record.id, "out": str(out), "files": list(bundle.files)}
        print(json.dumps({**known, "onnx": onnx, "not_in_onnx": missing}))
        return 0
    print(f"trial {record.id} of {folder.id} in {out}")
    for name in bundle.files:
        print(f"  {name}")
    for part in onnx:
        print(f"ONNX: {part['part']}, off by at most {part['largest_difference']:.1e}")
    for part in missing:
        print(f"not in ONNX: {part['part']} ({part['reason']})")
    return 0
