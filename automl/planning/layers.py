"""Puts the spec of an action together: template, parent, user, data, and what the platform sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from automl.errors import UsageError
from automl.planning.data_sources import DATA
from automl.planning.inputs import ActionFiles, user_layers
from automl.planning.parents import Parent, inherited_layer
from automl.request import RunRequest
from automl.schema.paths import get_path
from automl.schema.spec import OVERRIDES, Layer, LayeredSpec, apply_params, merge_layers, resolve_spec
from automl.skills import Skill, SkillAction
from automl.types import Spec

__all__ = ["SpecLayers", "parent_warnings", "without_secrets"]


@dataclass(frozen=True)
class SpecLayers:
    """The layers of one spec, from weak to strong.

    Attributes:
        request: flags, and the user's own layers.
        skill: names the profile's file.
        action: whose spec it is.
        files: its schema and template.
        is_study: whether trials are compared, which takes a validation and a checkpoint each epoch.
    """

    request: RunRequest
    skill: Skill
    action: SkillAction
    files: ActionFiles
    is_study: bool

    def resolve(self, sources: Mapping[str, str], parent: Parent) -> LayeredSpec:
        """The spec with the origin of each value; ``--set`` has the last word on data, too.

        Args:
            sources: spec key to the file or URI of ``--data``.
            parent: the job whose model and spec are taken over.

        Raises:
            SpecError: a layer cannot be read, or the schema refuses values; all faults at once.
            UsageError: the action has no template, and no spec was given.
        """
        layers = [*self._inherited(parent), *user_layers(self.skill, self.request)]
        if self.files.is_free:
            if not self.request.spec and not parent.spec:
                hint = f"give the whole spec with --spec FILE, or generate {self.files.schema.path}"
                raise UsageError(f"{self.action.name} has no spec template", where="--spec", hint=hint)
            return merge_layers(layers)
        template, schema = self.files.template, self.files.schema
        said = resolve_spec(template, schema, layers)
        filled = [
            Layer(flag, {key: value for key, value in values.items() if said.origin.get(key) != OVERRIDES})
            for flag, values in ((DATA, sources), ("--parent-job-id", parent.values))
        ]
        return resolve_spec(template, schema, [*layers, *filled, self._platform_layer(said)])

    def _inherited(self, parent: Parent) -> list[Layer]:
        return [inherited_layer(self.action, self.files.template, parent.spec)] if parent.spec else []

    def _platform_layer(self, said: LayeredSpec) -> Layer:
        """Epochs and shape from flags; a study validates and saves every epoch unless told otherwise."""
        request, keys = self.request, self.action.keys.present_in(said.values)
        wanted: dict[str | None, Any] = {keys.epochs: request.max_epochs, keys.nodes: request.nodes_per_trial}
        if request.gpus_per_trial and request.gpus_per_trial >= 1:
            wanted[keys.gpus] = int(request.gpus_per_trial)
        values = {key: value for key, value in wanted.items() if key and value is not None}
        if self.is_study:
            intervals = (keys.validation_interval, keys.checkpoint_interval)
            values |= {key: 1 for key in intervals if key and not self._is_users_wish(said, key)}
        return Layer("flags", values)

    def _is_users_wish(self, said: LayeredSpec, key: str) -> bool:
        """Whether a flag or the user's own file changed a value; a copy of the template changes nothing."""
        source = said.origin.get(key)
        is_changed = get_path(said.values, key) != get_path(self.files.template, key)
        return source == OVERRIDES or (source == str(self.request.spec) and is_changed)


def parent_warnings(request: RunRequest, parent: Parent) -> list[str]:
    """Where a parent's model comes without the spec that built it."""
    if parent.spec or not request.parent_job_id:
        return []
    return [
        f"{request.parent_job_id} has no spec beside its model: "
        "the model is built as the template and your spec say"
    ]


def without_secrets(skill: Skill, action: SkillAction, spec: Spec) -> tuple[Spec, list[str]]:
    """The spec as it may lie on disk, and where the trainer finds each secret that was taken out."""
    warnings = []
    for key in action.keys_filled_by("key"):
        if get_path(spec, key):
            variable = skill.key_variable
            place = f"the environment variable {variable}" if variable else "the trainer's environment"
            warnings.append(f"{key} is not written into specs: give it in {place}")
            spec = apply_params(spec, {key: ""})
    return spec, warnings
