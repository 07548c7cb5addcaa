"""The detector on two nodes of two processes: the same training as on one node of four."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.ray, pytest.mark.torch, pytest.mark.slow, pytest.mark.timeout(1200)]

import ray  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

from automl.adapters.ray_tune import RayScheduler  # noqa: E402
from automl.controller import Ports, StudyPlan, run_study  # noqa: E402
from automl.study.store import new_folder  # noqa: E402
from automl.trials.folder import TrialFolder  # noqa: E402
from automl.trials.run_trial import TrainerRecipe  # noqa: E402
from automl.types import (  # noqa: E402
    Budget,
    Direction,
    Metric,
    Report,
    Resources,
    Spec,
    StudySheet,
    TrialId,
    TrialRecord,
)
from tests.bevfusion.conftest import street, tiny_spec  # noqa: E402, F401
from tests.bevfusion.training.test_cluster import REPEATABLE  # noqa: E402
from tests.fakes.fake_ports import ListStrategy  # noqa: E402

METRIC = Metric("AP11", Direction.MAXIMIZE)
COMMAND = ("python", "-m", "bevfusion", "train", "-e", "{config_path}")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A node of four logical GPUs and two of two."""
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 4})
    nodes.add_node(num_cpus=1, num_gpus=2)
    ray.init(address=nodes.address, log_to_driver=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def train(street: Path, root: Path, resources: Resources) -> list[Report]:  # noqa: F811
    """One trial of a study; its epochs."""
    learned = f"dataset.val_dataset.ann_file={street}/kitti_person_infos_train.pkl"
    shape = (
        f"train.num_gpus={int(resources.gpus_per_trial)}",
        f"train.num_nodes={resources.nodes_per_trial}",
    )
    settings = ("dataset.train_dataset.batch_size=1", "train.num_epochs=8", "train.seed=7")
    base = root / "base"
    tiny_spec(street, base)

    def make_spec(record: TrialRecord, folder: TrialFolder) -> Spec:
        spec: dict[str, Any] = yaml.safe_load((base / "spec.yaml").read_text())
        for pair in (*REPEATABLE, learned, *shape, *settings):
            key, _, value = pair.partition("=")
            *groups, leaf = key.split(".")
            place = spec
            for group in groups:
                place = place.setdefault(group, {})
            place[leaf] = yaml.safe_load(value) if value != "3e-3" else 3e-3
        return {**spec, "results_dir": str(folder.root)}

    folder = new_folder(root, "study")
    sheet = StudySheet(folder.id, folder.root, "bevfusion", METRIC, Budget(1, 8), {"parameters": []})
    folder.write_sheet(sheet, {})
    recipe = TrainerRecipe(COMMAND, Path(os.curdir).resolve(), "AP11")
    plan = StudyPlan(sheet, resources, make_spec, recipe)
    record = run_study(plan, Ports(ListStrategy([[1.0]]), RayScheduler(resources))).records[TrialId("0")]
    assert record.state.value == "succeeded", record.evidence
    return list(record.reports)


def test_two_nodes_of_two_processes_train_like_one_node_of_four(
    cluster: Cluster,
    street: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    alone = train(street, tmp_path / "alone", Resources(gpus_per_trial=4))
    spread = train(street, tmp_path / "spread", Resources(gpus_per_trial=2, nodes_per_trial=2))
    logs = list((tmp_path / "spread").glob("study-*/trials/0/train.node1.log"))
    assert len(logs) == 1  # else the second node did nothing
    assert alone[-1].kpi["TAO3D/person_BEV_AP11_moderate_loose"] > 10  # else equality would say nothing
    for one, two in zip(alone, spread, strict=True):
        assert two.kpi["loss"] == pytest.approx(one.kpi["loss"], rel=1e-5)
        assert {key: two.kpi[key] for key in two.kpi if "AP" in key} == {
            key: one.kpi[key] for key in one.kpi if "AP" in key
        }
