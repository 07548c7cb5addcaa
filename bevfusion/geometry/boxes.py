"""Layouts of 3D boxes and the exact conversions between them.

Every layout keeps the box's origin at the *centre of its bottom face*.

==========  ==================================  =======================================================
layout      columns                             meaning
==========  ==================================  =======================================================
camera 7    x, y, z, l, h, w, ry                KITTI: y is the bottom (y points down)
lidar 7     x, y, z, dx, dy, dz, yaw            mmdet3d: dx = l along the heading, dy = w, dz = h
camera 9    x, y, z, l, h, w, rx, ry, rz        camera 7 tilted in any way; KITTI's boxes have rx = rz = 0
lidar 9     x, y, z, dx, dy, dz, rx, ry, rz     lidar 7 tilted in any way; an upright box has rz = yaw
==========  ==================================  =======================================================

Three angles are those of :func:`bevfusion.geometry.frames.rotation_from_euler`. At angles of zero the edges
of a camera box lie along the camera's axes, those of a LiDAR box along the LiDAR's.

The two families treat the calibration differently. With 7 numbers ``yaw = -ry - pi/2``, as mmdet3d does: it
neglects the small tilt between the sensors. With 9 numbers the whole rotation is carried over, and nothing is
lost either way. TAO keeps one of the three angles: on the way to the LiDAR that is the heading, and what
:func:`upright_boxes` makes of the exact result; on the way back it folds headings beyond +-pi/2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bevfusion.geometry.frames import (
    FloatArray,
    euler_from_rotation,
    project_points,
    rotation_from_euler,
    transform_points,
    wrap_angle,
)

__all__ = [
    "camera7_to_lidar7",
    "camera9_to_lidar9",
    "camera_corners",
    "lidar7_to_camera7",
    "lidar9_to_camera9",
    "lidar_corners",
    "move_boxes",
    "points_in_boxes",
    "project_boxes",
    "upright_boxes",
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
# From the edges of a camera box (length, height down, width) to those of a LiDAR box (length, width, height).
_EDGES_CAMERA2LIDAR = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=np.float64)


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
    """Bring boxes of any tilt into the LiDAR frame.

    Args:
        boxes: (n, 9) camera 9.
        cam2lidar: (4, 4).

    Returns:
        (n, 9) lidar 9.
    """
    return _move(boxes[:, [0, 1, 2, 3, 5, 4, 6, 7, 8]], cam2lidar, _EDGES_CAMERA2LIDAR)


def lidar9_to_camera9(boxes: FloatArray, lidar2cam: ArrayLike) -> FloatArray:
    """Bring boxes of any tilt into the camera frame; inverse of :func:`camera9_to_lidar9`.

    Args:
        boxes: (n, 9) lidar 9.
        lidar2cam: (4, 4).

    Returns:
        (n, 9) camera 9. The same rotation can be written by two triples of angles; this is the one whose ry
        lies within +-pi/2, so an upright box that looks away comes out with rx = rz = +-pi.
    """
    return _move(boxes[:, [0, 1, 2, 3, 5, 4, 6, 7, 8]], lidar2cam, _EDGES_CAMERA2LIDAR.T)


def move_boxes(boxes: FloatArray, transform: ArrayLike) -> FloatArray:
    """Bring boxes of any tilt into another frame, their edges called what they were called.

    Args:
        boxes: (n, 9) lidar 9, in whatever frame ``transform`` starts from.
        transform: (4, 4) ``source2target``.

    Returns:
        (n, 9) lidar 9 in the target frame.
    """
    return _move(boxes, transform, np.eye(3))


def upright_boxes(boxes: FloatArray) -> FloatArray:
    """Describe LiDAR boxes by their yaw alone, as detectors are scored.

    Args:
        boxes: (n, 7) lidar 7, returned as they are, or (n, 9) lidar 9.

    Returns:
        (n, 7) lidar 7: same bottom centre and size, yaw that of the long axis seen from above.
    """
    if boxes.shape[-1] == 7:
        return boxes
    heading = rotation_from_euler(boxes[:, 6:9])[:, :2, 0]
    return np.concatenate([boxes[:, :6], np.arctan2(heading[:, 1:], heading[:, :1])], axis=1)


def lidar_corners(boxes: FloatArray) -> FloatArray:
    """Give the eight corners of LiDAR boxes.

    Args:
        boxes: (n, 7) lidar 7 or (n, 9) lidar 9.

    Returns:
        (n, 8, 3) in mmdet3d's order: 0-3 the rear face, 4-7 the front face, 0, 3, 4, 7 at the bottom.
    """
    local = boxes[:, None, 3:6] * _UNIT_CORNERS.astype(boxes.dtype)
    return np.asarray(local @ _rotations(boxes).transpose(0, 2, 1) + boxes[:, None, :3])


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
        boxes: (m, 7) lidar 7 or (m, 9) lidar 9.

    Returns:
        (n, m).
    """
    inside = np.zeros((len(points), len(boxes)), dtype=bool)
    x, y = points[:, 0], points[:, 1]
    for column, (box, rotation) in enumerate(zip(boxes, _rotations(boxes), strict=True)):
        # A box tilted over reaches no further from its bottom centre than to its farthest upper corner.
        reach = np.hypot(np.hypot(box[3], box[4]) / 2, box[5] if len(box) == 9 else 0.0) + 1e-6
        # Axis by axis: a sweep has 120,000 points, and conversion spends its time here.
        near = np.flatnonzero((np.abs(x - box[0]) <= reach) & (np.abs(y - box[1]) <= reach))
        along, across, up = ((points[near, :3] - box[:3].astype(points.dtype)) @ rotation).T
        in_height = (up >= 0) & (up <= box[5])
        inside[near, column] = (np.abs(along) <= box[3] / 2) & (np.abs(across) <= box[4] / 2) & in_height
    return inside


def _swap_sensor7(boxes: FloatArray, transform: ArrayLike) -> FloatArray:
    # The rule is its own inverse: swap the last two extents, and mirror and turn the angle.
    position = transform_points(boxes[:, :3], transform)
    return np.concatenate([position, boxes[:, [3, 5, 4]], wrap_angle(-boxes[:, 6:7] - np.pi / 2)], axis=1)


def _move(boxes: FloatArray, transform: ArrayLike, edges: FloatArray) -> FloatArray:
    position = transform_points(boxes[:, :3], transform)
    turn = np.asarray(transform, dtype=boxes.dtype)[:3, :3]
    rotation = turn @ rotation_from_euler(boxes[:, 6:9]) @ edges.T.astype(boxes.dtype)
    return np.concatenate([position, boxes[:, 3:6], euler_from_rotation(rotation)], axis=1)


def _rotations(boxes: FloatArray) -> FloatArray:
    """(n, 3, 3) from the edges of each LiDAR box to the LiDAR frame."""
    if boxes.shape[-1] == 9:
        return rotation_from_euler(boxes[:, 6:9])
    cos, sin = np.cos(boxes[:, 6]), np.sin(boxes[:, 6])
    rotations = np.zeros((len(boxes), 3, 3), dtype=boxes.dtype)
    rotations[:, 0, 0], rotations[:, 0, 1], rotations[:, 1, 0], rotations[:, 1, 1] = cos, -sin, sin, cos
    rotations[:, 2, 2] = 1
    return rotations


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
