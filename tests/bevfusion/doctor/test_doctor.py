import json
import shutil
import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from bevfusion.cli.app import main
from bevfusion.data.inspection import SplitReport
from bevfusion.doctor import CheckStatus, data, environment, evaluator, examination
from bevfusion.doctor.check import Check, WrongResultError, attempt, failed_by
from bevfusion.errors import Fault
from tests.bevfusion.conftest import tiny_spec


@pytest.fixture
def report() -> SplitReport:
    """Four boxes, all as they should be."""
    return SplitReport(
        split="train",
        frames=3,
        empty_frames=1,
        box_ious=np.array([[0.9, 1.0]] * 4),
        box_points=np.array([40, 20, 10, 5]),
        class_counts=Counter({"Pedestrian": 4, "Car": 1}),
        faults=(),
        warnings=(),
    )


def changed(report: SplitReport, **values) -> SplitReport:
    return SplitReport(**{**vars(report), **values})


def statuses(checks) -> dict[str, str]:
    return {check.name: check.status.value for check in checks}


def test_whatever_goes_wrong_is_told_with_its_remedy():
    def broken() -> str:
        raise ZeroDivisionError("first line\nsecond")

    def wrong() -> str:
        raise WrongResultError("sum is 3, 4 is right")

    assert attempt("a", broken, remedy="r") == Check(
        "a", CheckStatus.FAILED, "ZeroDivisionError: first line", "r"
    )
    assert attempt("a", wrong, remedy="r").found == "sum is 3, 4 is right"
    assert attempt("a", lambda: "fine", remedy="r") == Check("a", CheckStatus.OK, "fine", "")


def test_many_faults_become_one_check_with_each_remedy_once():
    check = failed_by("data", [Fault(f"missing {i}", f"file{i}", "restore it") for i in range(7)])
    assert check.found.startswith("file0: missing 0; file1: missing 1")
    assert check.found.endswith("and 2 more")
    assert check.remedy == "restore it"


def test_packages_are_held_against_what_the_distribution_asks_for(monkeypatch):
    assert environment.check_packages().status is CheckStatus.OK
    monkeypatch.setattr(environment, "requires", lambda _: ["numpy>=99", "nowhere>=1 ; extra == 'detector'"])
    check = environment.check_packages()
    assert check.status is CheckStatus.FAILED
    assert ">=99 is needed; nowhere is missing, >=1 is needed" in check.found
    assert "pip install" in check.remedy


def test_sources_that_were_never_installed_are_only_warned_of(monkeypatch):
    def missing(_: str) -> list[str]:
        raise PackageNotFoundError

    monkeypatch.setattr(environment, "requires", missing)
    assert environment.check_packages().status is CheckStatus.WARNING


def test_evaluator_that_is_wrong_fails_with_its_figures(monkeypatch):
    assert evaluator.check_evaluator().found.startswith("ground truth against itself 100.0")
    found = {"perfect": 87.5, "shuffled": 0.0, "octagon_error": 0.1, "passed": False}
    monkeypatch.setattr(evaluator, "evaluator_self_test", lambda: found)
    check = evaluator.check_evaluator()
    assert check.status is CheckStatus.FAILED
    assert "ground truth against itself 87.5" in check.found


def test_boxes_beside_their_images_and_without_points_are_warned_of(report):
    assert data._check_overlaps("n", report).status is CheckStatus.OK
    odd = changed(
        report, box_ious=np.array([[0.9, 1.0]] * 3 + [[0.0, 0.1]]), box_points=np.array([9, 9, 9, 0])
    )
    overlap, points = data._check_overlaps("n", odd), data._check_points("n", odd)
    assert overlap.status is points.status is CheckStatus.WARNING
    assert "median overlap of 0.90, in height 1.00; 25% lie beside" in overlap.found
    assert points.found == "median 9 points; 25% of the boxes hold none"


def test_part_without_boxes_is_warned_of(report):
    nobody = changed(report, box_ious=np.zeros((0, 2)), box_points=np.zeros(0, np.int64))
    checks = (data._check_overlaps("n", nobody), data._check_points("n", nobody))
    assert {check.status for check in checks} == {CheckStatus.WARNING}


