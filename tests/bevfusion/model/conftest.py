import pytest
import torch

from bevfusion.model import register


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    register()
    torch.manual_seed(0)
