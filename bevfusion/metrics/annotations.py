"""Labels or detections as arrays: per frame, as they are handed in, and of all frames laid end to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bevfusion.errors import DataError, Fault
from bevfusion.geometry.rotated_iou import from_camera

__all__ = ["FrameAnnotations", "Objects", "join_frames"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

_INFO_KEYS = {
    "names": "name",
    "truncated": "truncated",
    "occluded": "occluded",
    "alpha": "alpha",
    "boxes_2d": "bbox",
    "dimensions_lhw": "dimensions",
    "locations": "location",
    "rotation_y": "rotation_y",
    "scores": "score",
}
_COLUMNS = {"boxes_2d": 4, "dimensions_lhw": 3, "locations": 3}


@dataclass(frozen=True, eq=False)
class FrameAnnotations:
    """What is labelled or detected in one frame, in KITTI's terms; ``n`` objects, float64, camera frame.

    Anything array-like is taken and converted. Everything is as in KITTI's label files, DontCare included.

    Attributes:
        names: (n,) class names.
        truncated: (n,) share of the object outside the image, 0..1; -1 unknown.
        occluded: (n,) 0 visible, 1 partly, 2 largely, 3 unknown; -1 not stated.
        alpha: (n,) observation angle, radians; -10 unknown.
        boxes_2d: (n, 4) left, top, right, bottom, pixels.
        dimensions_lhw: (n, 3) length, height, width, metres.
        locations: (n, 3) bottom centre x (right), y (down), z (forward), metres.
        rotation_y: (n,) heading about the downward axis, radians.
        scores: (n,) confidence, any monotone scale; of no meaning in labels.

    Raises:
        DataError: attributes differ in length or do not have their shape.
    """

    names: NDArray[np.str_]
    truncated: Array
    occluded: Array
    alpha: Array
    boxes_2d: Array
    dimensions_lhw: Array
    locations: Array
    rotation_y: Array
    scores: Array

    def __post_init__(self) -> None:
        names = np.asarray(self.names, dtype=np.str_).reshape(-1)
        object.__setattr__(self, "names", names)
        faults = []
        for name in [field.name for field in fields(self) if field.name != "names"]:
            values = np.asarray(getattr(self, name), dtype=np.float64)
            shape = (len(names), _COLUMNS[name]) if name in _COLUMNS else (len(names),)
            if values.size == 0 and len(names) == 0:
                values = values.reshape(shape)
            if values.shape != shape:
                faults.append(Fault(f"shape {values.shape} where {shape} is wanted", where=name))
            object.__setattr__(self, name, values)
        if faults:
            raise DataError(faults)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def boxes_camera(self) -> Array:
        """(n, 7) camera 7 of :mod:`bevfusion.geometry.boxes`."""
        return np.column_stack([self.locations, self.dimensions_lhw, self.rotation_y])

    def scored_at_least(self, score: float) -> FrameAnnotations:
        """The detections among them that are no less sure than ``score``."""
        kept = self.scores >= score
        return FrameAnnotations(**{field.name: getattr(self, field.name)[kept] for field in fields(self)})

    @classmethod
    def from_info(cls, annotations: Mapping[str, Any]) -> FrameAnnotations:
        """Read the ``annotations`` of an info file, or any mapping with KITTI's usual keys.

        Args:
            annotations: name, truncated, occluded, alpha, bbox, dimensions (l, h, w), location, rotation_y
                and, for detections, score (0 when left out).

        Raises:
            DataError: a key is missing, or lengths differ.
        """
        missing = [key for key in _INFO_KEYS.values() if key != "score" and key not in annotations]
        if missing:
            raise DataError(f"annotations lack {', '.join(missing)}", hint="run dataset_convert again")
        given: dict[str, Any] = {"score": np.zeros(len(annotations["name"])), **annotations}
        return cls(**{name: given[key] for name, key in _INFO_KEYS.items()})

    @classmethod
    def empty(cls) -> FrameAnnotations:
        """Stand for a frame in which nothing is labelled or detected."""
        return cls.from_info({key: [] for key in _INFO_KEYS.values()})


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of all frames in one row, ``n`` in all, in the order of frames and of objects in them.

    Attributes:
        frame: (n,) index of the frame, ascending.
        names: (n,) class names in lower case.
        values: the other attributes of ``FrameAnnotations``, each (n, ...).
    """

    frame: Indices
    names: NDArray[np.str_]
    values: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.names)

    def is_named(self, names: frozenset[str]) -> NDArray[np.bool_]:
        """Tell which objects carry one of the lower-case ``names``; (n,)."""
        return np.isin(self.names, sorted(names))

    @cached_property
    def boxes_3d(self) -> Array:
        """(n, 7) boxes as ``bevfusion.geometry.rotated_iou`` wants them; all 0 if a number is not finite."""
        boxes = from_camera(
            self.values["locations"], self.values["dimensions_lhw"], self.values["rotation_y"]
        )
        return np.where(np.isfinite(boxes).all(axis=1, keepdims=True), boxes, 0.0)

    @cached_property
    def heights_px(self) -> Array:
        """(n,) bottom minus top of the 2D boxes."""
        height: Array = self.values["boxes_2d"][:, 3] - self.values["boxes_2d"][:, 1]
        return height


def join_frames(frames: Sequence[FrameAnnotations]) -> Objects:
    """Lay the objects of all frames end to end, so that they are worked on without a loop over frames."""
    frames = [*frames, FrameAnnotations.empty()]
    values = {
        name: np.concatenate([getattr(frame, name) for frame in frames])
        for name in _INFO_KEYS
        if name != "names"
    }
    names = np.char.lower(np.concatenate([frame.names for frame in frames]))
    index = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    return Objects(index, names, values)
