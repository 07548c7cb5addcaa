"""Trainings of seconds, shared by the tests that look at what they leave."""

from pathlib import Path

import pytest

from bevfusion.encryption import KEY_VARIABLE
from tests.bevfusion.conftest import tiny_spec

AUGMENTATIONS = ("rotation_rad", "scale", "flip_probability", "image_resize")
EASY = (
    *(f"dataset.augmentation.{name}=0" for name in AUGMENTATIONS),
    "dataset.augmentation.image_flip=false",
    "dataset.train_dataset.batch_size=2",
    "train.optimizer.lr=3e-3",
    "train.num_epochs=2",
)
"""Twelve frames that look the same each time, to be learned by heart."""

EVERYTHING = (
    "input_modality.use_camera=false",
    "train.num_epochs=2",
    "train.accumulation=2",  # of three steps
    "dataset.augmentation.object_sampling.probability=0.7",
    "dataset.augmentation.object_sampling.off_fraction=0",
    "train.ema_momentum=0.3",
)
"""LiDAR alone with all that makes a training more than steps in a row."""

KEY = "open sesame"


@pytest.fixture(scope="session")
def trained(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of an uninterrupted training of two epochs."""
    from bevfusion.actions import train

    folder = tmp_path_factory.mktemp("trained")
    train.run(tiny_spec(street, folder, *EASY))
    return folder


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """This test knows the key of what is sealed."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)


@pytest.fixture(scope="session")
def sealed(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a training with everything switched on, checkpoints sealed."""
    from bevfusion.actions import train

    folder = tmp_path_factory.mktemp("sealed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, KEY)
        train.run(tiny_spec(street, folder, *EVERYTHING))
    return folder
