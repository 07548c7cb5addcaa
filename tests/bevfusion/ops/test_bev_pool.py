import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bevfusion.ops.bev_pool import pool_to_cells
from bevfusion.ops.suppression import keep_best

pytestmark = pytest.mark.torch

PIXELS, DEPTHS, CHANNELS, CELLS = 40, 30, 16, 50


class LargestTensor(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor that any operator returned."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, tuple | list) else (out,):
            if isinstance(value, torch.Tensor):
                self.elements = max(self.elements, value.numel())
        return out


@pytest.fixture
def frustum() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    depth = torch.rand(PIXELS, DEPTHS, generator=draw, requires_grad=True)
    context = torch.randn(PIXELS, CHANNELS, generator=draw, requires_grad=True)
    return depth, context, torch.randint(-10, CELLS, (PIXELS, DEPTHS), generator=draw)


def scatter(depth: torch.Tensor, context: torch.Tensor, cell: torch.Tensor) -> torch.Tensor:
    """The same by way of the frustum of depths × channels."""
    lifted = depth[..., None] * context[:, None]
    inside = cell >= 0
    return torch.zeros(CELLS, CHANNELS).index_add(0, cell[inside], lifted[inside])


def test_sums_and_gradients_equal_the_scattered_frustum(frustum) -> None:
    depth, context, cell = frustum
    weight = torch.arange(CELLS * CHANNELS).view(CELLS, CHANNELS).sin()
    found, expected = pool_to_cells(depth, context, cell, num_cells=CELLS), scatter(*frustum)
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(
        torch.autograd.grad((found * weight).sum(), (depth, context)),
        torch.autograd.grad((expected * weight).sum(), (depth, context)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_no_tensor_of_depths_times_channels_is_made(frustum) -> None:
    with LargestTensor() as seen:
        pool_to_cells(*frustum, num_cells=CELLS).sum().backward()
    assert seen.elements == PIXELS * DEPTHS < PIXELS * DEPTHS * CHANNELS


def test_rays_that_leave_the_map_add_nothing(frustum) -> None:
    depth, context, cell = frustum
    outside = torch.full_like(cell, -1)
    assert pool_to_cells(depth, context, outside, num_cells=CELLS).abs().max() == 0


def test_low_precision_factors_are_summed_in_float32() -> None:
    depth, context = torch.ones(1, 4096), torch.full((1, 1), 1.0)
    cell = torch.zeros(1, 4096, dtype=torch.long)
    pooled = pool_to_cells(depth.bfloat16(), context.bfloat16(), cell, num_cells=1)
    assert pooled.dtype == torch.float32
    assert pooled.item() == 4096.0


def test_suppressed_candidates_do_not_suppress_others() -> None:
    suppresses = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=bool)
    assert keep_best(suppresses, [0, 1, 2]) == [0, 2]
