"""The one place where a spec turns into a model: explicit arguments in mmengine's form, no defaults."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from torch import nn

from bevfusion.errors import SpecError
from bevfusion.model import register
from bevfusion.model.registry import MODELS, SCOPE
from bevfusion.spec import ExperimentSpec

__all__ = ["build_model", "model_config"]

_SCENE_KEYS = ("point_cloud_range", "voxel_size", "post_center_range", "grid_size")
_CAMERA_PARTS = ("img_backbone", "img_neck", "view_transform", "fusion_layer")
_NMS_KEYS = ("nms_type", "nms_thr")
_HEAD_TRAINING_KEYS = ("assigner", "code_weights", "gaussian_overlap", "min_radius")


def build_model(spec: ExperimentSpec) -> nn.Module:
    """Construct the detector with freshly initialised weights.

    Args:
        spec: derived spec, as `bevfusion.spec.load_spec` returns it.

    Raises:
        SpecError: a part refuses its arguments; the message is that part's own.
    """
    register()
    try:
        # Whoever ran before in this process may have left another default scope behind.
        model = MODELS.build({**model_config(spec), "_scope_": SCOPE})
    except (TypeError, ValueError, AssertionError, KeyError) as error:
        raise SpecError(
            f"the model cannot be built: {error}", where="model", hint="compare with the template"
        ) from error
    model.init_weights()
    return model


def model_config(spec: ExperimentSpec) -> dict[str, Any]:
    """Arguments of the detector as mmengine's registry takes them.

    Args:
        spec: derived spec.

    Returns:
        A nested dict as in mmdet3d's BEVFusion configurations; a LiDAR-only spec has no camera parts.
    """
    config = asdict(spec.model)
    scene = {key: list(config.pop(key)) for key in _SCENE_KEYS}
    voxels = {"point_cloud_range": scene["point_cloud_range"], "voxel_size": scene["voxel_size"]}
    config["data_preprocessor"]["voxelize_cfg"].update(voxels)
    config["bbox_head"] = _head(config["bbox_head"], {**scene, "dataset": spec.dataset.type})
    del config["img_backbone"]["init_cfg"], config["img_backbone"]["convert_weights"]  # see bevfusion.weights
    if not spec.input_modality.use_camera:
        for part in _CAMERA_PARTS:
            del config[part]
    return config


def _head(head: dict[str, Any], scene: dict[str, Any]) -> dict[str, Any]:
    """Sort the head's keys into what it is, how it is trained, and how it is read out."""
    training = {key: head.pop(key) for key in _HEAD_TRAINING_KEYS}
    place = {
        "dataset": scene["dataset"],
        "point_cloud_range": scene["point_cloud_range"],
        "voxel_size": scene["voxel_size"],
        "grid_size": scene["grid_size"],
        "out_size_factor": head.pop("out_size_factor"),
    }
    nms = {key: value for key in _NMS_KEYS if (value := head.pop(key)) is not None}
    head["bbox_coder"] |= {
        "pc_range": scene["point_cloud_range"],
        "post_center_range": scene["post_center_range"],
        "voxel_size": scene["voxel_size"],
        "out_size_factor": place["out_size_factor"],
    }
    return {**head, "train_cfg": {**place, **training, "pos_weight": -1}, "test_cfg": {**place, **nms}}
