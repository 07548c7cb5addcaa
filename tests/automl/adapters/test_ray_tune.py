import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_ports import RecordingDriver

pytestmark = pytest.mark.ray


from automl.adapters.ray_tune import _EpochRelay, _Feed  # noqa: E402
from automl.types import Resources  # noqa: E402


def feed(**resources: object) -> _Feed:
    folders = {str(number): Path(str(number)) for number in range(9)}
    return _Feed(RecordingDriver(folders), Resources(max_concurrent=3, **resources))  # type: ignore[arg-type]


def controller(workers: dict[str, str], waiting: list[str]) -> SimpleNamespace:
    """Tune's, with a worker for each of some trials; those of some still wait for resources."""
    manager = SimpleNamespace(pending_actors=waiting, num_pending_actors=len(waiting))
    return SimpleNamespace(_actor_manager=manager, _trial_to_actor=workers)


def test_free_worker_goes_to_a_trial_that_waits_for_resources_not_to_one_whose_worker_starts() -> None:
    relay = _EpochRelay(feed())
    assert (
        relay.choose_trial_to_run(controller({"first": "starts", "second": "waits"}, ["waits"])) == "second"
    )
    assert relay.choose_trial_to_run(controller({"first": "starts", "third": "starts"}, [])) is None


def test_on_this_machine_all_trials_that_fit_are_asked_for_at_once() -> None:
    own = feed()
    assert [own.suggest(name) is not None for name in "abcd"] == [True, True, True, False]


def test_on_a_cluster_no_trial_is_asked_for_while_another_waits_for_resources() -> None:
    joined = feed(ray_address="auto")
    relay = _EpochRelay(joined)
    assert [joined.suggest(name) is not None for name in "ab"] == [True, False]
    joined.begin_step()
    relay.choose_trial_to_run(controller({"a": "waits"}, ["waits"]))
    assert joined.suggest("b") is None
    relay.choose_trial_to_run(controller({"a": "starts"}, []))
    assert joined.suggest("b") is not None


def test_ray_has_longer_to_start_than_it_gives_itself_on_a_busy_machine() -> None:
    assert float(dict(os.environ)["RAY_raylet_start_wait_time_s"]) > 60
