"""What is allowed in a search space and still worth telling."""

from __future__ import annotations

import math
from collections.abc import Iterator

from automl.schema.limits import NARROWED
from automl.schema.paths import get_path
from automl.schema.selection import OVERRIDDEN
from automl.schema.ties import tied_values
from automl.space import SearchSpace
from automl.types import Spec

__all__ = ["find_space_warnings"]


def find_space_warnings(space: SearchSpace, spec: Spec) -> Iterator[str]:
    """Defaults outside their range, what the schema disables, what was narrowed, ties that the spec breaks.

    A default of null is none of these: the trainer derives the value.
    """
    for parameter in space:
        is_derived = parameter.default is None
        if not (is_derived or parameter.condition or parameter.contains(parameter.default)):
            yield f"{parameter.name}: the default {parameter.default!r} lies outside its range"
        if OVERRIDDEN in parameter.source:
            yield f"{parameter.name} is searched although the schema disables it"
        if NARROWED in parameter.source:
            yield f"{parameter.name} is {parameter.source[parameter.source.index(NARROWED) :]}"
    for name, value in tied_values(space, space.defaults()).items():
        said = get_path(spec, name)
        if not isinstance(said, int | float) or not math.isclose(float(value), said, rel_tol=1e-6):
            yield f"{name} is tied to {value:g} at the defaults; trial 0 keeps the spec's {said!r}"
