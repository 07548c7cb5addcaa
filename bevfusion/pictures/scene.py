"""One frame: the camera image with projected boxes over a view from above with points and boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image

from bevfusion.geometry.boxes import camera7_to_lidar7, camera_corners, lidar_corners
from bevfusion.geometry.frames import invert_rigid, project_points

__all__ = ["STYLES", "Scene", "Style", "draw_scene"]

Boxes = NDArray[np.float64]

_NEAR_M = 0.1
_EDGES = ((0, 3), (3, 7), (7, 4), (4, 0), (1, 2), (2, 6), (6, 5), (5, 1), (0, 1), (3, 2), (7, 6), (4, 5))
_WIDTH_IN = 11.0
_BEV_HEIGHT_IN = 7.0
_DPI = 100


@dataclass(frozen=True)
class Style:
    """How boxes of one kind are drawn; the colours can be told apart by everybody (Okabe and Ito, 2008)."""

    colour: str
    line: str
    width: float


STYLES: Mapping[str, Style] = {
    "label": Style("#009E73", "-", 1.2),
    "missed label": Style("#E69F00", "--", 2.0),
    "detection": Style("#0072B2", "-", 1.4),
    "wrong detection": Style("#D55E00", "-", 1.8),
    "ignored detection": Style("#999999", "-", 1.2),
}
"""Kinds of boxes, in the order in which they are drawn."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What is to be drawn of one frame.

    Attributes:
        title: a line above the picture.
        image: camera image; None leaves that part out.
        points: (n, 3+) LiDAR frame, metres.
        cam2img: (4, 4).
        lidar2cam: (4, 4).
        boxes: by kind (a key of ``STYLES``) boxes (k, 7), camera 7 of :mod:`bevfusion.geometry.boxes`.
        scores: by kind (k,) what is written beside the boxes; a kind may be left out.
    """

    title: str
    image: Image.Image | None
    points: NDArray[np.float32]
    cam2img: NDArray[np.float64]
    lidar2cam: NDArray[np.float64]
    boxes: Mapping[str, Boxes]
    scores: Mapping[str, NDArray[np.float64]]


def draw_scene(scene: Scene, path: Path) -> None:
    """Write the picture of one frame.

    Args:
        scene: what to draw.
        path: PNG file; its folder must exist.
    """
    rows = [_BEV_HEIGHT_IN]
    if scene.image is not None:
        rows.insert(0, _WIDTH_IN * scene.image.height / scene.image.width)
    figure = Figure(figsize=(_WIDTH_IN, sum(rows) + 0.6), dpi=_DPI, layout="constrained")
    axes = figure.subplots(len(rows), 1, height_ratios=rows, squeeze=False)[:, 0]
    if scene.image is not None:
        _draw_camera(axes[0], scene, scene.image)
    _draw_from_above(axes[-1], scene)
    axes[0].set_title(scene.title, loc="left")
    figure.savefig(path)


def _draw_camera(axes: Axes, scene: Scene, image: Image.Image) -> None:
    axes.imshow(image)
    for kind, style in STYLES.items():
        corners = camera_corners(scene.boxes.get(kind, np.zeros((0, 7))))
        edges = corners[:, _EDGES]  # (k, 12, 2, 3)
        pixels, depth_m = project_points(edges, scene.cam2img)
        segments = pixels[(depth_m > _NEAR_M).all(axis=-1)]
        axes.add_collection(
            LineCollection(list(segments), colors=style.colour, linestyles=style.line, linewidths=style.width)
        )
    axes.set(xlim=(0, image.width), ylim=(image.height, 0))
    axes.axis("off")


def _draw_from_above(axes: Axes, scene: Scene) -> None:
    """Draw x (forward) to the right and y (left) upwards, as the LiDAR frame has them."""
    points = scene.points
    axes.scatter(points[:, 0], points[:, 1], s=0.6, c="#777777", linewidths=0, rasterized=True)
    cam2lidar = invert_rigid(scene.lidar2cam)
    for kind, style in STYLES.items():
        boxes = camera7_to_lidar7(scene.boxes.get(kind, np.zeros((0, 7))), cam2lidar)
        outlines = [_outline(corners) for corners in lidar_corners(boxes)[..., :2]]
        axes.add_collection(
            LineCollection(outlines, colors=style.colour, linestyles=style.line, linewidths=style.width)
        )
        for box, score in zip(boxes, scene.scores.get(kind, ()), strict=False):
            axes.annotate(f"{score:.2f}", (box[0] + 0.6, box[1] + 0.4), color=style.colour, fontsize=7)
    if len(points):
        right, left = np.quantile(points[:, 1], [0.001, 0.999])
        axes.set_xlim(0, np.quantile(points[:, 0], 0.999) + 1)
        axes.set_ylim(right - 1, left + 1)
    axes.set(aspect="equal", xlabel="x forward (m)", ylabel="y left (m)")
    handles = [
        Line2D([], [], color=style.colour, linestyle=style.line, label=kind)
        for kind, style in STYLES.items()
        if len(scene.boxes.get(kind, ()))
    ]
    if handles:
        axes.legend(handles=handles, loc="upper right", framealpha=0.9)


def _outline(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Footprint with a line from the middle to the front; (8, 2) corners to (7, 2) points."""
    rear_right, rear_left, front_left, front_right = corners[[0, 3, 7, 4]]
    front = (front_left + front_right) / 2
    centre = (rear_right + front_left) / 2
    return np.stack([front_right, rear_right, rear_left, front_left, front_right, front, centre])
