import pytest
import spconv.pytorch as spconv
import torch
from torch.nn import functional

from bevfusion.ops import repair_cpu_spconv

pytestmark = pytest.mark.torch

SHAPE = (24, 20, 12)


@pytest.fixture(autouse=True, params=[1, 2])
def threads(request: pytest.FixtureRequest):
    repair_cpu_spconv()
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def voxels(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    columns = [torch.randint(0, size, (count, 1), generator=draw) for size in (2, *SHAPE)]
    coordinates = torch.unique(torch.cat(columns, dim=1), dim=0).int()
    return torch.randn(len(coordinates), 4, generator=draw), coordinates


def densify(features: torch.Tensor, coordinates: torch.Tensor) -> torch.Tensor:
    dense = torch.zeros(2, *SHAPE, features.shape[1])
    return dense.index_put(coordinates.long().unbind(1), features).permute(0, 4, 1, 2, 3)


@pytest.mark.parametrize(
    ("layer", "stride"),
    [
        (spconv.SubMConv3d(4, 6, 3, bias=False), 1),
        (spconv.SparseConv3d(4, 6, 3, 2, padding=1, bias=False), 2),
    ],
)
def test_values_and_gradients_equal_dense_convolution_on_any_number_of_threads(
    layer: torch.nn.Module, stride: int
) -> None:
    features, coordinates = voxels(4000)
    features.requires_grad_()
    kernel = layer.weight.detach().permute(0, 4, 1, 2, 3).clone().requires_grad_()
    for _ in range(10):
        layer.zero_grad()
        features.grad = None
        sparse = layer(spconv.SparseConvTensor(features, coordinates, list(SHAPE), 2))
        sparse.features.square().sum().backward()
        found = [sparse.features.detach(), layer.weight.grad.permute(0, 4, 1, 2, 3), features.grad.clone()]
        features.grad = kernel.grad = None
        dense = functional.conv3d(densify(features, coordinates), kernel, stride=stride, padding=1)
        sample, x, y, z = sparse.indices.long().unbind(1)
        picked = dense[sample, :, x, y, z]
        picked.square().sum().backward()
        for ours, theirs in zip(found, [picked.detach(), kernel.grad, features.grad], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
