"""Objects of other frames in a scene, by hand-worked numbers.

The camera looks along x from the origin: u = 80 - 100 y / x, v = 30 - 100 z / x, image 60 x 160.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bevfusion.data.infos import Camera, Infos, read_infos
from bevfusion.data.loading import load_image, load_points
from bevfusion.data.object_sampling import ObjectSampler, Scene, find_obstacles
from bevfusion.data.objects import Patch, StoredObject, read_objects
from bevfusion.data.outlines import Outlines, pixel_boxes
from bevfusion.geometry.boxes import points_in_boxes
from bevfusion.geometry.rotated_iou import intersection_bev
from bevfusion.spec.dataset import ObjectSamplingSpec
from tests.bevfusion.data.conftest import convert

LIDAR2IMG = np.array([[80.0, -100, 0, 0], [30, 0, -100, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
CAMERA = Camera("0.png", 60, 160, np.eye(4), np.eye(4), LIDAR2IMG)
ALWAYS = ObjectSamplingSpec(probability=1.0, min_points=5, max_cover=0.9)
NOTHING = np.zeros((0, 7))


def thin(x: float, y: float, *, height_m: float = 1.0, width_m: float = 1.0, yaw: float = 0.0) -> np.ndarray:
    """A box that is flat along the camera's view, standing at z = 0."""
    return np.array([x, y, 0.0, 0.02, width_m, height_m, yaw])


def stored(box: np.ndarray, colour: str = "red", **changes: Any) -> StoredObject:
    """Ten points up the middle of a box, and a patch of one colour."""
    edges = pixel_boxes(box[None], CAMERA)[0].tolist()
    stream = io.BytesIO()
    Image.new("RGB", (edges[2] - edges[0], edges[3] - edges[1]), colour).save(stream, format="PNG")
    points = np.tile(np.r_[box[:3], 0.5], (10, 1)).astype(np.float32)
    points[:, 2] += np.linspace(0.05, 0.95, 10) * box[5]
    patches = {"CAM2": Patch(tuple(edges), stream.getvalue())}
    return replace(StoredObject("other", 0, 0, box, points, patches), **changes)


def fill(
    *objects: StoredObject,
    spec: ObjectSamplingSpec = ALWAYS,
    obstacles: np.ndarray = NOTHING,
    points: np.ndarray | None = None,
    seed: int = 0,
) -> Scene:
    empty = np.full((1, 4), -9, dtype=np.float32) if points is None else points
    scene = Scene(empty, NOTHING, np.zeros(0, dtype=np.int64), (Image.new("RGB", (160, 60)),))
    sampler = ObjectSampler(objects, spec, cameras=("CAM2",))
    return sampler.fill(scene, np.random.default_rng(seed), obstacles=obstacles, cameras=[CAMERA])


@pytest.fixture
def infos(kitti_root: Path) -> Infos:
    return read_infos(convert(kitti_root)["train"])


def test_conversion_keeps_what_each_sensor_saw_of_an_object(infos: Infos, kitti_root: Path) -> None:
    (person,) = read_objects(infos.path)
    assert (person.frame, person.label, person.difficulty, len(person.points)) == ("000000", 0, 3, 12)
    np.testing.assert_allclose(person.box, [10, -1, -1.6, 0.9, 0.5, 1.8, -np.pi / 2], atol=1e-12)
    assert person.points[:, 0].tolist() == [np.float32(9.9)] * 12
    patch = person.patches["CAM2"]
    assert patch.box_px == (85, 27, 95, 47)
    raw = load_image(kitti_root / "training/image_2/000000.png")
    assert patch.open().tobytes() == raw.crop(patch.box_px).tobytes()


def test_a_person_is_put_into_another_frame_and_hides_what_is_behind(infos: Infos, kitti_root: Path) -> None:
    frame, root = infos.frames[1], kitti_root / "training"
    raw = load_points(root / "velodyne_reduced/000001.bin")
    white = Image.new("RGB", (160, 60), "white")
    scene = Scene(raw, frame.boxes_lidar, frame.labels, (white,))
    spec = replace(ALWAYS, max_difficulty="any")
    sampler = ObjectSampler(read_objects(infos.path), spec, cameras=("CAM2",))
    cameras = [frame.cameras["CAM2"]]
    full = sampler.fill(scene, np.random.default_rng(0), obstacles=find_obstacles(frame), cameras=cameras)
    np.testing.assert_allclose(full.boxes, [[10, -1, -1.6, 0.9, 0.5, 1.8, -np.pi / 2]], atol=1e-12)
    assert full.labels.tolist() == [0]
    # Ground behind the 85..95 px of the person: at y = -2 from x = 14 to 38, at y = -4 from 28 to 38.
    assert len(raw) - len(full.points) == 13 + 6
    assert points_in_boxes(full.points, full.boxes).sum() == 12
    (image,) = full.images
    assert image.getpixel((90, 40)) == (90, 40, 130)
    assert image.getpixel((84, 40)) == image.getpixel((95, 40)) == (255, 255, 255)
    assert white.getpixel((90, 40)) == (255, 255, 255)


def test_nothing_is_put_where_something_stands_whatever_its_class(infos: Infos) -> None:
    boxes = find_obstacles(infos.frames[1])
    np.testing.assert_allclose(boxes, [[20, 8, -1.6, 3.9, 1.6, 1.5, -1.57 - np.pi / 2]], atol=1e-12)
    assert len(fill(stored(thin(20, 8)), obstacles=boxes).boxes) == 0
    assert len(fill(stored(thin(20, 4)), obstacles=boxes).boxes) == 1


