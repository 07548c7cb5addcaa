from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bevfusion.ops.voxel import VoxelGrid, voxelize_mean

pytestmark = pytest.mark.torch

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "ops_golden.npz")
GRID = VoxelGrid.from_range([0, -5, -3, 10, 5, 1], [0.5, 0.5, 1], max_points=10)


@pytest.mark.parametrize("case", ["a", "b"])
def test_voxels_equal_the_compiled_operator(case: str) -> None:
    max_points, max_voxels = GOLDEN[f"voxel/{case}_max_points_max_voxels"].tolist()
    cloud = torch.from_numpy(GOLDEN["voxel/points"])
    grid = replace(GRID, max_points=max_points)
    features, coordinates, counts = voxelize_mean([cloud], grid, max_voxels=max_voxels)
    np.testing.assert_array_equal(coordinates[:, 1:].numpy(), GOLDEN[f"voxel/{case}_coords_xyz"])
    np.testing.assert_array_equal(counts.numpy(), GOLDEN[f"voxel/{case}_num"])
    np.testing.assert_allclose(features.numpy(), GOLDEN[f"voxel/{case}_mean"], atol=1e-6)


def test_first_points_of_a_voxel_and_first_voxels_win() -> None:
    rows = [[0.1, 0, 0, 1], [9.1, 0, 0, 5], [0.2, 0, 0, 3], [0.3, 0, 0, 99], [5.1, 0, 0, 7], [9.2, 0, 0, 9]]
    grid = replace(GRID, max_points=2)
    features, coordinates, counts = voxelize_mean([torch.tensor(rows)], grid, max_voxels=2)
    assert coordinates.tolist() == [[0, 0, 10, 3], [0, 18, 10, 3]]
    assert counts.tolist() == [2, 2]
    assert features[:, 3].tolist() == [2.0, 7.0]


def test_points_on_the_lower_faces_count_and_on_the_upper_ones_do_not() -> None:
    corners = torch.tensor(
        [[0.0, -5, -3, 0], [10.0, 0, 0, 0], [0, 5.0, 0, 0], [0, 0, 1.0, 0], [-0.01, 0, 0, 0]]
    )
    _, coordinates, _ = voxelize_mean([corners], GRID, max_voxels=9)
    assert coordinates.tolist() == [[0, 0, 0, 0]]


def test_batch_is_the_clouds_one_after_another_with_limits_of_their_own() -> None:
    clouds = [torch.from_numpy(GOLDEN["voxel/points"][start::3]) for start in range(3)]
    clouds.insert(1, torch.empty(0, 4))
    together = voxelize_mean(clouds, GRID, max_voxels=50)
    for index, cloud in enumerate(clouds):
        alone = voxelize_mean([cloud], GRID, max_voxels=50)
        mine = together[1][:, 0] == index
        torch.testing.assert_close(together[0][mine], alone[0])
        assert torch.equal(together[1][mine][:, 1:], alone[1][:, 1:])


def test_cells_are_counted_by_rounding() -> None:
    grid = VoxelGrid.from_range([0, -19.2, -3, 38.4, 19.2, 1], [0.8, 0.2, 0.1], max_points=1)
    assert grid.shape == (48, 192, 40)
