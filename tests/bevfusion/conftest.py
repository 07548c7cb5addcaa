import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bevfusion.actions import dataset_convert
from bevfusion.demo import write_dataset
from bevfusion.spec import ConvertSpec, ExperimentSpec, load_spec

PROFILE = Path(__file__).parents[2] / "references" / "profile_tiny.yaml"


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted data set of 20 street scenes: 12 to train on, 3 to validate, 5 to test."""
    root = tmp_path_factory.mktemp("street") / "data"
    write_dataset(root, frames=20, seed=3, workers=1, progress=False)
    dataset_convert.run(ConvertSpec(root_dir=str(root), results_dir=str(root)))
    return root


def tiny_spec(street: Path, results_dir: Path, *overrides: str) -> ExperimentSpec:
    """The tiny profile on the street scenes, as `bevfusion train` would read it."""
    layers = yaml.safe_load(PROFILE.read_text())
    layers["results_dir"] = str(results_dir)
    layers["dataset"]["root_dir"] = str(street)
    for part in ("train", "val", "test"):
        layers["dataset"][f"{part}_dataset"] |= {
            "ann_file": str(street / f"kitti_person_infos_{part}.pkl"),
            "num_workers": 0,
        }
    results_dir.mkdir(parents=True, exist_ok=True)
    (results_dir / "spec.yaml").write_text(yaml.safe_dump(layers))
    return load_spec(results_dir / "spec.yaml", overrides)


@pytest.fixture(autouse=True)
def no_scope_left_behind() -> Iterator[None]:
    """A runner makes mmdet3d's scope the default of its whole process; the next test shall not know."""
    yield
    if registry := sys.modules.get("mmengine.registry"):
        registry.DefaultScope._instance_dict.clear()
