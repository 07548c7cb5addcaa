"""Composition root: picks a plan's adapters and runs it as a study, a plain training or a plain action."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from automl.controller import Ports, StudyPlan, run_study
from automl.errors import AutomlError, DataError, EnvironmentUnusableError, ExitCode, SpecError, TrialError
from automl.planning import Plan, make_plan
from automl.ports import FinalCheck, Launch, Scheduler, Strategy, Tracker, TrialFailedError
from automl.provenance import fingerprint_files, installed_versions, source_revision
from automl.request import RunRequest
from automl.schema.documents import read_yaml_mapping
from automl.schema.paths import get_path, with_path
from automl.search.fixed import DefaultOnly
from automl.search.paced import FullLength, PacedSearch
from automl.search.rungs import SuccessiveHalving
from automl.skills import SkillAction
from automl.study.job import read_job, write_job
from automl.study.state import DEFAULT_TRIAL
from automl.study.store import StudyFolder, new_folder
from automl.study.summary import read_summary
from automl.trials.evaluation import TestPartCheck
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import (
    Cause,
    Direction,
    Metric,
    Report,
    Spec,
    StudySheet,
    TrialRecord,
    TrialState,
)

__all__ = ["Outcome", "run"]

_LOG = logging.getLogger(__name__)
_TRAIN, _EVALUATE = "train", "evaluate"
_UNRANKED = Metric("", Direction.MAXIMIZE)
_ERRORS: Mapping[Cause, type[AutomlError]] = {
    Cause.BAD_SPEC: SpecError,
    Cause.BAD_DATA: DataError,
    Cause.OUT_OF_MEMORY: EnvironmentUnusableError,
}


@dataclass(frozen=True)
class Outcome:
    """What ``automl run`` has to tell.

    Attributes:
        document: the summary of a study or training (contract section 12), or that of a plain action.
        exit_code: 4 when a study ended without a score, else 0.
    """

    document: Mapping[str, Any]
    exit_code: ExitCode = ExitCode.DONE


def run(request: RunRequest, watchers: Sequence[Tracker] = ()) -> Outcome:
    """Do what ``automl run`` asks.

    Args:
        request: all flags.
        watchers: trackers beside MLflow, such as lines on the terminal.

    Raises:
        AutomlError: request, data or machine are not usable, and nothing was started; or a plain run failed.
        KeyboardInterrupt: the user ended it; all trials were stopped and recorded.
    """
    plan = make_plan(request)
    for warning in plan.warnings:
        _LOG.warning("%s", warning)
    recipe = _recipe(plan, plan.action)
    if recipe.find_program() is None:
        raise EnvironmentUnusableError(
            f"{recipe.command[0]!r} is not on the path",
            where=str(plan.skill.root / "references" / "skill_info.yaml"),
            hint="install the model's own requirements",
        )
    if plan.action.name == _TRAIN:
        return _train(plan, recipe, watchers)
    return _act(plan, recipe, watchers)


def _train(plan: Plan, recipe: TrainerRecipe, watchers: Sequence[Tracker]) -> Outcome:
    """A study, or a plain training: the same controller with one trial and nothing to search."""
    folder = new_folder(plan.request.results_dir, "study" if plan.is_study else _TRAIN)
    sheet = _sheet(plan, folder)
    asked = {"plan": plan.to_json(), "seed": plan.request.seed, "versions": installed_versions()}
    folder.write_sheet(sheet, asked)
    ports = Ports(
        strategy=_strategy(plan),
        scheduler=_scheduler(plan),
        trackers=(*watchers, _mlflow(plan)),
        final_check=_final_check(plan, folder),
    )
    state = run_study(StudyPlan(sheet, plan.resources, partial(_trial_spec, plan), recipe), ports)
    default = state.records.get(DEFAULT_TRIAL)
    if not plan.is_study and default is not None and default.state is TrialState.FAILED:
        raise _error(default.cause, default.evidence, folder.trial(DEFAULT_TRIAL))
    is_done = state.incumbent is not None or not plan.is_study
    return Outcome(read_summary(folder), ExitCode.DONE if is_done else ExitCode.NO_SUCCESS)


def _act(plan: Plan, recipe: TrainerRecipe, watchers: Sequence[Tracker]) -> Outcome:
    """A plain action that is no training: one process, one run in the tracker."""
    folder = new_folder(plan.request.results_dir, plan.action.name)
    data = plan.request.data
    source = data if data is None or "://" in data else str(Path(data).expanduser().resolve())
    write_job(folder, action=plan.action.name, model=plan.skill.name, data=source)
    trial = TrialFolder(folder.root)
    trial.write_spec(_put(plan.spec, {plan.keys.results_dir: str(trial.root)}))
    trackers, record = (*watchers, _mlflow(plan)), TrialRecord(DEFAULT_TRIAL, {})
    for tracker in trackers:
        tracker.study_started(_sheet(plan, folder))
        tracker.trial_started(record)
    job = recipe(Launch(DEFAULT_TRIAL, trial.root))
    failure: TrialFailedError | None = None
    try:
        while (report := job.next_report()) is not None:
            for tracker in trackers:
                tracker.trial_reported(DEFAULT_TRIAL, report)
    except TrialFailedError as error:
        failure = error
    finally:
        job.stop()
    _close(trackers, replace(record, **_ended(failure)), job.last_kpi, folder)
    if failure is not None:
        raise _error(failure.cause, failure.evidence, trial)
    return Outcome(read_job(folder))


def _ended(failure: TrialFailedError | None) -> dict[str, Any]:
    if failure is None:
        return {"state": TrialState.SUCCEEDED}
    return {"state": TrialState.FAILED, "cause": failure.cause, "evidence": failure.evidence}


def _close(
    trackers: Sequence[Tracker], record: TrialRecord, kpi: Mapping[str, float], folder: StudyFolder
) -> None:
    for tracker in trackers:
        if kpi:
            tracker.trial_reported(record.id, Report(0, 0, None, kpi))
        tracker.trial_ended(record, is_incumbent=False)
        tracker.study_ended({"state": "failed" if record.state is TrialState.FAILED else "finished"}, ())
    _LOG.debug("job=%s %s", folder.id, record.state)


def _error(cause: Cause, evidence: str, trial: TrialFolder) -> AutomlError:
    return _ERRORS.get(cause, TrialError)(evidence, where=str(trial.log), hint=f"spec: {trial.spec}")


def _recipe(plan: Plan, action: SkillAction) -> TrainerRecipe:
    metric = plan.metric.name if plan.metric else ""
    resume = {*action.keys_filled_by("resume_model"), *filter(None, [action.keys.resume])}
    return TrainerRecipe(
        action.command,
        plan.skill.root,
        metric,
        plan.resources.cpus_per_trial,
        resume_keys=tuple(sorted(resume)),
    )


def _sheet(plan: Plan, folder: StudyFolder) -> StudySheet:
    tags = {
        "algorithm": plan.algorithm.name,
        "policy": "on" if plan.policy.automl else "off",
        "action": plan.action.name,
        "dataset_fingerprint": fingerprint_files(Path(path) for path in plan.data_sources.values()),
        **{f"version.{name}": version for name, version in installed_versions().items()},
    }
    if revision := source_revision(plan.skill.root):
        tags["git_revision"] = revision
    return StudySheet(
        study_id=folder.id,
        root=folder.root,
        model=plan.skill.name,
        metric=plan.metric or _UNRANKED,
        budget=plan.budget,
        space=plan.space.to_json(),
        tags=tags,
        is_search=plan.is_study,
    )


def _trial_spec(plan: Plan, record: TrialRecord, folder: TrialFolder) -> Spec:
    """A trial's whole spec.

    ``--seed`` moves the training's own seed, alike for all trials of a study; a repeat moves it further.
    """
    own: dict[Any, Any] = {plan.keys.results_dir: str(folder.root)}
    if plan.keys.seed and isinstance(seed := get_path(plan.spec, plan.keys.seed), int):
        own[plan.keys.seed] = seed + plan.request.seed + record.seed
    return _put(plan.trial_spec(record.params), own)


def _put(spec: Spec, values: Mapping[Any, Any]) -> Spec:
    """The spec with values at dotted places; a place that the model does not have is None."""
    for key, value in values.items():
        if key is not None:
            spec = with_path(spec, key, value)
    return spec


def _strategy(plan: Plan) -> Strategy:
    if not plan.is_study:
        return DefaultOnly()
    from automl.adapters.optuna_search import OptunaSearcher  # noqa: PLC0415 - a plain action needs no Optuna

    metric = plan.metric or _UNRANKED
    searcher = OptunaSearcher(
        plan.space, sampler=plan.algorithm.name, direction=metric.direction, seed=plan.request.seed
    )
    if plan.algorithm.name != "asha":
        return PacedSearch(searcher, FullLength())
    rungs = SuccessiveHalving(metric, plan.budget.max_epochs, spared=frozenset({DEFAULT_TRIAL}))
    return PacedSearch(searcher, rungs)


def _scheduler(plan: Plan) -> Scheduler:
    if plan.is_study:
        from automl.adapters.ray_tune import RayScheduler  # noqa: PLC0415 - a plain action needs no Ray

        return RayScheduler(plan.resources)
    from automl.adapters.sequential import SequentialScheduler  # noqa: PLC0415

    return SequentialScheduler()


def _mlflow(plan: Plan) -> Tracker:
    from automl.adapters.mlflow_sink import MlflowSink, local_tracking_uri  # noqa: PLC0415 - slow to import

    results_dir = plan.request.results_dir
    uri = plan.request.tracking_uri or local_tracking_uri(results_dir)
    artifacts = results_dir / "mlartifacts" if uri.startswith("sqlite:") else None
    return MlflowSink(uri, plan.request.experiment or plan.skill.name, artifacts=artifacts)


def _final_check(plan: Plan, folder: StudyFolder) -> FinalCheck | None:
    """The check on the test part, where the data has one and the model can evaluate."""
    evaluate = plan.skill.actions.get(_EVALUATE)
    if not plan.is_study or evaluate is None or not _has_test_part(plan):
        return None
    template_path = plan.skill.template_path(_EVALUATE)
    template = read_yaml_mapping(template_path, SpecError) if template_path.is_file() else {}

    def make_spec(record: TrialRecord, checkpoint: Path, out: TrialFolder) -> Spec:
        trained = read_yaml_mapping(folder.trial(record.id).spec, SpecError)
        spec = _inherit(template, trained) if template else trained
        model_keys = evaluate.keys_filled_by("parent_model")
        return _put(
            spec, {evaluate.keys.results_dir: str(out.root), **dict.fromkeys(model_keys, str(checkpoint))}
        )

    return TestPartCheck(
        root=folder.final_check,
        make_spec=make_spec,
        recipe=_recipe(plan, evaluate),
        side_by_side=1 if plan.resources.gpus_per_trial else plan.resources.max_concurrent,
        find_checkpoint=lambda record: folder.trial(record.id).find_checkpoint(record.best_epoch),
    )


def _has_test_part(plan: Plan) -> bool:
    """Whether a data source that has a fallback was filled with frames of its own."""
    sources = [source for source in plan.action.data_sources if source.fallback]
    return any(str(get_path(plan.spec, s.key, "")).endswith(s.file) for s in sources)


def _inherit(template: Any, donor: Any) -> Any:
    """The template with every value that the donor has at the same place."""
    if not isinstance(template, Mapping) or not isinstance(donor, Mapping):
        return donor
    return {key: _inherit(value, donor[key]) if key in donor else value for key, value in template.items()}
