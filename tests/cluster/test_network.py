"""Studies on hosts with links of their own: `automl run` joins them, links go down, hosts come."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automl.study.state import read_state
from automl.study.store import StudyFolder
from automl.types import Cause, Direction, Metric, TrialRecord
from tests.bevfusion.conftest import street  # noqa: F401
from tests.bevfusion.training.test_cluster import REPEATABLE
from tests.cluster.network import PORT, Network, find_obstacle, wait_for
from tests.fakes.fake_skill import write_fake_skill

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]
METRIC = Metric("AP11", Direction.MAXIMIZE)
BIN = Path(sys.executable).parent


@pytest.fixture
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    if obstacle := find_obstacle():
        pytest.skip(obstacle)
    with Network(tmp_path_factory.mktemp("net")).up() as network:
        yield network


class Study:
    """One `automl run` on the head of a network."""

    def __init__(self, network: Network, results: Path, name: str, *options: str) -> None:
        self.folder = StudyFolder(results / name)
        place = ("--ray-address", f"{network.head.address}:{PORT}", "--results-dir", str(results))
        shape = ("--algorithm", "random", "--study-id", name, "--yes", "--json")
        self.process = network.run(str(BIN / "automl"), "run", *place, *shape, *options)

    def epochs(self, trial: str = "0") -> list[int]:
        """All that trainers of a trial ever announced, in order."""
        status = self.folder.trial(trial).status
        lines = [json.loads(line) for line in status.read_text().splitlines()] if status.exists() else []
        return [line["epoch"] for line in lines if "epoch" in line]

    def wait_for_epoch(self, epoch: int) -> None:
        def is_there() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            return max(self.epochs(), default=0) >= epoch

        wait_for(is_there, f"epoch {epoch}", patience_s=600)

    def records(self) -> list[TrialRecord]:
        out, err = self.process.communicate()
        assert self.process.returncode == 0, out + err
        return list(read_state(self.folder.events, METRIC).records.values())


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options of a study of the fake trainer, half a second an epoch."""
    root = tmp_path_factory.mktemp("fake")
    data = root / "data"
    data.mkdir()
    (data / "val.txt").write_text("x")
    skill = write_fake_skill(root / "skill")
    settings = ("--gpus-per-trial", "1", "--set", "train.epoch_s=0.5")
    return ("--skill-dir", str(skill), "--data", str(data), *settings)


def test_trainer_on_a_host_that_is_cut_off_leaves_before_its_trial_goes_on_elsewhere(
    network: Network, fake: tuple[str, ...], tmp_path: Path
) -> None:
    lost = network.add(cpus=1, gpus=1)
    study = Study(network, tmp_path, "cut", *fake, "--trials", "1", "--max-epochs", "120")
    study.wait_for_epoch(3)
    network.add(cpus=1, gpus=1)
    lost.cut_off()
    (record,) = study.records()
    assert (record.state.value, record.failures) == ("succeeded", (Cause.INFRASTRUCTURE,))
    assert study.epochs() == list(range(1, 121))  # two trainers at once would have announced some twice


def test_host_that_comes_gets_the_trial_that_waits(
    network: Network, fake: tuple[str, ...], tmp_path: Path
) -> None:
    network.add(cpus=1, gpus=1)
    few = ("--trials", "2", "--max-concurrent", "2", "--max-epochs", "160")
    study = Study(network, tmp_path, "more", *fake, *few)
    study.wait_for_epoch(2)
    network.add(cpus=1, gpus=1)
    first, second = study.records()
    assert first.state.value == second.state.value == "succeeded"
    assert second.started_at is not None
    assert second.started_at < first.started_at + 0.5 * 160  # beside the first, not after it


def of_detector(street: Path) -> tuple[str, ...]:  # noqa: F811
    """Options of a study of the tiny detector, scored on the frames that it learns by heart."""
    learned = f"dataset.val_dataset.ann_file={street}/kitti_person_infos_train.pkl"
    settings = (*REPEATABLE, learned, "dataset.train_dataset.batch_size=1", "train.seed=7")
    budget = ("--trials", "2", "--max-epochs", "12", "--seed", "1", "--space", "quick")
    flags = [word for pair in settings for word in ("--set", pair)]
    return ("--profile", "tiny", "--data", str(street), *flags, *budget)


@pytest.mark.torch
def test_two_hosts_of_two_processes_train_like_one_of_four_though_one_is_cut_off(
    network: Network,
    street: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    detector = of_detector(street)
    whole = network.add(cpus=1, gpus=4)
    alone = Study(network, tmp_path, "alone", *detector, "--gpus-per-trial", "4").records()
    whole.power_off()
    lost = [network.add(cpus=1, gpus=2) for _ in range(2)][1]
    halves = ("--gpus-per-trial", "2", "--nodes-per-trial", "2")
    study = Study(network, tmp_path, "spread", *detector, *halves)
    study.wait_for_epoch(3)
    lost.cut_off()
    network.add(cpus=1, gpus=2)
    spread = study.records()
    assert [record.failures for record in spread] == [(Cause.INFRASTRUCTURE,), ()]
    assert (alone[1].value or 0) > 1  # else equality would say nothing
    assert scores(spread[1]) == scores(alone[1])
    assert losses(spread[1]) == pytest.approx(losses(alone[1]), rel=1e-5)
    assert losses(spread[0]) == pytest.approx(losses(alone[0]), rel=0.05)  # a restart rounds otherwise


def scores(record: TrialRecord) -> list[dict[str, float]]:
    return [{key: kpi for key, kpi in report.kpi.items() if "AP" in key} for report in record.reports]


def losses(record: TrialRecord) -> list[float]:
    return [report.kpi["loss"] for report in record.reports]