def test_spec_without_data_is_a_warning_and_a_wrong_one_fails(tmp_path, monkeypatch):
    for name in ("check_packages", "check_torch", "check_stack", "check_evaluator"):
        monkeypatch.setattr(examination, name, lambda: Check("x", CheckStatus.OK, ""))
    monkeypatch.setattr(examination, "check_operators", list)
    path = tmp_path / "spec.yaml"
    path.write_text("train: {num_epochs: 3}\n")
    assert statuses(examination.examine(path)) == {
        "x": "ok",
        "detector spec": "ok",
        "converted data": "warning",
    }
    wrong = [*examination.examine(path, ["train.num_epochs=0"])][-1]
    assert wrong.status is CheckStatus.FAILED
    assert "train.num_epochs: 0 is out of bounds" in wrong.found


def test_street_data_are_fit(street, tmp_path):
    found = {check.name: check for check in data.check_data(tiny_spec(street, tmp_path))}
    parts = ("frames", "boxes in images", "points in boxes", "classes")
    assert set(found) == {
        "converted data",
        *(f"{split} {part}" for split in ("train", "val", "test") for part in parts),
        "val labels",
        "test labels",
    }
    assert {check.status for check in found.values()} <= {CheckStatus.OK, CheckStatus.WARNING}
    assert found["train frames"].found.startswith("12 read with every sensor and calibration")
    assert "Pedestrian" in found["train classes"].found
    assert "against themselves" in found["val labels"].found


def test_missing_file_is_named(street, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(street, copy)
    gone = sorted((copy / "training" / "image_2").iterdir())[0]
    gone.unlink()
    (check,) = data.check_data(tiny_spec(copy, tmp_path / "results"))
    assert check.status is CheckStatus.FAILED
    assert str(gone) in check.found


def test_labels_that_stand_twice_fail(street, tmp_path, monkeypatch):
    infos = data.read_infos(Path(tiny_spec(street, tmp_path).dataset.val_dataset.ann_file))
    assert evaluator.check_labels(infos, ["person"]).status is CheckStatus.WARNING  # too few to reach 100
    curve = type("Curve", (), {"ap11": 80.0, "ap11_ceiling": 100.0, "num_labels": 50})
    monkeypatch.setattr(evaluator, "curves", lambda *_, **__: {"TAO3D/person_3D_moderate_strict": curve})
    check = evaluator.check_labels(infos, ["person"])
    assert (check.status, check.found) == (
        CheckStatus.FAILED,
        "person: AP11 80.0 against themselves, 50 labels count",
    )


@pytest.mark.torch
def test_operators_are_right_here_and_wrong_ones_are_caught(monkeypatch):
    from bevfusion.doctor.operators import check_operators
    from bevfusion.ops import bev_pool

    assert set(statuses(check_operators()).values()) == {"ok"}
    right = bev_pool.pool_to_cells
    monkeypatch.setattr(bev_pool, "pool_to_cells", lambda *args, **kwargs: 2 * right(*args, **kwargs))
    wrong = {check.name: check for check in check_operators()}["bird's-eye pooling"]
    assert wrong.status is CheckStatus.FAILED
    assert wrong.found == "sum is 631, 315.5 is right"


@pytest.mark.torch
def test_command_prints_one_document_and_ends_with_3_for_missing_data(tmp_path, monkeypatch, capsys):
    path = tmp_path / "spec.yaml"
    path.write_text("dataset: {root_dir: /nowhere}\n")
    monkeypatch.setattr(sys, "argv", ["bevfusion", "doctor", "-e", str(path), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    document = json.loads(capsys.readouterr().out)
    assert (ended.value.code, document["status"]) == (3, "failed")
    failed = [check for check in document["checks"] if check["status"] == "failed"]
    assert [check["name"] for check in failed] == ["converted data"]
    assert "dataset_convert" in failed[0]["remedy"]
    assert {"detector packages", "torch device", "detector imports", "voxels", "sparse convolution"} <= {
        check["name"] for check in document["checks"]
    }
