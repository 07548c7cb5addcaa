"""Parents before the parameters that exist only with them; conditions on fixed values are decided here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from automl.errors import Fault
from automl.schema.drafts import freeze
from automl.schema.leaves import Leaf
from automl.schema.names import suggest
from automl.schema.paths import get_path
from automl.space import Condition, Parameter
from automl.types import ParamValue, Spec

__all__ = ["Ordering"]


class Ordering:
    """Puts parameters in order and collects what is wrong with their conditions.

    Args:
        leaves: all leaves, those made up to feed ties included.
        spec: values of what is not searched.
        owner: name of a dimension to that of its leaf.
        where: name of a leaf to ``file:key``.

    Attributes:
        placed: parents before children.
        reasons: leaves whose condition the spec rules out, and why.
        faults: conditions without sense.
    """

    def __init__(
        self,
        leaves: Mapping[str, Leaf],
        spec: Spec,
        *,
        owner: Callable[[str], str],
        where: Callable[[str], str],
    ) -> None:
        self._leaves, self._spec, self._owner, self._where = leaves, spec, owner, where
        self.placed: list[Parameter] = []
        self.reasons: dict[str, str] = {}
        self.faults: list[Fault] = []

    def place(self, parameters: Sequence[Parameter]) -> None:
        """Order all parameters."""
        waiting = {p.name: p for p in parameters}
        while waiting:
            ready = [
                p for p in waiting.values() if not p.condition or waiting.keys().isdisjoint(p.condition.needs)
            ]
            if not ready:
                where = f"{self._where(self._owner(next(iter(waiting))))}.when"
                self.faults.append(Fault(f"conditions lead in a circle: {', '.join(waiting)}", where))
                return
            for parameter in ready:
                del waiting[parameter.name]
                self._decide(parameter)

    def _decide(self, parameter: Parameter) -> None:
        """Keep what a condition asks of searched parents; what it asks of fixed ones is decided here."""
        owner, needs = self._owner(parameter.name), {}
        for name, values in parameter.condition.needs.items() if parameter.condition else ():
            where = f"{self._where(owner)}.when"
            parent = next((p for p in self.placed if p.name == name), None)
            if parent is not None:
                self._check_values(parent, values, where)
                needs[name] = values
            elif name not in self._leaves:
                hint = suggest(name, self._leaves)
                self.faults.append(Fault(f"{name} is not a parameter of the schema", where, hint))
            elif (value := freeze(get_path(self._spec, name))) not in values:
                wanted = " or ".join(map(str, values))
                self.reasons[owner] = f"only with {name} = {wanted}, which is {value}"
                return
        self.placed.append(replace(parameter, condition=Condition(needs) if needs else None))

    def _check_values(self, parent: Parameter, values: Sequence[ParamValue], where: str) -> None:
        strange = [value for value in values if not parent.contains(value)]
        if strange:
            choices = ", ".join(map(str, parent.choices))
            hint = (
                f"its choices are {choices}" if choices else f"its range is {parent.low:g} to {parent.high:g}"
            )
            self.faults.append(Fault(f"{parent.name} never is {strange[0]!r}", where, hint))
