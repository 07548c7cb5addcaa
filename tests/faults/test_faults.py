"""A sample of `make faults`: one trial at a time, each fault once."""

import math
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.injection import FAULTS
from tests.faults.lanes import run_in_lanes
from tests.faults.rounds import Round, Stage, check_end, plan_rounds, run_round
from tests.faults.setting import set_stage
from tests.faults.study import FaultyStudy


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("faults"), has_ray=False, seeds=1) as stage:
        yield stage


@pytest.mark.parametrize("fault", ["controller killed", "trainer killed", "files torn"])
def test_struck_study_ends_like_an_undisturbed_one(stage: Stage, fault: str) -> None:
    outcome = run_round(stage, Round(3 * len(fault), fault, is_parallel=False, strikes=1))
    assert outcome.problem == ""


def test_tracking_server_that_never_answers_takes_nothing_from_a_study(stage: Stage, tmp_path: Path) -> None:
    study = FaultyStudy(tmp_path, stage.skill, 0)
    study.store_file().parent.mkdir()
    shutil.copyfile(stage.store, study.store_file())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        study.tracking_uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert study.begin().wait(120) == 0
    assert study.folder.read_tracking() is None
    study.tracking_uri = f"sqlite:///{study.store_file()}"
    check_end(study, stage.expected[0])


def test_rounds_are_the_same_for_the_same_seed() -> None:
    rounds = plan_rounds(200, seed=7)
    assert rounds == plan_rounds(200, seed=7) != plan_rounds(200, seed=8)
    assert sum(wanted.is_parallel for wanted in rounds) == 100


@pytest.mark.parametrize("seed", range(3))
def test_every_fault_strikes_in_two_hundred_rounds(seed: int) -> None:
    rounds = plan_rounds(200, seed=seed)
    one_at_a_time = {wanted.fault for wanted in rounds if not wanted.is_parallel}
    assert {wanted.fault for wanted in rounds if wanted.is_parallel} == set(FAULTS)
    assert set(FAULTS) - one_at_a_time == {"ray worker killed", "raylet killed"}


def test_rounds_side_by_side_are_each_played_once(stage: Stage) -> None:
    rounds = [Round(300 + 3 * place, "power cut", is_parallel=False, strikes=1) for place in range(3)]
    outcomes = list(run_in_lanes(stage, rounds, 2, until=math.inf))
    assert sorted((outcome.round.number, outcome.problem) for outcome in outcomes) == [
        (300, ""),
        (303, ""),
        (306, ""),
    ]
    assert list(run_in_lanes(stage, rounds, 2, until=0.0)) == []


def test_table_that_differs_is_a_problem(stage: Stage) -> None:
    study = FaultyStudy(stage.root / "undisturbed-0", stage.skill, 0)
    with pytest.raises(AssertionError, match="the final table is another"):
        check_end(study, [])
