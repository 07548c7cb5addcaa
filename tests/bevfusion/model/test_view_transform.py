from typing import Any

import numpy as np
import pytest
import torch

from bevfusion.errors import SpecError
from bevfusion.model.registry import MODELS
from bevfusion.model.view_transform import CameraRig, depth_image
from tests.bevfusion.model.golden_model import arrays, batch, build

pytestmark = pytest.mark.torch

# LiDAR x forward, y left, z up; camera x right, y down, z forward; 10 px focal length, centre at (8, 4)
LIDAR2CAM = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float64)
CAM2IMG = np.array([[10, 0, 8, 0], [0, 10, 4, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float64)


def meta(**changes: Any) -> dict[str, Any]:
    camera = {
        "lidar2img": (CAM2IMG @ LIDAR2CAM)[None],
        "cam2img": CAM2IMG[None],
        "cam2lidar": np.linalg.inv(LIDAR2CAM)[None],
    }
    return camera | changes


def rig(**changes: Any) -> CameraRig:
    return CameraRig.from_metas([meta(**changes)])


def lss(**changes: Any) -> torch.nn.Module:
    settings: dict[str, Any] = {
        "type": "LSSTransform",
        "in_channels": 3,
        "out_channels": 2,
        "image_size": [9, 17],
        "feature_size": [9, 17],
        "xbound": [0, 8, 1],
        "ybound": [-4, 4, 1],
        "zbound": [-10, 10, 20],
        "dbound": [1, 8, 1],
    }
    return MODELS.build(settings | changes)


def test_depth_image_holds_the_nearest_point_of_a_pixel_whatever_the_order() -> None:
    points = torch.tensor([[4.0, 0, 0], [2.0, 0, 0], [6.0, 0, 0], [5.0, 0.5, 0]])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        image = depth_image([points[order]], rig(), (9, 17))
        assert image[0, 0, 0, 4, 8] == 2.0
        assert image[0, 0, 0, 4, 7] == 5.0
        assert image.count_nonzero() == 2


def test_points_behind_the_camera_leave_no_depth() -> None:
    image = depth_image([torch.tensor([[-3.0, 0, 0], [0.0, 0, 0], [-1e-9, 1e-7, 0]])], rig(), (9, 17))
    assert image.count_nonzero() == 0


def test_depth_image_undoes_the_augmentation_of_the_cloud_and_follows_that_of_the_image() -> None:
    turn = np.array([[0, -2, 0, 1], [2, 0, 0, 0], [0, 0, 2, 0.5], [0, 0, 0, 1]])
    flip = np.array([[-1, 0, 0, 16], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float64)
    cloud = torch.from_numpy(np.array([[5.0, 0.5, 0.0, 1.0]]) @ turn.T).float()
    image = depth_image([cloud], rig(lidar_aug_matrix=turn, img_aug_matrix=flip[None]), (9, 17))
    assert image[0, 0, 0, 4].nonzero().tolist() == [[9]]
    assert image[0, 0, 0, 4, 9].item() == pytest.approx(5.0, abs=1e-5)


def test_frustum_projects_back_onto_its_own_pixels_and_depths() -> None:
    data, model = batch("tiny_lidar_cam"), build("tiny_lidar_cam")
    cameras = CameraRig.from_metas([sample.metainfo for sample in data.samples])
    points = model.view_transform.frustum_in_lidar(cameras).double().flatten(2, 4)
    raw = torch.linalg.inv(cameras.lidar_aug)[:, None]
    to_img = torch.linalg.inv(cameras.img2lidar) @ raw
    homogeneous = torch.cat([points, torch.ones_like(points[..., :1])], dim=-1)
    pixels = homogeneous @ to_img.transpose(2, 3)
    depth = pixels[..., 2]
    flat = torch.stack([pixels[..., 0] / depth, pixels[..., 1] / depth, torch.zeros_like(depth)], dim=-1)
    flat = torch.cat([flat, torch.ones_like(flat[..., :1])], dim=-1) @ cameras.img_aug.transpose(2, 3)
    expected = model.view_transform.frustum.double().flatten(0, 2)
    torch.testing.assert_close(flat[..., :2], expected[:, :2].expand(2, 1, -1, 2), atol=2e-3, rtol=0)
    torch.testing.assert_close(depth, expected[:, 2].expand(2, 1, -1), atol=1e-3, rtol=0)


def test_ray_of_a_pixel_ends_in_the_cells_that_geometry_says() -> None:
    cell = lss().cell_of_frustum(rig())
    assert cell.shape == (1, 1, 9, 17, 7)
    straight_ahead = cell[0, 0, 4, 8]  # depths 1..7 at y = 0: x cells 1..7, y cell 4 of 8
    assert straight_ahead.tolist() == [x * 8 + 4 for x in range(1, 8)]
    left = cell[0, 0, 4, 3]  # u = 3: y = depth / 2
    assert left.tolist() == [x * 8 + 4 + x // 2 for x in range(1, 8)]


def test_points_just_outside_the_lower_border_are_dropped() -> None:
    right = lss().cell_of_frustum(rig())[0, 0, 4, 16]  # u = 16: y = -0.8 depth, so -4.8 at depth 6
    assert right[4].item() == 5 * 8
    assert right[5:].tolist() == [-1, -1]


def test_flooring_differs_from_the_reference_only_by_points_below_the_lower_border() -> None:
    transform = build("tiny_lidar_cam").view_transform
    cameras = CameraRig.from_metas([sample.metainfo for sample in batch("tiny_lidar_cam").samples])
    ours = transform.cell_of_frustum(cameras)
    transform.number_cell = torch.trunc
    theirs = transform.cell_of_frustum(cameras)
    scaled = (transform.frustum_in_lidar(cameras) - (transform.bx - transform.dx / 2)) / transform.dx
    below = ((scaled > -1) & (scaled < 0)).any(dim=-1).permute(0, 1, 3, 4, 2)
    assert torch.equal(ours[~below], theirs[~below])
    assert (ours[below] == -1).all()
    assert (theirs[below] >= 0).sum() == 460


def test_camera_map_equals_the_reference_in_cells_that_truncation_does_not_reach() -> None:
    expected = arrays("tiny_lidar_cam", "outputs_eval.npz").get("feat/camera_bev_before_downsample")
    if expected is None:
        pytest.skip("intermediate features are too large to be committed; set BEVFUSION_GOLDEN_DIR")
    model, data = build("tiny_lidar_cam"), batch("tiny_lidar_cam")
    transform = model.view_transform
    seen = []
    transform.downsample.register_forward_pre_hook(lambda _m, args: seen.append(args[0]))
    with torch.no_grad():
        model(data.inputs, data.samples, mode="tensor")
    cameras = CameraRig.from_metas([sample.metainfo for sample in data.samples])
    ours = transform.cell_of_frustum(cameras)
    transform.number_cell = torch.trunc
    theirs = transform.cell_of_frustum(cameras)
    reached = torch.zeros(2 * 64 * 64, dtype=torch.bool)
    reached[theirs[(theirs >= 0) & (ours < 0)]] = True
    untouched = ~reached.view(2, 1, 64, 64).expand(-1, 16, -1, -1).numpy()
    assert 0.94 < untouched.mean() < 1.0
    np.testing.assert_allclose(seen[0].numpy()[untouched], expected[untouched], rtol=1e-4, atol=2e-4)


def test_context_is_conserved_when_every_point_lies_in_the_map() -> None:
    transform = lss(xbound=[-50, 50, 10], ybound=[-50, 50, 10], zbound=[-50, 50, 50])
    features = torch.randn(1, 1, 3, 9, 17)
    lifted = transform.depthnet(features.flatten(0, 1))
    bev = transform(features, [], rig())
    assert bev.shape == (1, 4, 10, 10)
    per_channel = bev.view(1, 2, 2, 10, 10).sum(dim=(0, 1, 3, 4))
    torch.testing.assert_close(per_channel, lifted[:, 7:].sum(dim=(0, 2, 3)), rtol=1e-4, atol=1e-3)


def test_feature_map_of_another_size_names_both_sizes() -> None:
    with pytest.raises(SpecError, match=r"features are 8 × 17, the view transform expects 9 × 17") as caught:
        lss()(torch.zeros(1, 1, 3, 8, 17), [], rig())
    assert caught.value.faults[0].where == "model.view_transform.feature_size"


def test_geometry_stays_that_of_the_spec_when_weights_of_another_are_loaded() -> None:
    ours, theirs = lss(), lss(xbound=[-4, 4, 1], dbound=[2, 9, 1])
    ours.load_state_dict(theirs.state_dict())
    assert ours.bx.tolist() == [0.5, -3.5, 0.0]
    assert ours.frustum[:, 0, 0, 2].tolist() == list(range(1, 8))
    assert torch.equal(ours.depthnet.weight, theirs.depthnet.weight)
