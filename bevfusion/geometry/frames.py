"""The coordinate frames of the product, stated once, and the maths that moves points between them.

Frames (all right-handed, metres):

- *camera* (rectified, KITTI): x right, y down, z forward. Positions of objects are given in it by KITTI.
- *LiDAR* (Velodyne, KITTI and mmdet3d): x forward, y left, z up. Points and all network boxes live in it.
- *image*: pixels, u right, v down, origin at the outer corner of the top left pixel.

Matrices are named ``source2target``, are 4x4 and multiply column vectors: ``p_target = source2target @
p_source``. ``lidar2img = cam2img @ lidar2cam`` yields ``(u * depth, v * depth, depth, ...)``.
Arrays of points are rows, ``(n, 3)``.

Angles in radians:

- camera ``rotation_y``: 0 looks along +x, grows clockwise seen from above (about +y, which points down).
- LiDAR ``yaw``: 0 looks along +x (forward), grows counter-clockwise seen from above (about +z).
- Three *Euler angles* ``rx, ry, rz`` turn about the fixed axes x, then y, then z: ``R = Rz @ Ry @ Rx``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "FloatArray",
    "euler_from_rotation",
    "invert_rigid",
    "is_rotation",
    "project_points",
    "rotation_from_euler",
    "to_homogeneous",
    "transform_points",
    "visible_mask",
    "wrap_angle",
]

FloatArray = NDArray[np.floating[Any]]
# Nearer than this to a pitch of 90 degrees, roll and yaw turn about one axis and only their sum is known.
_GIMBAL_LOCK = 1e-7


def to_homogeneous(matrix: ArrayLike) -> NDArray[np.float64]:
    """Pad a 3x3 or 3x4 matrix of a calibration file to 4x4, so that matrices can be chained.

    Args:
        matrix: (3, 3) rotation or (3, 4) rotation and translation or projection.

    Returns:
        (4, 4) float64.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    padded = np.eye(4)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    return padded


def invert_rigid(transform: ArrayLike) -> NDArray[np.float64]:
    """Turn ``source2target`` round to ``target2source``.

    Args:
        transform: (4, 4) rotation and translation. Calibration files round their digits, hence a true inverse
            and not a transpose.

    Returns:
        (4, 4) float64.
    """
    return np.linalg.inv(np.asarray(transform, dtype=np.float64))


def is_rotation(matrix: ArrayLike, *, tolerance: float = 1e-3) -> bool:
    """Tell a proper rotation from a damaged or mirrored one.

    Args:
        matrix: (3, 3), or larger: the top left 3x3 is looked at.
        tolerance: largest deviation of ``R @ R.T`` from the identity.
    """
    rotation = np.asarray(matrix, dtype=np.float64)[:3, :3]
    is_orthonormal = np.allclose(rotation @ rotation.T, np.eye(3), atol=tolerance)
    return bool(is_orthonormal and np.linalg.det(rotation) > 0)


def transform_points(points: FloatArray, transform: ArrayLike) -> FloatArray:
    """Move points into another frame, keeping their dtype.

    Args:
        points: (..., 3) coordinates.
        transform: (4, 4) ``source2target``.

    Returns:
        (..., 3) in the target frame.
    """
    matrix = np.asarray(transform, dtype=points.dtype)
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def project_points(points: FloatArray, projection: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Find where points appear in an image.

    Args:
        points: (..., 3) in the frame that ``projection`` starts from.
        projection: (4, 4) ``cam2img`` or ``lidar2img``.

    Returns:
        (..., 2) pixels and (...) depths in metres. Pixels of points with depth <= 0 mean nothing.
    """
    scaled = transform_points(points, projection)
    depth_m = scaled[..., 2]
    divisor = np.where(np.abs(depth_m) < 1e-6, 1e-6, depth_m)
    return scaled[..., :2] / divisor[..., None], depth_m


def visible_mask(
    points: FloatArray, projection: ArrayLike, *, height_px: int, width_px: int
) -> NDArray[np.bool_]:
    """Say which points the camera sees, occlusion aside.

    Args:
        points: (n, 3) in the frame that ``projection`` starts from.
        projection: (4, 4) ``lidar2img`` or ``cam2img``.
        height_px: image height.
        width_px: image width.

    Returns:
        (n,) True in front of the camera and inside the image.
    """
    # Compared without division, row by row: a sweep has 120,000 points, and conversion spends its time here.
    matrix = np.asarray(projection, dtype=points.dtype)
    u, v, depth_m = matrix[:3, :3] @ points.T + matrix[:3, 3:]
    return np.asarray(
        (depth_m > 0) & (u >= 0) & (u < width_px * depth_m) & (v >= 0) & (v < height_px * depth_m)
    )


def wrap_angle(angle_rad: FloatArray) -> FloatArray:
    """Bring angles into [-pi, pi)."""
    return np.asarray((angle_rad + np.pi) % (2 * np.pi) - np.pi)


def rotation_from_euler(angles_rad: FloatArray) -> FloatArray:
    """Turn three angles into the rotation that they mean.

    Args:
        angles_rad: (..., 3) rx, ry, rz.

    Returns:
        (..., 3, 3), ``Rz @ Ry @ Rx``.
    """
    (sx, sy, sz), (cx, cy, cz) = (np.moveaxis(f(angles_rad), -1, 0) for f in (np.sin, np.cos))
    rows = (
        (cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        (sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        (-sy, cy * sx, cy * cx),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def euler_from_rotation(rotation: FloatArray) -> FloatArray:
    """Describe a rotation by three angles; inverse of :func:`rotation_from_euler`, for every rotation.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 3) rx, ry, rz; rx, rz in [-pi, pi], ry in [-pi/2, pi/2]. Where ry is +-pi/2, rx is 0.
    """
    level = np.hypot(rotation[..., 0, 0], rotation[..., 1, 0])
    is_locked = level < _GIMBAL_LOCK
    rx = np.where(is_locked, 0.0, np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2]))
    ry = np.arctan2(-rotation[..., 2, 0], level)
    rz = np.where(
        is_locked,
        np.arctan2(-rotation[..., 0, 1], rotation[..., 1, 1]),
        np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0]),
    )
    return np.stack([rx, ry, rz], axis=-1)
