"""Ground-truth sampling: objects of other frames are put into a scene, points and pixels alike.

Follows SECOND (Yan et al., 2018) for the points and PointAugmenting (Wang et al., 2021) for the pixels. It
works on the raw frame, before anything is mirrored or turned, so no matrix has to know of it. An object
stays where it was seen: its points then have the density and its pixels the size of that distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bevfusion.data.infos import Camera, Frame
from bevfusion.data.objects import Patch, StoredObject
from bevfusion.data.outlines import Outlines
from bevfusion.geometry.boxes import camera7_to_lidar7, points_in_boxes, upright_boxes
from bevfusion.geometry.frames import FloatArray, invert_rigid
from bevfusion.geometry.rotated_iou import intersection_bev
from bevfusion.metrics.protocol import DIFFICULTIES
from bevfusion.spec.dataset import ObjectSamplingSpec

__all__ = ["ObjectSampler", "Scene", "find_obstacles"]

_LEVELS = {**{rule.name: level for level, rule in enumerate(DIFFICULTIES)}, "any": len(DIFFICULTIES)}


@dataclass(frozen=True)
class Scene:
    """A frame as it was recorded.

    Attributes:
        points: (n, num_features) float32, raw LiDAR frame.
        boxes: (m, 7) lidar 7 or (m, 9) lidar 9 of what is to be learned.
        labels: (m,) index into the classes of the info file.
        images: one for each camera, none without cameras.
    """

    points: NDArray[np.float32]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    images: tuple[Image.Image, ...] = ()


def find_obstacles(frame: Frame) -> NDArray[np.float64]:
    """All labelled boxes of a frame, whatever their class: nothing may be put where they stand.

    Returns:
        (n, 7) lidar 7.
    """
    labels = frame.annotations
    if labels is None:
        return np.asarray(upright_boxes(frame.boxes_lidar))
    columns = {"location": 3, "dimensions": 3, "rotation_y": 1}
    boxes = np.concatenate([np.reshape(labels[key], (-1, width)) for key, width in columns.items()], axis=1)
    has_extent = (boxes[:, 3:6] > 0).all(axis=1)  # a DontCare has none
    main = next(iter(frame.cameras.values()))
    return np.asarray(camera7_to_lidar7(boxes[has_extent], invert_rigid(main.lidar2cam)))


class ObjectSampler:
    """Puts objects of a database into scenes.

    Args:
        objects: the database.
        spec: which of them, how many and how.
        cameras: names of the cameras that a scene has images of, the main one first.
    """

    def __init__(
        self, objects: Sequence[StoredObject], spec: ObjectSamplingSpec, *, cameras: Sequence[str]
    ) -> None:
        self._spec = spec
        self._cameras = tuple(cameras) if spec.paste_images else ()
        self._pools: dict[int, list[StoredObject]] = {}
        for stored in filter(self._is_wanted, objects):
            self._pools.setdefault(stored.label, []).append(stored)

    @property
    def is_empty(self) -> bool:
        """Whether no object of the database is wanted."""
        return not self._pools

    def fill(
        self,
        scene: Scene,
        rng: np.random.Generator,
        *,
        obstacles: FloatArray,
        cameras: Sequence[Camera],
    ) -> Scene:
        """Put objects where there is room.

        Args:
            scene: raw frame.
            rng: decides whether, and which.
            obstacles: (n, 7) lidar 7, see :func:`find_obstacles`.
            cameras: calibration of the scene's images.

        Returns:
            A new scene; the one that was given where nothing is put in.
        """
        drawn = self._draw(scene, rng) if rng.random() < self._spec.probability else []
        if not drawn:
            return scene
        seen_by = cameras if self._cameras else ()
        present = Outlines.of(obstacles, seen_by)
        wanted = Outlines.of(np.stack([stored.box for stored in drawn]), seen_by)
        chosen = self._choose(wanted, present)
        added = [drawn[row] for row in chosen]
        return _add(scene, added, present.join(wanted.pick(chosen)), self._cameras) if added else scene

    def _is_wanted(self, stored: StoredObject) -> bool:
        is_plain = stored.difficulty <= _LEVELS[self._spec.max_difficulty]
        has_pixels = not self._cameras or self._cameras[0] in stored.patches
        return len(stored.points) >= self._spec.min_points and is_plain and has_pixels

    def _draw(self, scene: Scene, rng: np.random.Generator) -> list[StoredObject]:
        drawn = []
        for label, pool in sorted(self._pools.items()):
            room = max(0, self._spec.objects_per_class - int((scene.labels == label).sum()))
            drawn += [pool[index] for index in rng.permutation(len(pool))[:room]]
        return drawn

    def _choose(self, wanted: Outlines, present: Outlines) -> list[int]:
        """Those that fit, one after the other, beside what is present and what was chosen before."""
        chosen: list[int] = []
        taken = present
        for row in range(len(wanted)):
            itself = wanted.pick([row])
            is_seen = itself.pixels[:1].any(axis=-1).all()
            if is_seen and not intersection_bev(itself.ground, taken.ground).any():
                with_it = taken.join(itself)
                hidden = with_it.hidden_parts()
                hidden[:, : len(present), : len(present)] = 0  # as it was recorded
                if (hidden.sum(axis=-1) <= self._spec.max_cover).all():
                    chosen.append(row)
                    taken = with_it
        return chosen


def _add(scene: Scene, added: Sequence[StoredObject], outlines: Outlines, cameras: Sequence[str]) -> Scene:
    """The scene with objects; ``outlines`` are those of the obstacles, then of the objects."""
    boxes = np.stack([stored.box for stored in added])
    images = tuple(
        _paste(image, [stored.patches.get(name) for stored in added], pixels, depths_m)
        for image, name, pixels, depths_m in zip(
            scene.images, cameras, outlines.pixels, outlines.depths_m, strict=False
        )
    )
    return Scene(
        _merge_points(scene.points, added, boxes, outlines),
        np.concatenate([scene.boxes, boxes]),
        np.concatenate([scene.labels, [stored.label for stored in added]]),
        images or scene.images,
    )


def _merge_points(
    points: NDArray[np.float32], added: Sequence[StoredObject], boxes: FloatArray, outlines: Outlines
) -> NDArray[np.float32]:
    """Points of the scene, then of the objects, without those that are displaced or hidden."""
    everything = range(len(outlines))
    own = everything[len(outlines) - len(added) :]
    displaced = points_in_boxes(points, boxes).any(axis=1)
    parts = [points[~(displaced | outlines.pick(own).hide(points))]]
    for row, stored in zip(own, added, strict=True):
        others = outlines.pick([other for other in everything if other != row])
        parts.append(stored.points[~others.hide(stored.points)])
    return np.concatenate(parts)


def _paste(
    image: Image.Image,
    patches: Sequence[Patch | None],
    pixels: NDArray[np.int64],
    depths_m: FloatArray,
) -> Image.Image:
    """Draw objects over an image, and what stands before them over these, far to near.

    Args:
        image: raw.
        patches: of the objects; None where the camera did not see one.
        pixels: (n, 4) rows of `PixelBox`: of what is in the image, then of the objects.
        depths_m: (n,) of the same.
    """
    canvas, first = image.copy(), len(pixels) - len(patches)
    for row in np.argsort(-depths_m, kind="stable"):
        left, top, right, bottom = pixels[row].tolist()
        patch = patches[row - first] if row >= first else None
        if right == 0 or (row >= first and patch is None):
            continue
        piece = patch.open() if patch else image.crop((left, top, right, bottom))
        canvas.paste(piece.resize((right - left, bottom - top)), (left, top))
    return canvas