def test_overlap_is_that_of_the_turned_boxes() -> None:
    long = np.array([[20.0, 0, 0, 8, 0.4, 0.1, np.pi / 4]])
    assert len(fill(stored(thin(22, -2)), obstacles=long).boxes) == 1  # within its upright outline
    assert len(fill(stored(thin(22, 2)), obstacles=long).boxes) == 0


def test_objects_do_not_meet_one_another() -> None:
    rng = np.random.default_rng(1)
    crowd = [
        stored(thin(*place, width_m=2, yaw=turn), "blue")
        for *place, turn in rng.uniform([14, -6, -1], [30, 6, 1], (200, 3))
    ]
    spec = replace(ALWAYS, objects_per_class=12)
    boxes = fill(*crowd, spec=spec).boxes
    common = intersection_bev(boxes, boxes)
    assert 4 < len(boxes) < 12
    assert common.sum() == pytest.approx(np.trace(common))


def test_a_frame_is_filled_up_to_the_number_asked_for() -> None:
    row = [stored(thin(10, y, width_m=0.5)) for y in range(-5, 6)]
    spec = replace(ALWAYS, objects_per_class=3)
    assert len(fill(*row, spec=spec).boxes) == 3
    scene = Scene(np.full((1, 4), -9, np.float32), np.array([thin(30, 0), thin(30, 3)]), np.array([0, 0]))
    full = ObjectSampler(row, spec, cameras=()).fill(
        scene, np.random.default_rng(0), obstacles=scene.boxes, cameras=[]
    )
    assert full.labels.tolist() == [0, 0, 0]


def test_points_of_the_scene_inside_an_object_go() -> None:
    box = np.array([10.0, 0, 0, 2, 2, 2, 0.0])
    points = np.array([[9.5, 0, 1, 0.1], [10, 0.9, 0.1, 0.1], [8.5, 0, 1, 0.1]], dtype=np.float32)
    found = fill(stored(box), points=points).points
    assert found[0].tolist() == points[2].tolist()
    assert len(found) == 1 + 10


def test_the_near_lies_over_the_far_in_whatever_order_they_are_drawn() -> None:
    near, far = stored(thin(10, 0.5), "red"), stored(thin(20, 1.5, width_m=2.0), "blue")
    for seed in range(4):
        (image,) = fill(near, far, seed=seed).images
        # 70..80 px and 67..78 px wide
        assert image.getpixel((72, 27)) == (255, 0, 0)
    (image,) = fill(far).images
    assert image.getpixel((72, 27)) == (0, 0, 255)


def test_what_stands_before_a_pasted_object_hides_its_pixels_and_points() -> None:
    before = np.array([[10.0, 0.3, 0, 0.02, 0.4, 0.5, 0.0]])  # 75..79 px, 24..30 px
    far = stored(thin(20, 0.6, height_m=2.0), "blue")  # 74..80 px, 20..30 px
    full = fill(far, obstacles=before)
    (image,) = full.images
    assert image.getpixel((77, 28)) == (0, 0, 0)
    assert image.getpixel((77, 22)) == (0, 0, 255)
    heights = full.points[1:, 2]
    assert heights.tolist() == pytest.approx([1.3, 1.5, 1.7, 1.9])


def test_an_object_that_would_hide_too_much_stays_away() -> None:
    person = np.array([thin(20, 0.0)])  # 77..83 px, of which the one before it covers half
    half = stored(thin(10, -0.5, width_m=1.0, height_m=2.0))  # 80..90 px
    assert len(fill(half, obstacles=person, spec=replace(ALWAYS, max_cover=0.6)).boxes) == 1
    assert len(fill(half, obstacles=person, spec=replace(ALWAYS, max_cover=0.4)).boxes) == 0
    assert len(fill(half, obstacles=person, spec=replace(ALWAYS, paste_images=False, max_cover=0)).boxes) == 1


def test_parts_hidden_by_several_add_up() -> None:
    outlines = Outlines.of(np.array([thin(20, 0, width_m=2), thin(10, 0.5), thin(10, -0.5)]), [CAMERA])
    hidden = outlines.hidden_parts()
    assert hidden[0, 0].tolist() == pytest.approx([0, 0.5, 0.5], abs=0.1)
    assert (hidden[0, 1:] == 0).all()


def test_pixels_stay_when_only_points_are_pasted() -> None:
    behind = np.array([[30, 0, 0.1, 0]], dtype=np.float32)
    full = fill(stored(thin(10, 0)), spec=replace(ALWAYS, paste_images=False), points=behind)
    assert full.images[0].getpixel((80, 25)) == (0, 0, 0)
    assert len(full.points) == 11  # and what a camera alone could not see stays too


@pytest.mark.parametrize(
    ("changes", "spec"),
    [
        ({"points": np.zeros((4, 4), np.float32)}, ALWAYS),
        ({"difficulty": 2}, ALWAYS),
        ({"patches": {}}, ALWAYS),
        ({}, replace(ALWAYS, probability=0.0)),
    ],
)
def test_objects_that_are_not_wanted_are_left_out(changes: dict[str, Any], spec: ObjectSamplingSpec) -> None:
    assert len(fill(stored(thin(10, 0), **changes), spec=spec).boxes) == 0


def test_probability_is_that_of_a_frame() -> None:
    often = [
        fill(stored(thin(10, 0)), spec=replace(ALWAYS, probability=0.3), seed=seed) for seed in range(200)
    ]
    assert np.mean([len(scene.boxes) for scene in often]) == pytest.approx(0.3, abs=0.1)
