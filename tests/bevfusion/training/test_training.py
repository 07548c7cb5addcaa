import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch

from mmengine.runner import EpochBasedTrainLoop  # noqa: E402

from bevfusion import checkpoints  # noqa: E402
from bevfusion.actions import evaluate, inference, train  # noqa: E402
from bevfusion.errors import DivergedError  # noqa: E402
from bevfusion.metrics.labels import read_predictions  # noqa: E402
from bevfusion.status import Stage  # noqa: E402
from tests.bevfusion.conftest import tiny_spec  # noqa: E402

NAMES = [f"TAO3D/person_{box}_{ap}_moderate_strict" for box in ("3D", "BEV", "2D") for ap in ("AP11", "AP40")]


def status_lines(folder: Path) -> list[dict]:
    """All but those that tell a stage."""
    lines = [json.loads(line) for line in (folder / "status.json").read_text().splitlines()]
    return [line for line in lines if line["message"] not in set(Stage)]


def test_each_epoch_is_announced_with_its_figures_after_its_checkpoint_is_kept(trained):
    lines = status_lines(trained)
    assert [line["status"] for line in lines] == ["STARTED", "RUNNING", "RUNNING", "SUCCESS"]
    assert [(line["epoch"], line["max_epoch"]) for line in lines[1:3]] == [(1, 2), (2, 2)]
    assert {"AP11", "loss", *NAMES} <= set(lines[1]["kpi"])
    assert list(checkpoints.list_epochs(trained / "checkpoints")) == [1, 2]


def test_what_is_seen_again_and_again_is_learned(trained):
    first, second = (line["kpi"]["loss"] for line in status_lines(trained)[1:3])
    assert 0 < second < 0.8 * first


def test_a_checkpoint_carries_its_spec_and_classes(trained):
    meta = checkpoints.load(checkpoints.checkpoint_path(trained, 2))["meta"]
    assert (meta["epoch"], meta["iter"], meta["classes"]) == (2, 12, ["person"])
    assert "num_proposals: 20" in meta["spec"]


def test_a_loss_that_is_not_finite_ends_the_training_with_its_step(street, trained, tmp_path):
    weights = checkpoints.load(checkpoints.checkpoint_path(trained, 1))["state_dict"]
    weights["bbox_head.shared_conv.weight"] *= float("nan")
    checkpoints.save({"state_dict": weights}, tmp_path / "broken.pth")
    spec = tiny_spec(street, tmp_path, f"train.pretrained_checkpoint={tmp_path / 'broken.pth'}")
    with pytest.raises(DivergedError, match=r"diverged at step 1 \(epoch 1, batch 1\): .*loss.* not finite"):
        train.run(spec)


def test_a_training_that_draws_its_seed_tells_it_in_the_checkpoint(street, tmp_path, monkeypatch):
    monkeypatch.setattr(
        EpochBasedTrainLoop, "run_epoch", lambda loop: setattr(loop, "_epoch", loop.epoch + 1)
    )
    train.run(tiny_spec(street, tmp_path, "train.num_epochs=1", "train.seed=-1"))
    meta = checkpoints.load(checkpoints.checkpoint_path(tmp_path, 1))["meta"]
    assert meta["seed"] >= 0
    assert f"seed: {meta['seed']}" in meta["spec"]


def test_evaluate_scores_the_test_part_and_agrees_with_the_status(street, trained, tmp_path):
    checkpoint = checkpoints.checkpoint_path(trained, 2)
    evaluate.run(tiny_spec(street, tmp_path, f"evaluate.checkpoint={checkpoint}"))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["AP11"] == metrics["TAO3D/person_3D_AP11_moderate_strict"]
    assert status_lines(tmp_path)[-1]["kpi"] == metrics
    assert status_lines(tmp_path)[-1]["message"].startswith("evaluate finished; ")


def test_inference_writes_a_file_per_frame_and_no_score_under_the_threshold(street, trained, tmp_path):
    checkpoint = checkpoints.checkpoint_path(trained, 2)
    overrides = (
        "inference.conf_threshold=0.1",
        "train.seed=-1",
    )  # as a training that drew its seed leaves it
    inference.run(tiny_spec(street, tmp_path, f"inference.checkpoint={checkpoint}", *overrides))
    files = sorted((tmp_path / "predictions").glob("*.txt"))
    assert [file.stem for file in files] == (street / "ImageSets" / "test.txt").read_text().split()
    scores = [score for file in files for score in read_predictions(file).scores]
    assert min(scores) >= 0.1
    told = status_lines(tmp_path)[-1]
    assert told["kpi"]["detections"] == len(scores)
    below = told["kpi"]["below_threshold"]
    assert below > 0
    assert told["message"].startswith(
        f"{len(scores)} detections; {below} scored under inference.conf_threshold"
    )


def test_sigterm_ends_the_process_with_a_line_that_says_where_to_go_on(street, tmp_path):
    tiny_spec(street, tmp_path)
    command = [
        sys.executable,
        "-m",
        "bevfusion",
        "train",
        "-e",
        str(tmp_path / "spec.yaml"),
        "train.num_epochs=50",
        "input_modality.use_camera=false",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}
    )
    wait_for(lambda: (tmp_path / "checkpoints" / "epoch_1.pth").exists(), process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    last = status_lines(tmp_path)[-1]
    assert last["status"] == "FAILURE"
    assert "stopped by SIGTERM; resume from" in last["message"]


def wait_for(condition, process) -> None:
    while not condition():
        assert process.poll() is None, "the training ended by itself"
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
