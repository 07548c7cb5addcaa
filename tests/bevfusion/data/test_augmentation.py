"""Augmentation against hand-worked numbers and mmdet3d's ImageAug3D (every eighth pixel, Pillow 13)."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bevfusion.data.transforms import ImageTransform, LidarTransform
from bevfusion.geometry.boxes import lidar_corners
from bevfusion.geometry.frames import transform_points
from bevfusion.spec.dataset import AugmentationSpec

GOLDEN = np.load(Path(__file__).with_name("golden_image_augmentation.npz"))
STRONG = LidarTransform(flip=True, rotation_rad=0.5, scale=1.1, translation_m=(1.0, -2.0, 0.3))


@pytest.fixture(scope="module")
def image() -> Image.Image:
    row, column = np.mgrid[:375, :1242]
    return Image.fromarray(np.stack([column % 256, row % 256, (row + column) % 256], -1).astype(np.uint8))


def test_evaluation_at_a_given_factor_equals_the_reference(image: Image.Image) -> None:
    change = ImageTransform.fit((375, 1242), (256, 704), resize=0.48)
    np.testing.assert_allclose(change.matrix, GOLDEN["evaluation_matrix"], atol=1e-6)
    np.testing.assert_array_equal(change.apply(image)[::8, ::8], GOLDEN["evaluation_pixels"])


def test_every_image_step_equals_the_reference(image: Image.Image) -> None:
    change = ImageTransform(0.5, (10, -69, 714, 187), flip=True, rotation_deg=3.0)
    np.testing.assert_allclose(change.matrix, GOLDEN["explicit_matrix"], atol=1e-4)
    np.testing.assert_array_equal(change.apply(image)[::8, ::8], GOLDEN["explicit_pixels"])


@pytest.mark.parametrize("source_hw", [(375, 1242), (370, 1224), (900, 1600), (64, 176), (100, 301)])
def test_evaluation_fits_the_width_and_stands_on_the_bottom(source_hw: tuple[int, int]) -> None:
    height, width = source_hw
    change = ImageTransform.fit(source_hw, (64, 176))
    corner = change.matrix @ [width, height, 1, 1]
    assert corner[0] == pytest.approx(176)
    assert corner[1] == pytest.approx(64, abs=1)
    pixels = change.apply(Image.new("RGB", (width, height), (9, 9, 9)))
    assert pixels.shape == (64, 176, 3)
    assert (pixels[-1] == 9).all()


def test_image_of_the_models_size_is_left_alone() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 176, 3), dtype=np.uint8)
    change = ImageTransform.fit((64, 176), (64, 176))
    np.testing.assert_array_equal(change.apply(Image.fromarray(pixels)), pixels)
    np.testing.assert_array_equal(change.matrix, np.eye(4))


def test_random_image_change_moves_pixels_as_its_matrix_says() -> None:
    pixels = np.zeros((100, 300, 3), dtype=np.uint8)
    pixels[60:64, 140:144] = 255
    for seed in range(20):
        rng = np.random.default_rng(seed)
        change = ImageTransform.sample((100, 300), (96, 288), ranges=AugmentationSpec(), rng=rng)
        row, column = np.argwhere(change.apply(Image.fromarray(pixels))[..., 0] > 128).mean(axis=0)
        expected = change.matrix @ [142, 62, 1, 1]
        np.testing.assert_allclose([column + 0.5, row + 0.5], expected[:2], atol=1.5)


def test_flip_then_turn_by_hand() -> None:
    change = LidarTransform(flip=True, rotation_rad=np.pi / 2, scale=2.0, translation_m=(0.0, 0.0, 1.0))
    points = change.apply_to_points(np.array([[3.0, 1.0, 0.5, 0.7]], dtype=np.float32))
    np.testing.assert_allclose(points, [[2.0, 6.0, 2.0, 0.7]], atol=1e-6)
    boxes = change.apply_to_boxes(np.array([[3.0, 1.0, 0.5, 4.0, 2.0, 1.5, 0.3]]))
    np.testing.assert_allclose(boxes, [[2.0, 6.0, 2.0, 8.0, 4.0, 3.0, np.pi / 2 - 0.3]], atol=1e-12)


def test_boxes_follow_their_points() -> None:
    boxes = np.array([[10.0, 4.0, -1.5, 0.9, 0.6, 1.7, 2.8], [20.0, -3.0, -1.0, 4.0, 1.8, 1.5, -1.2]])
    moved = transform_points(lidar_corners(boxes), STRONG.matrix)
    corners = lidar_corners(STRONG.apply_to_boxes(boxes))
    for expected, found in zip(moved, corners, strict=True):
        nearest = np.linalg.norm(expected[:, None] - found[None], axis=-1).min(axis=1)
        np.testing.assert_allclose(nearest, 0, atol=1e-9)


def test_points_follow_the_matrix_and_the_raw_sweep_stays() -> None:
    raw = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    kept = raw.copy()
    moved = STRONG.apply_to_points(raw)
    np.testing.assert_array_equal(raw, kept)
    np.testing.assert_array_equal(moved[:, 3], raw[:, 3])
    back = transform_points(moved[:, :3], np.linalg.inv(STRONG.matrix))
    np.testing.assert_allclose(back, raw[:, :3], atol=1e-5)


def test_strength_zero_changes_nothing() -> None:
    still = AugmentationSpec(
        flip_probability=0, rotation_rad=0, scale=0, translation_m=0,
        image_resize=0, image_rotation_deg=0, image_flip=False,
    )  # fmt: skip
    rng = np.random.default_rng(3)
    assert LidarTransform.sample(still, rng) == LidarTransform()
    assert ImageTransform.sample((375, 1242), (64, 176), ranges=still, rng=rng) == ImageTransform.fit(
        (375, 1242), (64, 176)
    )


def test_draws_stay_within_their_ranges_and_use_them() -> None:
    ranges = AugmentationSpec(rotation_rad=0.4, scale=0.2, flip_probability=0.25, translation_m=0.5)
    rng = np.random.default_rng(0)
    drawn = [LidarTransform.sample(ranges, rng) for _ in range(2000)]
    angles, scales = np.array([(change.rotation_rad, change.scale) for change in drawn]).T
    assert -0.4 <= angles.min() < -0.39
    assert 0.39 < angles.max() <= 0.4
    assert 0.8 <= scales.min() < 0.81
    assert np.mean([change.flip for change in drawn]) == pytest.approx(0.25, abs=0.03)
    assert np.std([change.translation_m for change in drawn]) == pytest.approx(0.5, abs=0.02)
