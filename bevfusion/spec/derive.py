"""Fills in what follows from other keys, and refuses what contradicts it, with both numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isclose
from typing import Any

from bevfusion.errors import Fault, SpecError
from bevfusion.spec.checks import check_experiment
from bevfusion.spec.conventions import CONVENTIONS
from bevfusion.spec.experiment import ExperimentSpec
from bevfusion.spec.geometry import SceneGrid, measure_scene
from bevfusion.spec.schedule import derive_schedule

__all__ = ["derive", "derive_experiment"]

SWIN_PATCH_PX = 4
CODE_SIZES = {"TAO3DBBoxCoder": 12, "TransFusionBBoxCoder": 8}


def derive(spec: ExperimentSpec) -> ExperimentSpec:
    """The same spec with every derived key filled in.

    A key that was given explicitly is kept when it agrees with what follows from the others.

    Raises:
        SpecError: all contradictions, each with the given and the derived numbers.
    """
    derived, faults = derive_experiment(spec)
    if faults:
        raise SpecError(faults)
    return derived


def derive_experiment(spec: ExperimentSpec) -> tuple[ExperimentSpec, list[Fault]]:
    """As `derive`, but hands the contradictions back, so that a caller can name the file they came from."""
    grid, faults = measure_scene(spec.model)
    settled = _Settled(spec, faults=[*check_experiment(spec), *faults])
    _settle_camera(settled)
    _settle_channels(settled, grid)
    if grid is not None:
        _settle_scene(settled, grid)
    _settle_head(settled)
    _settle_dataset(settled)
    settled.fill("train.lr_scheduler", derive_schedule(spec.train))
    for action in ("train", "evaluate", "inference", "export"):
        settled.fill(f"{action}.results_dir", spec.results_dir)
    return _replace(spec, settled.values), settled.faults


@dataclass
class _Settled:
    """Derived values under their dotted keys, and what was given otherwise."""

    spec: ExperimentSpec
    values: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def given(self, key: str) -> Any:
        found: Any = self.spec
        for part in key.split("."):
            found = getattr(found, part)
        return found

    def fill(self, key: str, value: Any) -> None:
        """Use ``value`` where nothing was given; another one is a choice, not a contradiction."""
        if self.given(key) in (None, ""):
            self.values[key] = value

    def settle(self, part: str, value: Any, reason: str) -> None:
        """Use ``value`` for a key of the model; anything else given is a contradiction with ``reason``."""
        key = f"model.{part}"
        given = self.given(key)
        if given is None:
            self.values[key] = value
        elif not _agree(given, value):
            message = f"{_show(given)} contradicts {_show(value)}, which follows from {reason}"
            self.faults.append(Fault(message, key, "leave it null"))


def _settle_channels(settled: _Settled, grid: SceneGrid | None) -> None:
    spec, model = settled.spec, settled.spec.model
    encoder, backbone, neck = model.pts_middle_encoder, model.pts_backbone, model.pts_neck
    for part in ("pts_voxel_encoder.num_features", "pts_middle_encoder.in_channels"):
        settled.settle(part, spec.dataset.point_cloud_dim, "dataset.point_cloud_dim")
    for first in (stage[0] for stage in encoder.encoder_channels[:1] if stage):
        settled.settle("pts_middle_encoder.base_channels", first, "the first of encoder_channels")
    settled.settle("pts_neck.in_channels", backbone.out_channels, "model.pts_backbone.out_channels")
    settled.settle("bbox_head.in_channels", sum(neck.out_channels), "model.pts_neck.out_channels")
    if grid is None:
        return
    slices = grid.encoded[2]
    lidar = encoder.output_channels * slices
    reason = f"output_channels {encoder.output_channels} x {slices} slices of model.pts_middle_encoder"
    settled.settle("fusion_layer.in_channels", (model.view_transform.out_channels, lidar), reason)
    if spec.input_modality.use_camera:
        lidar, reason = model.fusion_layer.out_channels, "model.fusion_layer.out_channels"
    settled.settle("pts_backbone.in_channels", lidar, reason)


def _settle_camera(settled: _Settled) -> None:
    model, view = settled.spec.model, settled.spec.model.view_transform
    backbone, neck = model.img_backbone, model.img_neck
    channels = tuple(backbone.embed_dims * 2**index for index in backbone.out_indices)
    settled.settle("img_neck.in_channels", channels, "embed_dims and out_indices of model.img_backbone")
    settled.settle("view_transform.in_channels", neck.out_channels, "model.img_neck.out_channels")
    if stages := backbone.out_indices[neck.start_level :]:
        stride = SWIN_PATCH_PX * 2 ** stages[0]
        feature = tuple(edge // stride for edge in view.image_size)
        reason = f"image_size {_show(view.image_size)} / {stride}"
        settled.settle("view_transform.feature_size", feature, reason)


def _settle_scene(settled: _Settled, grid: SceneGrid) -> None:
    model = settled.spec.model
    extent, view = model.point_cloud_range, model.view_transform
    reason = f"range {_show(extent)} and voxel size {_show(model.voxel_size)}"
    # TAO counts the extra slice along z in grid_size as well; both ways of counting mean the same grid.
    size = grid.sparse_shape if model.grid_size == grid.sparse_shape else grid.cells
    settled.settle("grid_size", size, reason)
    settled.settle("pts_middle_encoder.sparse_shape", grid.sparse_shape, f"{reason}, one more along z")
    for axis, key in enumerate(("view_transform.xbound", "view_transform.ybound")):
        # The camera's cells must come out on those that leave the sparse encoder.
        step = round((extent[axis + 3] - extent[axis]) / grid.encoded[axis] / view.downsample, 9)
        settled.settle(key, (extent[axis], extent[axis + 3], step), f"{reason} at the LiDAR's stride")
    (x0, y0, z0, x1, y1, z1), (dx, dy), height = extent, grid.bev_cell_m, extent[5] - extent[2]
    room = (x0 - dx, y0 - dy, z0 - height, x1 + dx, y1 + dy, z1 + height)
    settled.fill("model.post_center_range", tuple(round(edge, 6) for edge in room))


def _settle_head(settled: _Settled) -> None:
    head = settled.spec.model.bbox_head
    settled.settle("bbox_head.num_classes", len(settled.spec.dataset.classes), "dataset.classes")
    parts = ("self_attn_cfg.embed_dims", "cross_attn_cfg.embed_dims", "ffn_cfg.embed_dims")
    for part in (*parts, "pos_encoding_cfg.num_pos_feats"):
        settled.settle(f"bbox_head.decoder_layer.{part}", head.hidden_channel, "hidden_channel")
    code = CODE_SIZES[head.bbox_coder.type]
    reason = f"bbox_coder.type {head.bbox_coder.type}"
    settled.settle("bbox_head.bbox_coder.code_size", code, reason)
    # Centre, height and size take six numbers; each angle takes its sine and cosine.
    settled.settle("bbox_head.common_heads.rot", (code - 6, 2), reason)
    settled.fill("model.bbox_head.code_weights", (1.0,) * code)
    if head.code_weights is not None and len(head.code_weights) != code:
        found = f"{len(head.code_weights)} weights for {code} box numbers of {head.bbox_coder.type}"
        settled.faults.append(Fault(found, "model.bbox_head.code_weights", "leave it null"))


def _settle_dataset(settled: _Settled) -> None:
    convention = CONVENTIONS[settled.spec.dataset.type]
    for key in ("gt_box_type", "origin", "default_cam_key", "per_sequence"):
        settled.fill(f"dataset.{key}", getattr(convention, key))
    for part in ("train_dataset", "val_dataset", "test_dataset"):
        settled.fill(f"dataset.{part}.data_prefix.pts", convention.pts)
        settled.fill(f"dataset.{part}.data_prefix.img", convention.img)


def _agree(given: Any, value: Any) -> bool:
    if isinstance(given, tuple) and isinstance(value, tuple):
        return len(given) == len(value) and all(map(_agree, given, value))
    if isinstance(given, float) or isinstance(value, float):
        return isclose(given, value, rel_tol=1e-6, abs_tol=1e-6)
    return bool(given == value)


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_show, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _replace(spec: Any, values: Mapping[str, Any]) -> Any:
    """A copy of a nested dataclass with new values under dotted keys."""
    groups: dict[str, dict[str, Any]] = {}
    changes: dict[str, Any] = {}
    for key, value in values.items():
        name, _, rest = key.partition(".")
        if rest:
            groups.setdefault(name, {})[rest] = value
        else:
            changes[name] = value
    for name, inner in groups.items():
        changes[name] = _replace(getattr(spec, name), inner)
    return replace(spec, **changes)
