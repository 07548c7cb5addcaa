"""The files of an action: schema, template, spec layers and curated spaces, as far as they can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from automl.errors import AutomlError, SchemaError, UsageError
from automl.request import RunRequest
from automl.schema.documents import read_yaml_mapping
from automl.schema.leaves import ActionSchema
from automl.schema.loader import load_schema, schema_of_template
from automl.schema.space import build_space
from automl.schema.space_files import SpaceRequest, read_space_file
from automl.schema.space_flags import directives_of_flags
from automl.schema.spec import Layer, layer_of_file, layer_of_overrides
from automl.skills import Skill, SkillAction
from automl.space import SearchSpace
from automl.types import Spec

__all__ = ["ActionFiles", "foreign_blocks", "plan_space", "read_files", "user_layers"]

_DEFAULT_SPACE = "default"
# Schemas of TAO carry the blocks of all actions, also of those that the skill does not offer.
_ACTION_BLOCKS = frozenset(
    {"distill", "evaluate", "export", "gen_trt_engine", "inference", "prune", "quantize", "retrain"}
)


@dataclass(frozen=True)
class ActionFiles:
    """Schema and template of an action, as far as they can be read.

    Attributes:
        schema: the action's own; where it cannot be read, one that knows the template's keys alone.
        template: default spec.
        errors: what is wrong, one error a file.
        is_free: whether nothing is known at all, so that any spec is taken as it is.
    """

    schema: ActionSchema
    template: Mapping[str, Any]
    errors: tuple[AutomlError, ...]
    is_free: bool = False


def read_files(skill: Skill, action: SkillAction) -> ActionFiles:
    """Schema and template of an action; what cannot be read is told in ``errors``, for the policy to judge.

    Without a schema the template's keys are the known ones; without a template the schema's defaults are.
    """
    errors: list[AutomlError] = []
    schema: ActionSchema | None = None
    template: Mapping[str, Any] | None = None
    try:
        schema = load_schema(skill.schema_path(action.name))
    except SchemaError as error:
        errors.append(error)
    path = skill.template_path(action.name)
    try:
        template = read_yaml_mapping(path, SchemaError)
    except SchemaError as error:
        errors.append(error)
    known = template if template is not None else schema.default if schema else {}
    is_free = not known and schema is None
    return ActionFiles(schema or schema_of_template(path, known), known, tuple(errors), is_free)


def user_layers(skill: Skill, request: RunRequest) -> list[Layer]:
    """Profile, spec file and ``--set``, in the order in which they count.

    Raises:
        SpecError: a file cannot be read.
        UsageError: there is no such profile, or a pair is not ``key=value``.
    """
    layers = [layer_of_file(skill.profile_path(request.profile))] if request.profile else []
    if request.spec:
        layers.append(layer_of_file(request.spec))
    return [*layers, layer_of_overrides(request.overrides)]


def foreign_blocks(skill: Skill, action: SkillAction) -> frozenset[str]:
    """Top-level keys of a spec that belong to other actions."""
    return (_ACTION_BLOCKS | set(skill.actions)) - {action.name}


def plan_space(
    request: RunRequest, skill: Skill, action: SkillAction, *, schema: ActionSchema, spec: Spec
) -> SearchSpace:
    """The closed search space of an action: the schema's list, the curated file, the flags.

    Raises:
        SpaceError: all that is wrong with them.
        UsageError: there is no such curated space.
    """
    curated, keys = _curated_space(skill, request.space), action.keys.present_in(spec)
    managed = {key: f"the platform ({role.replace('_', ' ')})" for role, key in keys.managed().items()}
    managed |= {source.key: "--data" for source in action.data_sources}
    managed |= dict.fromkeys(action.spec_params, "the job")
    wishes = replace(
        curated,
        directives=curated.directives + directives_of_flags(request.params),
        drops={**_still_dropped(curated, request), **dict.fromkeys(request.drops, "--drop")},
        allow_disabled={
            **curated.allow_disabled,
            **dict.fromkeys(request.allow_disabled, "--allow-disabled"),
        },
        close_around_default=request.open_bounds == "around-default",
        managed=managed,
        foreign=foreign_blocks(skill, action),
    )
    return build_space(schema, spec, wishes)


def _still_dropped(curated: SpaceRequest, request: RunRequest) -> dict[str, str]:
    """What a file drops, without what a flag asks for by name."""
    asked = {text.partition("=")[0].strip() for text in request.params}
    return {name: source for name, source in curated.drops.items() if name not in asked}


def _curated_space(skill: Skill, wanted: str | None) -> SpaceRequest:
    if wanted is None:
        default = skill.root / "search_spaces" / f"{_DEFAULT_SPACE}.yaml"
        return read_space_file(default) if default.is_file() else SpaceRequest()
    path = Path(wanted)
    is_file = path.suffix in (".yaml", ".yml") or len(path.parts) > 1
    if is_file and not path.is_file():
        raise UsageError("there is no such file", where=f"--space:{wanted}", hint="give a file or a name")
    return read_space_file(path.resolve() if is_file else skill.space_path(wanted))
