"""Products of evaluate and inference; the detector is fresh, so that nothing has to be trained."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bevfusion.data.checks import check_inputs
from bevfusion.data.frames_folder import convert_folder
from bevfusion.errors import DataError, SpecError
from bevfusion.metrics import read_predictions
from tests.bevfusion.conftest import tiny_spec


@pytest.fixture(scope="module")
def fresh(street, tmp_path_factory) -> Path:
    """A checkpoint with the weights that a training starts from."""
    import torch

    from bevfusion import checkpoints
    from bevfusion.build import build_model

    folder = tmp_path_factory.mktemp("fresh")
    torch.manual_seed(0)
    model = build_model(tiny_spec(street, folder))
    checkpoints.save({"state_dict": model.state_dict()}, folder / "epoch_1.pth")
    return folder / "epoch_1.pth"


@pytest.fixture
def folder(street, tmp_path) -> Path:
    """Two frames of the street as a car would leave them: no labels, no lists, names of its own."""
    for source, suffix in (("velodyne", ".bin"), ("image_2", ".png"), ("calib", ".txt")):
        (tmp_path / "drive" / source).mkdir(parents=True)
        for frame, name in (("000001", "left_turn"), ("000002", "stop")):
            shutil.copy(
                street / "training" / source / f"{frame}{suffix}",
                tmp_path / "drive" / source / f"{name}{suffix}",
            )
    return tmp_path / "drive"


def of_folder(street: Path, folder: Path, results_dir: Path, *overrides: str):
    spec = tiny_spec(street, results_dir, f"dataset.root_dir={folder}", *overrides)
    part = replace(spec.dataset.test_dataset, ann_file=None)
    return replace(spec, dataset=replace(spec.dataset, test_dataset=part))


@pytest.mark.torch
def test_evaluate_writes_every_product(street, fresh, tmp_path):
    from bevfusion.actions import evaluate

    spec = tiny_spec(
        street,
        tmp_path,
        f"evaluate.checkpoint={fresh}",
        "evaluate.diagnose=true",
        "evaluate.diagnosis_frames=2",
        "evaluate.pictures=1",
    )
    evaluate.run(spec)
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert set(curves["TAO3D/person_3D_moderate_strict"]) == {"score", "recall", "precision", "labels"}
    found = json.loads((tmp_path / "diagnosis.json").read_text())
    assert found["frames"] == 5
    assert set(found["classes"]["person"]["errors"]) == set(found["classes"]["person"]["ap11_if_mended"])
    assert set(found["probe"]["ap11"]) >= {"as recorded", "camera off", "LiDAR off", "camera turned by 1 deg"}
    assert found["probe"]["latency_ms"]["p50"] > 0
    assert found["size"]["parameters"] == sum(found["size"]["parameters_of"].values()) > 1_000_000
    assert found["size"]["peak_memory_bytes"] > 10 * found["size"]["parameters"]
    pictures = {path.name.split("_")[0] for path in (tmp_path / "pictures").iterdir()}
    assert pictures >= {"curves.png", "diagnosis", "worst"}


@pytest.mark.torch
def test_without_diagnosis_evaluate_only_scores_and_keeps_the_detections(street, fresh, tmp_path):
    from bevfusion.actions import evaluate

    evaluate.run(tiny_spec(street, tmp_path, f"evaluate.checkpoint={fresh}"))
    assert {path.name for path in tmp_path.iterdir()} == {
        "spec.yaml",
        "status.json",
        "logs",
        "metrics.json",
        "curves.json",
        "predictions",
        "predictions.json",
    }
    text, document = tmp_path / "predictions", json.loads((tmp_path / "predictions.json").read_text())
    names = (street / "ImageSets" / "test.txt").read_text().split()
    assert [entry["frame"] for entry in document["frames"]] == names
    for entry in document["frames"]:
        rows = read_predictions(text / f"{entry['frame']}.txt")
        listed = np.array([found["box_camera"] for found in entry["detections"]]).reshape(-1, 7)
        np.testing.assert_allclose(rows.boxes_camera, listed, atol=1e-3)
        assert len(rows.names) == len(entry["detections"])


@pytest.mark.torch
def test_no_checkpoint_is_refused_by_both(street, tmp_path):
    from bevfusion.actions import evaluate, inference

    with pytest.raises(SpecError, match=r"evaluate.checkpoint: names no checkpoint"):
        evaluate.run(tiny_spec(street, tmp_path))
    with pytest.raises(SpecError, match=r"inference.checkpoint: names no checkpoint"):
        inference.run(tiny_spec(street, tmp_path))


@pytest.mark.torch
def test_inference_takes_a_folder_of_frames_without_labels(street, fresh, folder, tmp_path):
    from bevfusion.actions import inference

    spec = of_folder(
        street,
        folder,
        tmp_path / "out",
        f"inference.checkpoint={fresh}",
        "inference.conf_threshold=0",
        "inference.show=true",
        "inference.pictures=1",
    )
    assert check_inputs(spec, "inference") == []
    inference.run(spec)
    texts = sorted((tmp_path / "out" / "predictions").glob("*.txt"))
    assert [path.stem for path in texts] == ["left_turn", "stop"]
    assert all(len(line.split()) == 16 for path in texts for line in path.read_text().splitlines())
    assert sum(len(path.read_text().splitlines()) for path in texts) > 0
    assert [path.name for path in (tmp_path / "out" / "pictures").iterdir()] == ["left_turn.png"]
    status = (tmp_path / "out" / "status.json").read_text().splitlines()[-1]
    assert json.loads(status)["kpi"]["frames"] == 2.0


def test_damaged_frames_of_a_folder_are_all_named(street, folder, tmp_path):
    (folder / "velodyne" / "stop.bin").write_bytes(b"123")
    (folder / "calib" / "left_turn.txt").unlink()
    with pytest.raises(DataError) as refused:
        convert_folder(of_folder(street, folder, tmp_path / "out"))
    text = str(refused.value)
    assert "stop.bin: 3 bytes is not a multiple of" in text
    assert str(folder / "calib" / "left_turn.txt") in text


def test_empty_folder_several_processes_and_other_types_are_refused(street, folder, tmp_path):
    several = of_folder(street, folder, tmp_path / "out", "inference.num_gpus=2")
    with pytest.raises(SpecError, match=r"inference.num_gpus: .* one process, not by 2\n.*mode=testing"):
        convert_folder(several)
    other = replace(several, dataset=replace(several.dataset, type="TAO3DDataset"))
    with pytest.raises(SpecError, match=r"dataset.type: a folder of frames is not a TAO3DDataset"):
        convert_folder(other)
    for path in (folder / "velodyne").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"velodyne: holds no point file \*.bin or \*.npy"):
        convert_folder(of_folder(street, folder, tmp_path / "out"))


def test_folder_that_is_a_data_set_is_still_to_be_converted(street, tmp_path):
    (fault,) = check_inputs(of_folder(street, street, tmp_path / "out"), "inference")
    assert fault.where == "dataset.test_dataset.ann_file"
    assert "dataset_convert" in fault.hint
