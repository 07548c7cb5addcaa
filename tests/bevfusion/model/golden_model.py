"""Builds the reference's tiny models with its weights and inputs."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from bevfusion.geometry.rotated_iou import iou_3d
from bevfusion.model import register
from bevfusion.model.detector import BEVFusion
from bevfusion.model.registry import MODELS, SCOPE

REPOSITORY = Path(__file__).parents[3]
COMMITTED = REPOSITORY / "tests" / "golden"
NAMES = ("tiny_lidar", "tiny_lidar_cam", "tiny_lidar_nonsquare", "tiny_tao_lidar_cam")
CAMERA_NAMES = ("tiny_lidar_cam", "tiny_tao_lidar_cam")
TRAINABLE_NAMES = ("tiny_lidar", "tiny_lidar_cam", "tiny_tao_lidar_cam")
METAS = ("cam2img", "lidar2img", "lidar2cam", "cam2lidar", "img_aug_matrix", "lidar_aug_matrix")


def golden_folder(name: str) -> Path:
    """The fullest folder of that name, or a skip."""
    full = Path(os.environ.get("BEVFUSION_GOLDEN_DIR", REPOSITORY.parent / "shared" / "golden"))
    for folder in (full / name, COMMITTED / name):
        if folder.is_dir():
            return folder
    pytest.skip(f"{name} is too large to be committed; set BEVFUSION_GOLDEN_DIR")


@lru_cache
def arrays(name: str, file: str) -> dict[str, np.ndarray]:
    return dict(np.load(golden_folder(name) / file))


def config(name: str) -> dict[str, Any]:
    return json.loads((golden_folder(name) / "config.json").read_text())


def losses(name: str) -> dict[str, dict[str, float]]:
    return json.loads((golden_folder(name) / "losses.json").read_text())


@dataclass
class Batch:
    inputs: dict[str, Any]
    samples: list[Det3DDataSample]


def batch(name: str) -> Batch:
    stored = arrays(name, "inputs.npz")
    samples, points = [], []
    for index in range(2):
        values = {
            key.split("/")[1]: torch.from_numpy(stored[key]) for key in stored if f"sample{index}/" in key
        }
        sample = Det3DDataSample(metainfo={key: values[key].numpy() for key in METAS})
        boxes = values["gt_bboxes"]
        sample.gt_instances_3d = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[1]), labels_3d=values["gt_labels"]
        )
        samples.append(sample)
        points.append(values["points"])
    inputs: dict[str, Any] = {"points": points}
    if "sample0/img" in stored:
        inputs["imgs"] = torch.stack([torch.from_numpy(stored[f"sample{index}/img"]) for index in range(2)])
    return Batch(inputs, samples)


def build(name: str) -> BEVFusion:
    """Our model with the reference's weights, in evaluation mode."""
    register()
    model = MODELS.build({**config(name), "_scope_": SCOPE})  # a runner may have left another one behind
    weights = {key: torch.from_numpy(value.copy()) for key, value in arrays(name, "state_dict.npz").items()}
    model.load_state_dict(weights)
    return model.eval()


def follow_reference(model: BEVFusion) -> BEVFusion:
    """Put back the reference's habits that its numbers contain and that ours do not."""
    if model.uses_camera:
        model.view_transform.number_cell = torch.trunc
    head, peaks = model.bbox_head, model.bbox_head._peaks

    def inner_peaks(heat: torch.Tensor) -> torch.Tensor:
        inner = torch.zeros_like(heat)
        inner[:, :, 1:-1, 1:-1] = 1.0
        return peaks(heat) * inner

    def iou_with_rx_as_yaw(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(iou_3d(a[:, :7].numpy(), b[:, :7].numpy())).float()

    head._peaks = inner_peaks
    head.assigner.iou_calculator = iou_with_rx_as_yaw
    return model
