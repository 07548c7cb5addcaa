from dataclasses import dataclass
from pathlib import Path

import pytest
from numpy.random import default_rng

from bevfusion.demo import write_dataset
from bevfusion.demo.camera import Picture, photograph
from bevfusion.demo.lidar import Sweep, scan
from bevfusion.demo.scenery import sample_scene
from bevfusion.demo.snapshot import Snapshot, take_snapshot
from bevfusion.demo.world import Scene


@dataclass(frozen=True)
class Moment:
    scene: Scene
    snapshot: Snapshot
    sweep: Sweep
    picture: Picture


@pytest.fixture(scope="session")
def moments() -> list[Moment]:
    """Twelve streets, one frame each, through both sensors."""
    found = []
    for seed in range(12):
        scene = sample_scene(default_rng(seed), 10)
        snapshot = take_snapshot(scene, 4)
        rng = default_rng(seed)
        found.append(Moment(scene, snapshot, scan(snapshot, rng), photograph(snapshot, scene, rng)))
    return found


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty frames, written by this process alone."""
    root = tmp_path_factory.mktemp("demo") / "streets"
    write_dataset(root, frames=30, seed=1, workers=1, progress=False)
    return root
