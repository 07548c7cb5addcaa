"""Exact overlap of rotated boxes on the CPU, for average precision and for the matching cost of the head.

Boxes are ``(x, y, z_bottom, dx, dy, dz, yaw)`` in metres and radians in a right-handed frame whose z axis
points up (LiDAR): ``x, y`` is the centre of the footprint, ``dx`` runs along the heading, and ``yaw`` turns
counter-clockwise from the x axis towards the y axis. Functions that need no height also take footprints
alone, ``(x, y, dx, dy, yaw)``.

KITTI's camera frame (x right, y down, z forward; location at the bottom centre; ``rotation_y`` about the
downward axis) fits after relabelling, without a calibration: :func:`from_camera` gives
``(x, z, -y, length, width, height, -rotation_y)``.

The area of overlap is an integral instead of a list of clipped vertices. In the frame of the second box,
whose footprint is ``|x| <= a, |y| <= b``, a line of constant ``x`` runs through the first box from a lower
to an upper edge, and the common part of that line is ``clip(upper, -b, b) - clip(lower, -b, b)``. Integrated
over ``|x| <= a`` this is a closed form per edge. It is exact, continuous in all arguments (coinciding edges
and shared corners need no tolerance), and the same few array operations for any number of pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "from_camera",
    "intersection_3d",
    "intersection_bev",
    "iou_3d",
    "iou_bev",
    "paired_intersection_3d",
    "paired_intersection_bev",
]

Array = NDArray[np.float64]

_PAIRS_AT_ONCE = 1 << 15  # keeps the temporaries of a batch inside the processor's cache
_FOOTPRINT = [0, 1, 3, 4, 6]


def from_camera(locations: ArrayLike, dimensions_lhw: ArrayLike, rotation_y: ArrayLike) -> Array:
    """Write KITTI labels as the boxes of this module.

    Args:
        locations: (n, 3) bottom centres x, y, z in the camera frame, metres.
        dimensions_lhw: (n, 3) length, height, width, metres.
        rotation_y: (n,) heading about the camera's downward axis, radians.

    Returns:
        (n, 7) float64 boxes ``(x, z, -y, length, width, height, -rotation_y)``.
    """
    x, y, z = np.asarray(locations, np.float64).reshape(-1, 3).T
    length, height, width = np.asarray(dimensions_lhw, np.float64).reshape(-1, 3).T
    return np.stack(
        [x, z, -y, length, width, height, -np.asarray(rotation_y, np.float64).reshape(-1)], axis=1
    )


def iou_bev(a: ArrayLike, b: ArrayLike) -> Array:
    """Say how far the footprints of two sets of boxes agree.

    Args:
        a: (n, 5) or (n, 7) boxes.
        b: (m, 5) or (m, 7) boxes.

    Returns:
        (n, m) float64 intersection over union, 0 for boxes without area or with a non-finite number.
    """
    a, b = _footprints(a), _footprints(b)
    return _over_union(intersection_bev(a, b), _content(a[:, 2:4]), _content(b[:, 2:4]))


def iou_3d(a: ArrayLike, b: ArrayLike) -> Array:
    """Say how far two sets of boxes agree in space.

    Args:
        a: (n, 7) boxes.
        b: (m, 7) boxes.

    Returns:
        (n, m) float64 intersection over union, 0 for boxes without volume or with a non-finite number.
    """
    a, b = _boxes(a, 7), _boxes(b, 7)
    return _over_union(intersection_3d(a, b), _content(a[:, 3:6]), _content(b[:, 3:6]))


def intersection_bev(a: ArrayLike, b: ArrayLike) -> Array:
    """Measure the common ground of every pair; (n, 5|7) and (m, 5|7) give (n, m) float64 square metres."""
    a, b = _footprints(a), _footprints(b)
    common = np.zeros((len(a), len(b)))
    rows, columns = np.nonzero(_may_touch(a, b))
    common[rows, columns] = paired_intersection_bev(a[rows], b[columns])
    return common


def intersection_3d(a: ArrayLike, b: ArrayLike) -> Array:
    """Measure the common space of every pair; (n, 7) and (m, 7) give (n, m) float64 cubic metres."""
    a, b = _boxes(a, 7), _boxes(b, 7)
    common = np.zeros((len(a), len(b)))
    rows, columns = np.nonzero(_may_touch(a[:, _FOOTPRINT], b[:, _FOOTPRINT]))
    common[rows, columns] = paired_intersection_3d(a[rows], b[columns])
    return common


def paired_intersection_bev(a: ArrayLike, b: ArrayLike) -> Array:
    """Measure the common ground of boxes i of ``a`` and ``b``; (k, 5|7) twice gives (k,) square metres."""
    a, b = _footprints(a), _footprints(b)
    common = np.zeros(len(a))
    for start in range(0, len(a), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        common[part] = _common_area(a[part], b[part])
    return common


def paired_intersection_3d(a: ArrayLike, b: ArrayLike) -> Array:
    """Measure the common space of boxes i of ``a`` and ``b``; (k, 7) twice gives (k,) cubic metres."""
    a, b = _boxes(a, 7), _boxes(b, 7)
    top = np.minimum(a[:, 2] + a[:, 5], b[:, 2] + b[:, 5])
    height = np.clip(top - np.maximum(a[:, 2], b[:, 2]), 0.0, np.minimum(a[:, 5], b[:, 5]).clip(0.0))
    common: Array = paired_intersection_bev(a, b) * height
    return common


def _boxes(boxes: ArrayLike, *widths: int) -> Array:
    """Check the layout; boxes with a non-finite number lose their extent, so that they meet nothing."""
    array = np.asarray(boxes, np.float64)
    if array.size == 0:
        return np.zeros((0, widths[-1]))
    if array.ndim != 2 or array.shape[1] not in widths:
        raise ValueError(f"boxes have shape {array.shape}, wanted (n, {' or '.join(map(str, widths))})")
    usable = np.isfinite(array).all(axis=1)
    return array if usable.all() else np.where(usable[:, None], array, 0.0)


def _footprints(boxes: ArrayLike) -> Array:
    array = _boxes(boxes, 5, 7)
    return array[:, _FOOTPRINT] if array.shape[1] == 7 else array


def _content(sides: Array) -> Array:
    """Area or volume, 0 where a side is not positive."""
    return np.where((sides > 0.0).all(axis=1), sides.prod(axis=1), 0.0)


def _over_union(common: Array, content_a: Array, content_b: Array) -> Array:
    common = np.minimum(common, np.minimum(content_a[:, None], content_b[None, :]))
    union = content_a[:, None] + content_b[None, :] - common
    return np.divide(common, union, out=np.zeros_like(common), where=common > 0.0)


def _may_touch(a: Array, b: Array) -> NDArray[np.bool_]:
    """Tell which pairs have an extent and circumscribed circles that meet; (n, 5), (m, 5) to (n, m)."""
    reach = np.hypot(a[:, 2], a[:, 3])[:, None] / 2 + np.hypot(b[:, 2], b[:, 3])[None, :] / 2
    across, along = a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1]
    solid = (_content(a[:, 2:4]) > 0.0)[:, None] & (_content(b[:, 2:4]) > 0.0)[None, :]
    meets: NDArray[np.bool_] = solid & (across * across + along * along <= reach * reach)
    return meets


def _common_area(a: Array, b: Array) -> Array:
    """Integrate the overlap of k pairs of footprints; (k, 5) twice to (k,). See the module's text."""
    half_x, half_y = np.maximum(b[:, 2], 0.0) / 2, np.maximum(b[:, 3], 0.0) / 2
    x0, y0 = _corners_seen_from(a, b)
    x1, y1 = np.roll(x0, -1, axis=0), np.roll(y0, -1, axis=0)
    # the part of each edge with |x| <= half_x
    left, right = np.clip(x0, -half_x, half_x), np.clip(x1, -half_x, half_x)
    run, rise = np.abs(x1 - x0), y1 - y0
    y_left = y0 + _share(np.abs(left - x0), run) * rise
    y_right = y1 - _share(np.abs(x1 - right), run) * rise
    # the mean of clip(y, -half_y, half_y) along it: flat at `low`, a ramp, flat at `high`
    low, high = np.clip(y_left, -half_y, half_y), np.clip(y_right, -half_y, half_y)
    climb = np.abs(y_right - y_left)
    weight = _share(np.abs(high - low), climb) / 2 + _share(np.abs(high - y_right), climb)
    mean = low + (high - low) * weight
    area: Array = np.maximum(((left - right) * mean).sum(axis=0), 0.0)
    return area


def _corners_seen_from(a: Array, b: Array) -> tuple[Array, Array]:
    """Corners of ``a`` in the frame of ``b``: x and y, each (4, k), counter-clockwise."""
    turn, cos_b, sin_b = a[:, 4] - b[:, 4], np.cos(b[:, 4]), np.sin(b[:, 4])
    shift_x, shift_y = a[:, 0] - b[:, 0], a[:, 1] - b[:, 1]
    cos, sin = np.cos(turn), np.sin(turn)
    forward = np.array([0.5, -0.5, -0.5, 0.5])[:, None] * np.maximum(a[:, 2], 0.0)
    sideways = np.array([0.5, 0.5, -0.5, -0.5])[:, None] * np.maximum(a[:, 3], 0.0)
    x = cos_b * shift_x + sin_b * shift_y + cos * forward - sin * sideways
    y = cos_b * shift_y - sin_b * shift_x + sin * forward + cos * sideways
    return x, y


def _share(part: Array, whole: Array) -> Array:
    """``part / whole`` within 0..1, also for an edge without extent, whose share nobody sees."""
    share: Array = np.minimum(part, whole) / np.where(whole > 0.0, whole, 1.0)
    return share
