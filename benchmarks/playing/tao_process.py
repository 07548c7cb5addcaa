"""Serves NVIDIA's TAO AutoML over pipes, in an environment that has that library and nothing of ours.

Each line of stdin is a message in JSON: a new task, a request for proposals, or a result. Only requests are
answered, by a line.

    {"algorithm", "seed", "epochs", "space": {NAME: {"type", "default", "minimum"?, "maximum"?, "enum"?}}}
    {"ask": true}                  -> {"jobs": [{"job", "origin", "epochs", "params"}, ...]}
    {"tell": JOB, "value": NUMBER or null}

``epochs`` of a job is the epoch it shall end at, ``origin`` the job whose checkpoint it goes on from. A value
of null is a failure. A search that has ended by its own rule begins anew: these know no budget of epochs.
"""

import json
import sys
import tempfile
from typing import Any

from tao_automl import AutoML
from tao_automl.state import state_store
from tao_automl.state.state_store import StateStore

_EPOCHS_KEY = "train.num_epochs"
_NO_END = 10**6


class MemoryStore(StateStore):
    """Keeps in memory what is read after a crash only; writing it all at each result takes long."""

    def save_controller_info(self, *_arguments: Any) -> None:
        """Nobody resumes."""

    def save_brain_info(self, _job: str, state: dict[str, Any]) -> None:
        """One algorithm adds to what its parent class saved."""
        self._brain = state

    def get_brain_info(self, _job: str) -> dict[str, Any] | None:
        """What was saved last."""
        return getattr(self, "_brain", None)


class Search:
    """One search after another of the same kind.

    Args:
        task: the first line of stdin.
        folder: where the library keeps its state.
    """

    def __init__(self, task: dict[str, Any], folder: str) -> None:
        self._task, self._folder = task, folder
        self._begun = self._jobs = 0
        self._ids: dict[str, int] = {}
        self._begin()

    def _begin(self) -> None:
        task, number = self._task, self._begun
        self._begun += 1
        self._automl = AutoML(
            workspace=f"{self._folder}/{number}",
            network="benchmark",
            train_specs=_defaults(task),
            settings=_settings(task) | {"session_id": f"{task['seed']}-{number}"},
            automl_hyperparameters=list(task["space"]),
            search_schema=_schema(task),
        )

    def ask(self) -> list[dict[str, Any]]:
        """What is to be trained next; more than one where the algorithm waits for all of them."""
        found = self._automl.next_recommendation()
        if not found:
            self._begin()
            found = self._automl.next_recommendation()
        return [self._launch(recommendation) for recommendation in found]

    def _launch(self, recommendation: Any) -> dict[str, Any]:
        job = f"{self._begun}-{self._jobs}"
        self._jobs += 1
        recommendation.assign_job_id(job)
        self._ids[job] = recommendation.id
        params = {name: recommendation.specs[name] for name in self._task["space"]}
        epochs = recommendation.specs.get(_EPOCHS_KEY, self._task["epochs"])
        return {
            "job": job,
            "origin": recommendation.resume_from_job_id,
            "epochs": min(epochs, self._task["epochs"]),
            "params": params,
        }

    def tell(self, job: str, value: float | None) -> None:
        """A job has ended."""
        if value is None:
            self._automl.report_result(self._ids[job], 0.0, status="failure")
        else:
            self._automl.report_result(self._ids[job], value)


def _settings(task: dict[str, Any]) -> dict[str, Any]:
    """The library's own defaults, but no end before the budget's and generations that fit the epochs."""
    return {
        "algorithm": task["algorithm"],
        "metric": "AP11",
        "automl_max_epochs": task["epochs"],
        "automl_max_recommendations": _NO_END,
        "automl_min_top_configs": _NO_END,
        "automl_max_concurrent": 1,
        "automl_eval_interval": 3,
        "automl_max_generations": task["epochs"] // 3,
    }


def _defaults(task: dict[str, Any]) -> dict[str, Any]:
    """The spec that is tuned."""
    values = {name: leaf["default"] for name, leaf in task["space"].items()}
    return values | {"train": {"num_epochs": task["epochs"]}}


def _schema(task: dict[str, Any]) -> dict[str, Any]:
    leaves = {name: leaf | {"automl_enabled": True} for name, leaf in task["space"].items()}
    epochs = {"type": "int", "default": task["epochs"], "automl_enabled": False}
    train = {"type": "collection", "automl_enabled": False, "properties": {"num_epochs": epochs}}
    return {"type": "object", "default": _defaults(task), "properties": leaves | {"train": train}}


def main() -> None:
    """Serve until stdin is closed."""
    state_store.StateStore = MemoryStore
    search: Search | None = None
    with tempfile.TemporaryDirectory(prefix="tao-automl-") as folder:
        for number, line in enumerate(sys.stdin):
            message = json.loads(line)
            if "algorithm" in message:
                search = Search(message, f"{folder}/{number}")
            elif "tell" in message:
                assert search is not None
                search.tell(message["tell"], message["value"])
            else:
                assert search is not None
                print(json.dumps({"jobs": search.ask()}), flush=True)


if __name__ == "__main__":
    main()
