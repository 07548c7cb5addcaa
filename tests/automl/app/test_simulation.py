"""A planned study played on a cluster that is not there."""

from pathlib import Path

import pytest
from fake_skill import write_fake_skill

from automl.app.simulation import SimulationRequest, simulate_plan
from automl.errors import UsageError
from automl.request import RunRequest
from automl.simulation import ClusterShape


def played(tmp_path: Path, algorithm: str, *compared: str, nodes: int = 1) -> dict[str, int]:
    """Trials that each algorithm began, in the order of the table."""
    request = RunRequest(
        skill_dir=write_fake_skill(tmp_path / "skill"), results_dir=tmp_path / "results", trials=12,
        max_epochs=9, overrides=("dataset.test_file=none",), algorithm=algorithm, gpus_per_trial=1.0,
    )  # fmt: skip
    wanted = SimulationRequest(ClusterShape(nodes, 8), compared, epoch_s=60.0, startup_s=10.0)
    return {name: study.trials for name, study in simulate_plan(request, wanted)}


def test_the_planned_algorithm_is_played_before_those_it_is_compared_with(tmp_path: Path) -> None:
    assert list(played(tmp_path, "random", "hyperband", "random").items()) == [
        ("random", 12),
        ("hyperband", 12),
    ]


@pytest.mark.parametrize(("nodes", "name"), [(1, "auto"), (8, "asha")])
def test_auto_is_what_it_would_be_on_that_cluster(tmp_path: Path, nodes: int, name: str) -> None:
    assert list(played(tmp_path, "auto", nodes=nodes)) == [name]


def test_an_unknown_algorithm_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no algorithm 'ahsa'"):
        played(tmp_path, "random", "ahsa")
