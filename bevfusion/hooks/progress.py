"""After each epoch: keep a checkpoint, then announce it; nothing is announced that is not on disk."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from bevfusion import checkpoints
from bevfusion.status import Phase, Stage, StatusWriter

__all__ = ["ProgressHook"]


class ProgressHook(Hook):
    """Writes ``checkpoints/epoch_<n>.pth`` and one status line per epoch, from rank 0.

    Args:
        results_dir: the trial folder.
        checkpoint_interval: epochs between two checkpoints; the last epoch always has one.
        spec_text: the resolved spec as YAML; travels inside the checkpoint.
        classes: class names in label order; travel inside the checkpoint.
    """

    priority = "LOW"

    def __init__(
        self, results_dir: Path, *, checkpoint_interval: int, spec_text: str, classes: tuple[str, ...]
    ) -> None:
        self._results_dir = results_dir
        self._interval = checkpoint_interval
        self._meta = {"spec": spec_text, "classes": list(classes)}
        self._status = StatusWriter(results_dir / "status.json") if is_main_process() else None
        self._losses: list[float] = []
        self._is_first_step = False

    def before_train(self, runner: Runner) -> None:
        """Tell that the first step is next."""
        self._enter(Stage.FIRST_STEP)
        self._is_first_step = True

    def before_val_epoch(self, runner: Runner) -> None:
        """Tell that validation begins."""
        self._enter(Stage.EVALUATING)

    def before_train_epoch(self, runner: Runner) -> None:
        """Forget the losses of the epoch before."""
        self._losses.clear()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Remember the step's loss, which the sentinel has made a number, for the epoch's mean."""
        if self._is_first_step:
            self._enter(Stage.TRAINING)
            self._is_first_step = False
        if outputs and "loss" in outputs:
            self._losses.append(float(outputs["loss"]))

    def after_train_epoch(self, runner: Runner) -> None:
        """Finish an epoch that has no validation."""
        epoch = runner.epoch + 1  # the loop counts it as finished only after this hook
        last = epoch == runner.max_epochs
        validated = runner.val_loop is not None and (last or epoch % runner.val_interval == 0)
        if not validated:
            self._finish(runner, epoch, {})

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Finish an epoch with its figures."""
        self._finish(runner, runner.epoch, metrics or {})

    def _finish(self, runner: Runner, epoch: int, metrics: dict[str, float]) -> None:
        if self._status is None:
            return
        message = f"epoch {epoch} of {runner.max_epochs}"
        if epoch % self._interval == 0 or epoch == runner.max_epochs:
            self._enter(Stage.CHECKPOINTING)
            path = checkpoints.checkpoint_path(self._results_dir, epoch)
            checkpoints.save(self._state(runner, epoch), path)
            message += f", kept {path.relative_to(self._results_dir)}"
        kpi = {**metrics, "loss": fmean(self._losses)} if self._losses else dict(metrics)
        self._status.write(Phase.RUNNING, message, epoch=epoch, max_epoch=runner.max_epochs, kpi=kpi)

    def _enter(self, stage: Stage) -> None:
        if self._status is not None:
            self._status.enter(stage)

    def _state(self, runner: Runner, epoch: int) -> dict[str, Any]:
        model = getattr(runner.model, "module", runner.model)
        state = {
            "meta": {
                "epoch": epoch,
                "iter": epoch * len(runner.train_dataloader),
                "seed": runner.seed,
                **self._meta,
            },
            "state_dict": {name: value.cpu() for name, value in model.state_dict().items()},
            "optimizer": runner.optim_wrapper.state_dict(),
            "param_schedulers": [scheduler.state_dict() for scheduler in runner.param_schedulers],
        }
        runner.call_hook("before_save_checkpoint", checkpoint=state)  # puts averaged weights first
        return state
