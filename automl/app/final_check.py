"""The check of finished models on frames that tuning never read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automl.app.recipe import make_recipe, put_values
from automl.errors import SpecError
from automl.planning import Plan
from automl.ports import FinalCheck
from automl.schema.documents import read_yaml_mapping
from automl.schema.paths import get_path
from automl.study.store import StudyFolder
from automl.trials.evaluation import TestPartCheck
from automl.trials.folder import TrialFolder
from automl.types import Role, Spec, TrialRecord

__all__ = ["make_final_check"]

_EVALUATE = "evaluate"


def make_final_check(plan: Plan, folder: StudyFolder) -> FinalCheck | None:
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
        own = {
            evaluate.keys.results_dir: str(out.root),
            evaluate.keys.present_in(spec).diagnosis: record.role is Role.SEARCH,
        }
        return put_values(spec, {**own, **dict.fromkeys(model_keys, str(checkpoint))})

    return TestPartCheck(
        root=folder.final_check,
        make_spec=make_spec,
        recipe=make_recipe(plan, evaluate),
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
