"""Parents before the parameters that exist only with them; conditions on fixed values are decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from automl.errors import Fault
from automl.schema.leaves import Leaf
from automl.schema.names import suggest
from automl.schema.paths import get_path
from automl.schema.wishes import Wish
from automl.space import Condition, Parameter
from automl.types import Spec

__all__ = ["Ordering"]


class Ordering:
    """Puts parameters in order and collects what is wrong with their conditions.

    Attributes:
        placed: parents before children.
        reasons: parameters whose condition the spec rules out, and why.
        faults: conditions without sense.
    """

    def __init__(self, leaves: Mapping[str, Leaf], spec: Spec, wishes: Mapping[str, Wish]) -> None:
        self._leaves, self._spec, self._wishes = leaves, spec, wishes
        self.placed: list[Parameter] = []
        self.reasons: dict[str, str] = {}
        self.faults: list[Fault] = []

    def place(self, parameters: Sequence[Parameter]) -> None:
        """Order all parameters."""
        waiting = {p.name: p for p in parameters}
        while waiting:
            ready = [p for p in waiting.values() if p.condition is None or p.condition.parent not in waiting]
            if not ready:
                circle = ", ".join(waiting)
                where = self._wishes[next(iter(waiting)).partition("[")[0]].where
                self.faults.append(Fault(f"conditions lead in a circle: {circle}", f"{where}.when"))
                return
            for parameter in ready:
                del waiting[parameter.name]
                self._decide(parameter)

    def _decide(self, parameter: Parameter) -> None:
        condition = parameter.condition
        if condition is None:
            self.placed.append(parameter)
            return
        where = f"{self._wishes[parameter.name.partition('[')[0]].where}.when"
        parent = next((p for p in self.placed if p.name == condition.parent), None)
        if parent is not None:
            self._check_values(parent, condition, where)
            self.placed.append(parameter)
        elif condition.parent not in self._leaves:
            hint = suggest(condition.parent, self._leaves)
            self.faults.append(Fault("is not a parameter of the schema", where, hint))
        elif (value := get_path(self._spec, condition.parent)) in condition.values:
            self.placed.append(replace(parameter, condition=None))
        else:
            wanted = " or ".join(map(str, condition.values))
            reason = f"only with {condition.parent} = {wanted}, which is {value}"
            self.reasons[parameter.name.partition("[")[0]] = reason

    def _check_values(self, parent: Parameter, condition: Condition, where: str) -> None:
        strange = [value for value in condition.values if not parent.contains(value)]
        if strange:
            choices = ", ".join(map(str, parent.choices))
            hint = (
                f"its choices are {choices}" if choices else f"its range is {parent.low:g} to {parent.high:g}"
            )
            self.faults.append(Fault(f"{parent.name} never is {strange[0]!r}", where, hint))
