"""Importances on functions whose Sobol indices are known."""

from collections.abc import Callable

import numpy as np
import pytest

from automl.adapters.random_forest import fit_forest
from automl.insight.importances import measure_importances
from automl.space import Condition, Parameter, ParameterKind, SearchSpace
from automl.types import Direction, Metric, Params, Report, Role, TrialId, TrialRecord, TrialState

AP = Metric("AP11", Direction.MAXIMIZE)
SPACE = SearchSpace(
    (
        Parameter("lr", ParameterKind.FLOAT, 1e-4, 1e-1, log=True, default=1e-3),
        Parameter("drop", ParameterKind.FLOAT, 0.0, 1.0, default=0.5),
        Parameter("head", ParameterKind.CATEGORICAL, choices=("a", "b"), default="a"),
        Parameter("depth", ParameterKind.INT, 1, 3, default=1, condition=Condition({"head": ("b",)})),
    )
)


def trials(
    count: int, value: Callable[[Params], float], *, epochs: Callable[[int], int] = lambda _: 9
) -> list[TrialRecord]:
    """Trials that rise linearly to their value at epoch 9, as far as they trained."""
    draws = np.random.default_rng(1)
    made = []
    for number in range(count):
        params: dict[str, float | int | str] = {
            "lr": float(10 ** draws.uniform(-4, -1)),
            "drop": float(draws.random()),
            "head": str(draws.choice(["a", "b"])),
        }
        if params["head"] == "b":
            params["depth"] = int(draws.integers(1, 4))
        last = epochs(number)
        reports = tuple(Report(e, 9, value(params) * e / 9) for e in range(1, last + 1))
        state = TrialState.SUCCEEDED if last == 9 else TrialState.PRUNED
        made.append(
            TrialRecord(TrialId(str(number)), params, state, reports=reports, value=reports[-1].value)
        )
    return made


def importances(records: list[TrialRecord]) -> dict[str, float]:
    found = measure_importances(SPACE, AP, records, max_epochs=9, fit=fit_forest)
    assert found is not None
    return {entry["name"]: entry["importance"] for entry in found["parameters"]}


def level(params: Params) -> float:
    return 3 + np.log10(float(params["lr"])) * 10 + (4.0 if params["head"] == "b" else 0.0)  # type: ignore[arg-type]


def test_indices_are_those_of_the_function() -> None:
    found = importances(trials(150, level))
    variance_lr, variance_head = (10 * 3) ** 2 / 12, 4.0**2 / 4
    assert found["lr"] == pytest.approx(variance_lr / (variance_lr + variance_head), abs=0.06)
    assert found["head"] == pytest.approx(variance_head / (variance_lr + variance_head), abs=0.06)
    assert next(iter(found)) == "lr"
    assert max(found["drop"], found["depth"]) < 0.02


def test_trials_that_were_stopped_early_teach_at_the_epochs_they_had() -> None:
    """Here the best were stopped early: without the epoch, a lower rate would look better."""
    stopped = trials(120, lambda p: 40 + 10 * np.log10(float(p["lr"])), epochs=lambda n: 3 if n % 2 else 9)  # type: ignore[arg-type]
    found = importances(stopped)
    assert found["lr"] > 0.9
    assert max(found["drop"], found["head"], found["depth"]) < 0.05


def test_skill_is_low_where_nothing_can_be_foreseen() -> None:
    noise: dict[object, float] = {}
    draws = np.random.default_rng(3)
    records = trials(60, lambda p: noise.setdefault(p["drop"], 50 + float(draws.normal())))
    found = measure_importances(SPACE, AP, records, max_epochs=9, fit=fit_forest)
    assert found is not None
    assert found["skill"] < 0.2
    good = measure_importances(SPACE, AP, trials(60, level), max_epochs=9, fit=fit_forest)
    assert good is not None
    assert good["skill"] > 0.7


def test_of_thousands_of_trials_a_part_is_learnt_from_which_covers_all_of_the_study() -> None:
    class Flat:
        skill = 0.0

        def predict(self, rows: np.ndarray) -> np.ndarray:
            return rows[:, 1]

    seen: list[np.ndarray] = []

    def fit(rows: np.ndarray, values: np.ndarray, numbers: np.ndarray) -> Flat:
        seen.extend((rows, numbers))
        return Flat()

    known = trials(2500, level, epochs=lambda _: 1)
    found = measure_importances(SPACE, AP, known, max_epochs=9, fit=fit)
    assert found is not None
    assert (found["trials"], len(np.unique(seen[1]))) == (2000, 2000)
    assert seen[0][[0, -1], 1].tolist() == [known[0].params["drop"], known[-1].params["drop"]]


def test_few_trials_failed_ones_and_repeats_do_not_count() -> None:
    records = trials(7, level)
    failed = TrialRecord(TrialId("7"), records[0].params, TrialState.FAILED, value=1.0)
    repeat = TrialRecord(TrialId("8"), records[0].params, TrialState.SUCCEEDED, value=1.0, role=Role.CONFIRM)
    assert (
        measure_importances(SPACE, AP, [*records[:5], failed, repeat], max_epochs=9, fit=fit_forest) is None
    )
    found = measure_importances(SPACE, AP, [*records, failed, repeat], max_epochs=9, fit=fit_forest)
    assert found is not None
    assert (found["trials"], found["measured_epochs"]) == (7, 63)
