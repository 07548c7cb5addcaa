"""Counts the cells of a scene the same way everywhere: by rounding, and never across a remainder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bevfusion.errors import Fault
from bevfusion.spec.lidar import MiddleEncoderSpec
from bevfusion.spec.model import ModelSpec

__all__ = ["SceneGrid", "count_cells", "encode_cells", "measure_scene"]

TOLERANCE = 1e-3
"""Largest remainder, in cells, that is taken for floating point noise."""


@dataclass(frozen=True)
class SceneGrid:
    """Where voxels and cells lie.

    Attributes:
        cells: voxels along x, y, z.
        sparse_shape: the same with the extra slice along z that the sparse encoder's strides ask for.
        encoded: cells along x, y, z after the sparse encoder.
        bev_cell_m: edge along x, y of a cell of the map that boxes are read from.
    """

    cells: tuple[int, int, int]
    sparse_shape: tuple[int, int, int]
    encoded: tuple[int, int, int]
    bev_cell_m: tuple[float, float]


def count_cells(low: float, high: float, step: float) -> int | None:
    """Cells of size ``step`` between two bounds; None when they do not fill the interval exactly."""
    if step <= 0:
        return None
    exact = (high - low) / step
    count = round(exact)
    return count if count >= 1 and abs(exact - count) <= TOLERANCE else None


def encode_cells(shape: Sequence[int], encoder: MiddleEncoderSpec) -> tuple[int, int, int]:
    """Cells along x, y, z that leave the sparse encoder; 0 or less where an axis is used up.

    Each stage but the last ends in a convolution of kernel 3 and stride 2, and the last layer has kernel 3
    and stride 2 along z alone.
    """
    shape = list(shape)
    for paddings in encoder.encoder_paddings[: len(encoder.encoder_channels) - 1]:
        last = paddings[-1] if paddings else 0
        per_axis = (last, last, last) if isinstance(last, int) else last
        shape = [(n + 2 * p - 3) // 2 + 1 for n, p in zip(shape, per_axis, strict=True)]
    x, y, z = shape
    return x, y, (z - 3) // 2 + 1


def measure_scene(model: ModelSpec) -> tuple[SceneGrid | None, list[Fault]]:
    """The grid that follows from range, voxel size and strides, or what makes one impossible."""
    cells, faults = _count_voxels(model)
    faults += _check_encoder(model.pts_middle_encoder)
    if faults:
        return None, faults
    x, y, z = cells
    sparse, factor = (x, y, z + 1), model.bbox_head.out_size_factor
    encoded = encode_cells(sparse, model.pts_middle_encoder)
    faults = [*_check_divisible((x, y), factor), *_check_strides(model, (x, y), encoded)]
    if encoded[2] < 1:
        faults.append(
            Fault(
                f"{z} voxels along z are used up by {len(model.pts_middle_encoder.encoder_channels)} stages",
                "model.pts_middle_encoder.encoder_paddings",
                "use more voxels along z, fewer stages, or padding 1 along z",
            )
        )
    if faults:
        return None, faults
    dx, dy, _ = model.voxel_size
    return SceneGrid((x, y, z), sparse, encoded, (round(dx * factor, 9), round(dy * factor, 9))), []


def _count_voxels(model: ModelSpec) -> tuple[list[int], list[Fault]]:
    extent, cells, faults = model.point_cloud_range, [], []
    for axis, low, high, size in zip("xyz", extent[:3], extent[3:], model.voxel_size, strict=True):
        count = count_cells(low, high, size)
        if high <= low:
            faults.append(
                Fault(f"{axis} ends at {high:g}, before it begins at {low:g}", "model.point_cloud_range")
            )
        elif count is None:
            faults.append(
                Fault(
                    f"the range {low:g}..{high:g} m along {axis} holds {(high - low) / size:.3f} voxels"
                    f" of {size:g} m, not a whole number",
                    "model.point_cloud_range",
                    "choose a range that is a multiple of model.voxel_size",
                )
            )
        cells.append(count or 0)
    return cells, faults


def _check_encoder(encoder: MiddleEncoderSpec) -> list[Fault]:
    channels = [len(stage) for stage in encoder.encoder_channels]
    paddings = [len(stage) for stage in encoder.encoder_paddings]
    if not channels or not all(channels):
        place, hint = "model.pts_middle_encoder.encoder_channels", "give every stage a layer"
        return [Fault(f"layers per stage are {channels}", place, hint)]
    if channels != paddings:
        return [
            Fault(
                f"layers per stage are {paddings}, those of encoder_channels {channels}",
                "model.pts_middle_encoder.encoder_paddings",
                "give every layer one padding",
            )
        ]
    flat = [item for stage in encoder.encoder_paddings for item in stage]
    if any(isinstance(item, tuple) and len(item) != 3 for item in flat):
        return [Fault("a padding per axis has three numbers", "model.pts_middle_encoder.encoder_paddings")]
    return _check_channels(encoder)


def _check_channels(encoder: MiddleEncoderSpec) -> list[Fault]:
    """Only the last layer of a stage but the last may change the number of channels."""
    current = encoder.encoder_channels[0][0]
    for number, stage in enumerate(encoder.encoder_channels):
        is_last = number == len(encoder.encoder_channels) - 1
        for channels in stage if is_last else stage[:-1]:
            if channels != current:
                return [
                    Fault(
                        f"stage {number} has a layer of {channels} channels after one of {current}",
                        "model.pts_middle_encoder.encoder_channels",
                        "change channels only in the last layer of a stage that is followed by another",
                    )
                ]
        current = stage[-1]
    return []


def _check_divisible(cells: tuple[int, int], factor: int) -> list[Fault]:
    return [
        Fault(
            f"{count} voxels along {axis} do not divide by the output stride {factor}",
            "model.bbox_head.out_size_factor",
            f"choose a range of a multiple of {factor} voxels along {axis}",
        )
        for axis, count in zip("xy", cells, strict=True)
        if count % factor
    ]


def _check_strides(model: ModelSpec, cells: tuple[int, int], encoded: tuple[int, int, int]) -> list[Fault]:
    """Encoder, backbone and neck together must shrink the grid by exactly ``out_size_factor``."""
    factor = model.bbox_head.out_size_factor
    strides, ups = model.pts_backbone.layer_strides, model.pts_neck.upsample_strides
    if len(strides) != len(ups):
        return [
            Fault(
                f"{len(ups)} stages are upsampled, the backbone has {len(strides)}",
                "model.pts_neck.upsample_strides",
            )
        ]
    total = 1
    for stage, (stride, up) in enumerate(zip(strides, ups, strict=True)):
        total *= stride
        for axis, before, start in zip("xy", cells, encoded, strict=False):
            wanted, reached = before / factor, start / total * up
            if reached != wanted:
                return [
                    Fault(
                        f"stage {stage} gives {reached:g} cells along {axis},"
                        f" but out_size_factor {factor} asks for {wanted:g}",
                        "model.pts_neck.upsample_strides",
                        "let encoder stages, layer_strides and upsample_strides multiply to out_size_factor",
                    )
                ]
    return []
