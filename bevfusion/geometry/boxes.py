"""Layouts of 3D boxes and the exact conversions between them.

Every layout keeps the box's origin at the *centre of its bottom face*.

==========  ==================================  =======================================================
layout      columns                             meaning
==========  ==================================  =======================================================
camera 7    x, y, z, l, h, w, ry                KITTI: y is the bottom (y points down)
lidar 7     x, y, z, dx, dy, dz, yaw            mmdet3d: dx = l along the heading, dy = w, dz = h
camera 9    x, y, z, l, h, w, rx, ry, rz        TAO's layout of camera 7; rx = rz = 0 for KITTI
lidar 9     x, y, z, dx, dy, dz, rx, ry, rz     TAO's layout of lidar 7; rz is the yaw, rx = ry = 0
==========  ==================================  =======================================================

The two families treat the heading differently. With 7 numbers ``yaw = -ry - pi/2``, as mmdet3d does: it
neglects the small tilt between the sensors. With 9 numbers the heading is rotated by the calibration and
projected onto the LiDAR's ground plane, as TAO does on its way forward; the way back here inverts that
projection exactly for every angle, while TAO's keeps one Euler angle of a decomposition and loses headings
beyond +-pi/2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bevfusion.geometry.frames import FloatArray, project_points, transform_points, wrap_angle

__all__ = [
    "camera7_to_lidar7",
    "camera9_to_lidar9",
    "camera_corners",
    "lidar7_to_camera7",
    "lidar9_to_camera9",
    "lidar_corners",
    "points_in_boxes",
    "project_boxes",
]

# Corners of the unit box in mmdet3d's order: rear right bottom, rear right top, rear left top, rear left
# bottom, then front.
_UNIT_CORNERS = np.array(
    [[0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 1], [1, 1, 0]], dtype=np.float64
) - np.array([0.5, 0.5, 0.0])
_EDGES = np.array(
    [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]]
)
_NEAR_M = 0.1


def camera7_to_lidar7(boxes: FloatArray, cam2lidar: ArrayLike) -> FloatArray:
    """Bring KITTI labels into the frame the network works in (mmdet3d's numbers).

    Args:
        boxes: (n, 7) camera 7.
        cam2lidar: (4, 4).

    Returns:
        (n, 7) lidar 7, yaw in [-pi, pi).
    """
    return _swap_sensor7(boxes, cam2lidar)


def lidar7_to_camera7(boxes: FloatArray, lidar2cam: ArrayLike) -> FloatArray:
    """Bring predictions into the frame KITTI evaluates in; inverse of :func:`camera7_to_lidar7`.

    Args:
        boxes: (n, 7) lidar 7.
        lidar2cam: (4, 4).

    Returns:
        (n, 7) camera 7, ry in [-pi, pi).
    """
    return _swap_sensor7(boxes, lidar2cam)


def camera9_to_lidar9(boxes: FloatArray, cam2lidar: ArrayLike) -> FloatArray:
    """Bring upright camera boxes into TAO's LiDAR layout, heading rotated by the calibration.

    Args:
        boxes: (n, 9) camera 9. Upright: rx and rz are not looked at.
        cam2lidar: (4, 4).

    Returns:
        (n, 9) lidar 9, rz in [-pi, pi), rx = ry = 0.
    """
    converted = _swap_sensor9(boxes, cam2lidar)
    rotation_y = boxes[:, 7]
    heading = np.stack([np.cos(rotation_y), np.zeros_like(rotation_y), -np.sin(rotation_y)], axis=-1)
    heading = heading @ np.asarray(cam2lidar, dtype=boxes.dtype)[:3, :3].T
    converted[:, 8] = np.arctan2(heading[:, 1], heading[:, 0])
    return converted


def lidar9_to_camera9(boxes: FloatArray, lidar2cam: ArrayLike) -> FloatArray:
    """Bring TAO's LiDAR boxes back to the camera; inverts :func:`camera9_to_lidar9` exactly.

    Among the horizontal camera directions one, up to its sign, projects onto the given LiDAR heading: the
    one that is perpendicular to the heading's left-hand normal.

    Args:
        boxes: (n, 9) lidar 9, upright: rx and ry are not looked at.
        lidar2cam: (4, 4).

    Returns:
        (n, 9) camera 9, ry in [-pi, pi], rx = rz = 0.
    """
    converted = _swap_sensor9(boxes, lidar2cam)
    yaw = boxes[:, 8]
    zeros = np.zeros_like(yaw)
    rotation = np.asarray(lidar2cam, dtype=boxes.dtype)[:3, :3].T
    left = np.stack([-np.sin(yaw), np.cos(yaw), zeros], axis=-1) @ rotation
    ahead = np.stack([np.cos(yaw), np.sin(yaw), zeros], axis=-1) @ rotation
    x, z = left[:, 2], -left[:, 0]
    sign = np.where(x * ahead[:, 0] + z * ahead[:, 2] < 0, -1.0, 1.0)
    converted[:, 7] = np.arctan2(-sign * z, sign * x)
    return converted


def lidar_corners(boxes: FloatArray) -> FloatArray:
    """Give the eight corners of LiDAR boxes.

    Args:
        boxes: (n, 7) lidar 7.

    Returns:
        (n, 8, 3) in mmdet3d's order: 0-3 the rear face, 4-7 the front face, 0, 3, 4, 7 at the bottom.
    """
    local = boxes[:, None, 3:6] * _UNIT_CORNERS.astype(boxes.dtype)
    cos, sin = np.cos(boxes[:, None, 6]), np.sin(boxes[:, None, 6])
    x = cos * local[..., 0] - sin * local[..., 1]
    y = sin * local[..., 0] + cos * local[..., 1]
    return np.asarray(np.stack([x, y, local[..., 2]], axis=-1) + boxes[:, None, :3])


def camera_corners(boxes: FloatArray) -> FloatArray:
    """Give the eight corners of KITTI boxes, in the order of :func:`lidar_corners`.

    Args:
        boxes: (n, 7) camera 7.

    Returns:
        (n, 8, 3) in the camera frame.
    """
    axes = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=boxes.dtype)
    return transform_points(lidar_corners(camera7_to_lidar7(boxes, axes.T)), axes)


def project_boxes(corners: FloatArray, projection: ArrayLike, *, height_px: int, width_px: int) -> FloatArray:
    """Draw the 2D box around a 3D one, as KITTI's labels do.

    Edges are cut at a near plane, so a box that reaches behind the camera still gets its visible part.

    Args:
        corners: (n, 8, 3) in the frame that ``projection`` starts from.
        projection: (4, 4) ``cam2img`` or ``lidar2img``.
        height_px: image height.
        width_px: image width.

    Returns:
        (n, 4) x1, y1, x2, y2 in pixels, clipped to the image; all zero for a box that is not in view.
    """
    outline = [_project_box(box, projection, np.array([width_px - 1, height_px - 1])) for box in corners]
    return np.array(outline, dtype=corners.dtype).reshape(-1, 4)


def points_in_boxes(points: FloatArray, boxes: FloatArray) -> NDArray[np.bool_]:
    """Say which points lie in which boxes, surface included.

    Args:
        points: (n, >=3) in the LiDAR frame.
        boxes: (m, 7) lidar 7.

    Returns:
        (n, m).
    """
    inside = np.zeros((len(points), len(boxes)), dtype=bool)
    for column, (x, y, z, dx, dy, dz, yaw) in enumerate(boxes):
        reach = np.hypot(dx, dy) / 2 + 1e-6
        near = np.flatnonzero((np.abs(points[:, 0] - x) <= reach) & (np.abs(points[:, 1] - y) <= reach))
        offset = points[near, :3] - np.array([x, y, z], dtype=points.dtype)
        along = np.cos(yaw) * offset[:, 0] + np.sin(yaw) * offset[:, 1]
        across = np.cos(yaw) * offset[:, 1] - np.sin(yaw) * offset[:, 0]
        in_height = (offset[:, 2] >= 0) & (offset[:, 2] <= dz)
        inside[near, column] = (np.abs(along) <= dx / 2) & (np.abs(across) <= dy / 2) & in_height
    return inside


def _swap_sensor7(boxes: FloatArray, transform: ArrayLike) -> FloatArray:
    # The rule is its own inverse: swap the last two extents, and mirror and turn the angle.
    position = transform_points(boxes[:, :3], transform)
    return np.concatenate([position, boxes[:, [3, 5, 4]], wrap_angle(-boxes[:, 6:7] - np.pi / 2)], axis=1)


def _swap_sensor9(boxes: FloatArray, transform: ArrayLike) -> FloatArray:
    position = transform_points(boxes[:, :3], transform)
    return np.concatenate([position, boxes[:, [3, 5, 4]], np.zeros_like(boxes[:, 6:9])], axis=1)


def _project_box(corners: FloatArray, projection: ArrayLike, limit: NDArray[np.int64]) -> list[float]:
    _, depth_m = project_points(corners, projection)
    start, end = corners[_EDGES[:, 0]], corners[_EDGES[:, 1]]
    start_m, end_m = depth_m[_EDGES[:, 0]], depth_m[_EDGES[:, 1]]
    crosses = (start_m - _NEAR_M) * (end_m - _NEAR_M) < 0
    share = (_NEAR_M - start_m[crosses]) / (end_m[crosses] - start_m[crosses])
    cuts = start[crosses] + share[:, None] * (end[crosses] - start[crosses])
    visible = np.concatenate([corners[depth_m >= _NEAR_M], cuts])
    if len(visible) == 0:
        return [0.0] * 4
    pixels, _ = project_points(visible, projection)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    if (high < 0).any() or (low > limit).any():
        return [0.0] * 4
    return [*np.clip(low, 0, limit), *np.clip(high, 0, limit)]
