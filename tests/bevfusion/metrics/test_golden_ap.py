"""Agreement with the compiled development kit, on the sets in ``tests/golden_ap``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bevfusion.metrics import FrameAnnotations, evaluate

GOLDEN = Path(__file__).parents[2] / "golden_ap"
SETS = sorted(path.stem for path in GOLDEN.glob("s*.json"))
TAO_SETS = sorted(path.stem for path in GOLDEN.glob("tao_s*.json"))
MEASURES = {"bbox": "2D", "bev": "BEV", "3d": "3D", "aos": "AOS"}


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return content


def pedestrians(objects: dict[str, list[Any]]) -> FrameAnnotations:
    keep = [i for i, name in enumerate(objects["name"]) if name == "Pedestrian"]
    reduced = {key: [values[i] for i in keep] for key, values in objects.items()}
    return FrameAnnotations.from_info(reduced | {"name": ["person"] * len(keep)})


def reduced_scores(name: str) -> dict[str, float]:
    source = load(name)
    frames = [
        (gt, dt) for gt, dt in zip(source["gt"], source["dt"], strict=True) if "Pedestrian" in gt["name"]
    ]
    return evaluate([pedestrians(gt) for gt, _ in frames], [pedestrians(dt) for _, dt in frames])


def test_all_sets_are_there() -> None:
    assert (len(SETS), len(TAO_SETS)) == (6, 3)


@pytest.mark.parametrize("name", SETS)
def test_every_value_equals_the_development_kit(name: str) -> None:
    golden = load(name)
    gt, dt = ([FrameAnnotations.from_info(one) for one in golden[side]] for side in ("gt", "dt"))
    scores = evaluate(gt, dt, protocol="kitti")
    expected = {
        f"KITTI/{label}_{MEASURES[key.split('_')[1]]}_{key.split('_')[0]}_{difficulty}_{strictness}": value
        for label, results in golden["result"].items()
        for key, levels in results.items()
        for strictness, values in levels.items()
        for difficulty, value in values.items()
    }
    assert len(expected) == 144
    assert {key: scores[key] for key in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", TAO_SETS)
def test_product_keys_follow_the_kitti_rule(name: str) -> None:
    golden = load(name)
    scores = reduced_scores(golden["source_set"])
    expected = golden["same_data_with_kitti_rule"]
    assert {key: scores[key] for key in expected} == pytest.approx(expected, abs=1e-6)


def test_tao_reports_other_numbers_for_the_same_detections() -> None:
    golden = load("tao_s11_mixed_50f")
    ours = reduced_scores(golden["source_set"])["AP11"]
    assert ours == pytest.approx(43.104, abs=1e-3)
    assert golden["tao_result"]["TAO3D/person_3D_AP11_moderate_strict"] == pytest.approx(35.219, abs=1e-3)
