"""What tests of studies share: the fake trainer, prepared folders, and a space with one parameter."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automl.space import Parameter, ParameterKind, SearchSpace
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import Direction, Metric

FAKES = Path(__file__).resolve().parents[1] / "fakes"
sys.path.insert(0, str(FAKES))


@pytest.fixture
def recipe() -> TrainerRecipe:
    """Starts the fake trainer."""
    command = ("python", str(FAKES / "trainer.py"), "-e", "{config_path}")
    return TrainerRecipe(command, FAKES, "AP11", grace_s=2.0)


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., TrialFolder]:
    """Prepares the folder of a trial of the fake trainer; keywords go into ``train``."""

    def make(name: str = "0", **train: Any) -> TrialFolder:
        folder = TrialFolder(tmp_path / "trials" / name)
        values = {"num_epochs": 3, "lr": 1e-3, "best_lr": 1e-3, "seed": 1, **train}
        folder.write_spec({"results_dir": str(folder.root), "train": values})
        return folder

    return make


@pytest.fixture
def metric() -> Metric:
    return Metric("AP11", Direction.MAXIMIZE)


@pytest.fixture
def space() -> SearchSpace:
    return SearchSpace(
        (Parameter("train.lr", ParameterKind.FLOAT, 1e-6, 1e-1, log=True, default=1e-5, source="test"),)
    )
