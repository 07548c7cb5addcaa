"""What each data set type prescribes, stated once for the spec, the converter and the demo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CONVENTIONS", "Convention"]


@dataclass(frozen=True)
class Convention:
    """How a data set type labels its boxes and names its files.

    Attributes:
        gt_box_type: frame of the labelled boxes, ``camera`` or ``lidar``.
        origin: where the labelled position lies in its box, as shares of the box's own x, y, z edges; the
            edges are the camera's at angles of zero for ``KittiPersonDataset`` and length, width, height for
            the others.
        default_cam_key: the camera that is always there.
        per_sequence: whether frames are named by their sequence and their name in it.
        pts: folder of the converted point clouds under the data root.
        img: folder of the images under the data root.
        angles: rotation angles of a box, 1 or 3.
    """

    gt_box_type: str
    origin: tuple[float, float, float]
    default_cam_key: str
    per_sequence: bool
    pts: str
    img: str
    angles: int


CONVENTIONS: Mapping[str, Convention] = {
    "KittiPersonDataset": Convention(
        gt_box_type="camera",
        origin=(0.5, 1.0, 0.5),
        default_cam_key="CAM2",
        per_sequence=False,
        pts="training/velodyne_reduced",
        img="training/image_2",
        angles=1,
    ),
    "TAO3DDataset": Convention(
        gt_box_type="lidar",
        origin=(0.5, 0.5, 0.5),
        default_cam_key="CAM0",
        per_sequence=True,
        pts="training/lidar_reduced",
        img="training/images",
        angles=3,
    ),
    "TAO3DSyntheticDataset": Convention(
        gt_box_type="camera",
        origin=(0.5, 0.5, 0.0),
        default_cam_key="CAM0",
        per_sequence=True,
        pts="training/lidar_reduced",
        img="training/images",
        angles=3,
    ),
}
"""By ``dataset.type``; the numbers are those that TAO's BEVFusion uses for these types."""
