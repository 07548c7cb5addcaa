import pytest

from automl.errors import UsageError
from automl.ports import Decision, Promotion, Proposal
from automl.search.paced import FullLength, PacedSearch
from automl.search.rungs import SuccessiveHalving
from automl.simulation import ClusterShape, Landscape, TrialTimes, simulate
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import Budget, Direction, Metric, Report, Resources, TrialId, TrialRecord

AP11 = Metric("AP11", Direction.MAXIMIZE)
SPACE = SearchSpace(
    (
        Parameter("lr", ParameterKind.FLOAT, 1e-5, 1e-1, log=True, default=1e-3, source="test"),
        Parameter("kind", ParameterKind.CATEGORICAL, choices=("a", "b", "c"), default="a", source="test"),
    )
)
TIMES = TrialTimes(startup_s=5.0, epoch_s=10.0)


class GridSearcher:
    """Walks through learning rates."""

    def suggest(self, trial: TrialId) -> Proposal | None:
        return Proposal({"lr": 10 ** (-5 + 4 * (int(trial) * 0.37 % 1)), "kind": "abc"[int(trial) % 3]})

    def adopt(self, record: TrialRecord) -> None: ...
    def observe(self, trial: TrialId, report: Report) -> None: ...
    def tell(self, record: TrialRecord) -> None: ...


def test_full_trainings_one_after_another_take_the_sum_of_their_parts() -> None:
    study = simulate(
        PacedSearch(GridSearcher(), FullLength()), Landscape(SPACE, AP11), TIMES, slots=1, budget=Budget(4, 6)
    )
    assert (study.makespan_s, study.busy_s, study.startup_s) == (4 * 65.0, 4 * 65.0, 20.0)
    assert (study.trials, study.epochs, study.use) == (4, 24, 1.0)


def test_idle_slots_at_the_end_are_seen_in_the_use() -> None:
    study = simulate(
        PacedSearch(GridSearcher(), FullLength()), Landscape(SPACE, AP11), TIMES, slots=2, budget=Budget(3, 6)
    )
    assert (study.makespan_s, study.use) == (2 * 65.0, 0.75)


def test_halving_trains_fewer_epochs_and_keeps_the_best() -> None:
    landscape, budget = Landscape(SPACE, AP11, seed=3), Budget(30, 27)
    full = simulate(PacedSearch(GridSearcher(), FullLength()), landscape, TIMES, slots=4, budget=budget)
    halved = simulate(
        PacedSearch(GridSearcher(), SuccessiveHalving(AP11, 27)), landscape, TIMES, slots=4, budget=budget
    )
    assert halved.epochs < 0.5 * full.epochs == 0.5 * 30 * 27
    assert halved.makespan_s < 0.5 * full.makespan_s
    assert halved.best == pytest.approx(full.best, rel=0.05)


def test_promoted_trial_pays_its_start_again() -> None:
    class PauseOnce:
        paused: TrialId | None = None

        def propose(self, trial: TrialId, *, is_full: bool) -> Proposal | Promotion | None:
            if self.paused is not None:
                return Promotion(self.paused)
            return None if is_full else Proposal({"lr": 1e-3, "kind": "a"})

        def on_suggested(self, record: TrialRecord) -> None: ...
        def on_ended(self, record: TrialRecord) -> None: ...

        def on_report(self, trial: TrialId, report: Report) -> Decision:
            return Decision.PAUSE if report.epoch == 1 else Decision.CONTINUE

        def on_paused(self, record: TrialRecord) -> None:
            self.paused = record.id

        def on_queued(self, record: TrialRecord) -> None:
            self.paused = None

    study = simulate(PauseOnce(), Landscape(SPACE, AP11), TIMES, slots=1, budget=Budget(1, 3))
    assert (study.startup_s, study.makespan_s, study.epochs) == (10.0, 40.0, 3)


def test_every_part_of_a_trial_takes_its_time() -> None:
    parts = TrialTimes(5.0, 10.0, checkpoint_s=100.0, ending_s=3.0, handover_s=2.0, worker_s=1.0)
    strategy = PacedSearch(GridSearcher(), FullLength())
    study = simulate(strategy, Landscape(SPACE, AP11), parts, slots=2, budget=Budget(3, 6))
    assert study.makespan_s == (5 + 60 + 3) + 2 + (5 + 60 + 3)  # the worker of trial 0 takes trial 2
    assert study.busy_s == 3 * 68.0


def test_worker_that_starts_late_leaves_its_trials_to_the_others() -> None:
    parts = TrialTimes(5.0, 10.0, worker_s=1000.0)
    strategy = PacedSearch(GridSearcher(), FullLength())
    study = simulate(strategy, Landscape(SPACE, AP11), parts, slots=2, budget=Budget(3, 6))
    assert study.makespan_s == 3 * 65.0


def test_epoch_budget_ends_the_study() -> None:
    strategy = PacedSearch(GridSearcher(), FullLength())
    study = simulate(strategy, Landscape(SPACE, AP11), TIMES, slots=2, budget=Budget(9, 6, epochs=10))
    assert study.epochs == 11  # the epoch that ran beside the last one is there before both are stopped


@pytest.mark.parametrize(
    ("resources", "slots"),
    [(Resources(1.0), 32), (Resources(2.0), 16), (Resources(8.0, 2), 2), (Resources(0.5), 64)],
)
def test_slots_follow_from_the_shape_of_a_trial(resources: Resources, slots: int) -> None:
    assert ClusterShape(nodes=4, gpus_per_node=8).slots(resources) == slots


def test_trial_that_fits_nowhere_is_refused_with_both_shapes() -> None:
    with pytest.raises(UsageError, match=r"asks for 1 nodes of 9 GPUs, the cluster has 4 of 8"):
        ClusterShape(nodes=4, gpus_per_node=8).slots(Resources(9.0))
