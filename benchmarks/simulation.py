"""How well a simulated study forecasts a real one: small studies on Ray, then the same ones played.

The parts of a trial are measured on one study with two trials side by side; from them the makespan of three
others is said before (1, 2 and 4 side by side), with start-up and epoch alone for comparison, and after, from
the parts that were measured there. The trainer sleeps and says what the simulated landscape says, so that
both decide alike.

python benchmarks/simulation.py [--trials 10] [--epochs 9] [--epoch-seconds 0.5]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from automl.adapters.ray_tune import RayScheduler
from automl.app.strategy import make_strategy
from automl.controller import Ports, StudyPlan, run_study
from automl.planning.plan import SearchPlan
from automl.planning.sizing import AlgorithmChoice
from automl.simulation import Landscape, TrialTimes, measure_times, simulate
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.study.events import TrialEnded, TrialStarted, read_events
from automl.study.store import StudyFolder, new_folder
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import Budget, Direction, Metric, Resources, Spec, StudySheet, TrialRecord

MODEL = "quick"
METRIC = Metric("AP11", Direction.MAXIMIZE)
LR = Parameter("lr", ParameterKind.FLOAT, 1e-5, 1e-1, log=True, default=1e-3, source="benchmark")
SPACE = SearchSpace((LR,))
TRAINER = """
import json, sys, time
from pathlib import Path
import yaml
spec = yaml.safe_load(Path(sys.argv[1]).read_text())
out, done = Path(spec["results_dir"]), 0
(out / "checkpoints").mkdir(exist_ok=True)
if spec["resume"]:
    done = json.loads(Path(spec["resume"]).read_text())["epoch"]
for epoch, value in list(enumerate(spec["values"], 1))[done:]:
    time.sleep(spec["epoch_s"])
    (out / "checkpoints" / f"epoch_{epoch}.pth").write_text(json.dumps({"epoch": epoch}))
    with (out / "status.json").open("a") as file:
        line = {"status": "RUNNING", "epoch": epoch, "max_epoch": len(spec["values"]), "kpi": {"AP11": value}}
        file.write(json.dumps(line) + "\\n")
"""


def plan_search(budget: Budget, slots: int, seed: int) -> SearchPlan:
    return SearchPlan(SPACE, AlgorithmChoice("asha", "benchmark"), budget, METRIC, seed, slots)


def run_real(root: Path, search: SearchPlan, epoch_s: float) -> float:
    """A study of sleeping trainings on Ray; seconds from the first start to the last end."""
    landscape, budget = Landscape(SPACE, METRIC, search.seed), search.budget
    resources = Resources(max_concurrent=search.concurrent)

    def make_spec(record: TrialRecord, folder: TrialFolder) -> Spec:
        epochs = range(1, budget.max_epochs + 1)
        values = [landscape.report(record.params, epoch, budget.max_epochs).value for epoch in epochs]
        return {"results_dir": str(folder.root), "resume": "", "epoch_s": epoch_s, "values": values}

    (root / "trainer.py").write_text(TRAINER)
    folder = new_folder(root, "study")
    sheet = StudySheet(folder.id, folder.root, MODEL, METRIC, budget, {"parameters": []})
    folder.write_sheet(sheet, {})
    command = ("python", str(root / "trainer.py"), "{config_path}")
    recipe = TrainerRecipe(command, root, "AP11", resume_keys=("resume",))
    plan = StudyPlan(sheet, resources, make_spec, recipe)
    run_study(plan, Ports(make_strategy(search), RayScheduler(resources)))
    return measure_span(folder)


def measure_span(folder: StudyFolder) -> float:
    events = list(read_events(folder.events))
    first = min(at for at, event in events if isinstance(event, TrialStarted))
    return max(at for at, event in events if isinstance(event, TrialEnded)) - first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--epoch-seconds", type=float, default=0.5)
    options = parser.parse_args()
    budget = Budget(options.trials, options.epochs)
    with tempfile.TemporaryDirectory(prefix="automl-simulation-") as root:
        known = Path(root) / "known"
        known.mkdir()
        run_real(known, plan_search(budget, 2, seed=0), options.epoch_seconds)
        times = measure_times(known, MODEL)
        print(f"measured on one study: {times}\n")
        print(f"{'at once':>12} {'real':>8}   forecast / real: {'before':>7} {'two parts':>10} {'after':>7}")
        for slots in (1, 2, 4):
            search = plan_search(budget, slots, seed=slots)
            own = Path(root) / f"{slots} side by side"
            own.mkdir()
            real = run_real(own, search, options.epoch_seconds)
            before, after = forecast(search, times), forecast(search, measure_times(own, MODEL))
            two_parts = forecast(search, TrialTimes(times.startup_s, times.epoch_s))
            print(
                f"{slots:>12} {real:>7.1f}s   {'':16} {before / real:>7.2f} {two_parts / real:>10.2f} "
                f"{after / real:>7.2f}",
                flush=True,
            )


def forecast(search: SearchPlan, times: TrialTimes | None) -> float:
    assert times is not None
    landscape = Landscape(SPACE, METRIC, search.seed)
    strategy, slots = make_strategy(search), search.concurrent
    return simulate(strategy, landscape, times, slots=slots, budget=search.budget).makespan_s


if __name__ == "__main__":
    main()
