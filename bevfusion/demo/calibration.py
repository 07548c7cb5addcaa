"""The sensor rig: KITTI's calibration file, its matrices, and projection into the image."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["HEIGHT_PX", "LIDAR_HEIGHT_M", "WIDTH_PX", "Calibration", "sample_calibration"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
WIDTH_PX, HEIGHT_PX = 704, 256
LIDAR_HEIGHT_M = 1.73
NEAR_M = 0.2
BASELINES_M = (0.0, -0.54, 0.06, -0.47)
_EDGES = np.array([(a, b) for a, b in itertools.combinations(range(8), 2) if (a ^ b).bit_count() == 1])


@dataclass(frozen=True)
class Calibration:
    """Calibration of one sequence, matrices as in a KITTI ``calib`` file.

    Attributes:
        projections: (4, 3, 4) float64, P0..P3, rectified camera 0 to pixels; P2 is the colour camera.
        rectification: (3, 3) float64, R0_rect.
        lidar_to_camera: (3, 4) float64, Tr_velo_to_cam.
    """

    projections: Doubles
    rectification: Doubles
    lidar_to_camera: Doubles

    @property
    def lidar_to_rectified(self) -> Doubles:
        """Matrix (3, 4) from the LiDAR frame to the rectified camera frame."""
        return np.asarray(self.rectification @ self.lidar_to_camera)

    def to_camera(self, points: Floats) -> Doubles:
        """Bring points (..., 3) from the LiDAR frame to the rectified camera frame."""
        matrix = self.lidar_to_rectified
        return np.asarray(points @ matrix[:, :3].T + matrix[:, 3])

    def project(self, points: Floats) -> Doubles:
        """Homogeneous pixels ``(u * depth, v * depth, depth)`` of points (..., 3) of the LiDAR frame."""
        return np.asarray(self.to_camera(points) @ self.projections[2][:, :3].T + self.projections[2][:, 3])

    def is_in_image(self, points: Floats) -> NDArray[np.bool_]:
        """Which points (P, 3) of the LiDAR frame the camera sees, were nothing in between; (P,)."""
        u, v, depth = self.project(points).T
        inside = (u >= 0) & (v >= 0) & (u < WIDTH_PX * depth) & (v < HEIGHT_PX * depth)
        return np.asarray(inside & (depth > NEAR_M))

    def image_bounds(self, corners: Floats) -> Doubles:
        """Image rectangle of boxes, not clipped to the image.

        Args:
            corners: (N, 8, 3) LiDAR frame, in the order of ``solids.CORNERS``.

        Returns:
            (N, 4) ``left, top, right, bottom`` in pixels of what lies in front of the camera;
            ``left > right`` where nothing does.
        """
        shot = self.project(corners)
        first, last = shot[:, _EDGES[:, 0]], shot[:, _EDGES[:, 1]]
        # Edges that pass the camera are cut where they cross the near plane.
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (NEAR_M - first[..., 2:]) / (last[..., 2:] - first[..., 2:])
            cut = np.where((share > 0) & (share < 1), first + share * (last - first), first)
        seen = np.concatenate([shot, cut], axis=1)
        depth = seen[..., 2:]
        in_front = depth >= NEAR_M * 0.999
        pixels = seen[..., :2] / np.where(in_front, depth, 1)
        lower = np.where(in_front, pixels, np.inf).min(1)
        upper = np.where(in_front, pixels, -np.inf).max(1)
        return np.concatenate([lower, upper], axis=1)

    def pixel_rays(self, step_px: int) -> tuple[Floats, Floats]:
        """Rays through the centres of square patches of ``step_px`` pixels, in the LiDAR frame.

        Returns:
            Origin (3,) and directions (3, H, W), scaled so that a ray's parameter is the camera depth.
        """
        rows = (np.arange(HEIGHT_PX // step_px) + 0.5) * step_px - 0.5
        columns = (np.arange(WIDTH_PX // step_px) + 0.5) * step_px - 0.5
        v, u = np.meshgrid(rows, columns, indexing="ij")
        matrix, to_rectified = self.projections[2], self.lidar_to_rectified
        unproject = np.linalg.inv(matrix[:, :3])
        turn = to_rectified[:, :3].T
        directions = np.einsum("ij,jhw->ihw", turn @ unproject, np.stack([u, v, np.ones_like(u)]))
        origin = turn @ (-unproject @ matrix[:, 3] - to_rectified[:, 3])
        return origin.astype(np.float32), directions.astype(np.float32)

    def as_text(self) -> str:
        """The lines of a KITTI ``calib`` file."""
        # The data has no inertial unit; KITTI's readers expect the row all the same.
        imu = np.array([[1, 0, 0, -0.81], [0, 1, 0, 0.32], [0, 0, 1, -0.8]])
        rows = {f"P{index}": matrix for index, matrix in enumerate(self.projections)}
        rows |= {"R0_rect": self.rectification, "Tr_velo_to_cam": self.lidar_to_camera, "Tr_imu_to_velo": imu}
        return "".join(
            f"{name}: {' '.join(f'{value:.12e}' for value in matrix.ravel())}\n"
            for name, matrix in rows.items()
        )


def _rotation(angles_rad: Doubles) -> Doubles:
    """Rotation about x, then y, then z."""
    (a, b, c), (sa, sb, sc) = np.cos(angles_rad), np.sin(angles_rad)
    about_x = np.array([[1, 0, 0], [0, a, -sa], [0, sa, a]])
    about_y = np.array([[b, 0, sb], [0, 1, 0], [-sb, 0, b]])
    about_z = np.array([[c, -sc, 0], [sc, c, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def sample_calibration(rng: Generator) -> Calibration:
    """Draw the rig of one sequence: KITTI's set-up with a few milliradians and millimetres of play.

    The image is 704 x 256 px and sees 67 degrees, so that a person of 1.75 m is 25 px high (the limit of
    KITTI's moderate difficulty) at 37 m.
    """
    focal_px = rng.uniform(530, 538)
    camera = np.array(
        [
            [focal_px, 0, WIDTH_PX * 0.495 + rng.normal(0, 2)],
            [0, focal_px, HEIGHT_PX * 0.455 + rng.normal(0, 1)],
            [0, 0, 1],
        ]
    )
    shifts = [
        np.array([baseline, rng.normal(0, 5e-4), 0.003 * (index > 1)])
        for index, baseline in enumerate(BASELINES_M)
    ]
    shifts[0][:] = 0
    projections = np.stack([np.concatenate([camera, (camera @ shift)[:, None]], axis=1) for shift in shifts])
    axes = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    turn = _rotation(np.array([0.009, -0.006, 0.007]) + rng.normal(0, 0.002, 3)) @ axes
    centre = np.array([0.27, 0.004, -0.076]) + rng.normal(0, 0.004, 3)
    lidar_to_camera = np.concatenate([turn, (-turn @ centre)[:, None]], axis=1)
    return Calibration(projections, _rotation(rng.normal(0, 0.004, 3)), lidar_to_camera)
