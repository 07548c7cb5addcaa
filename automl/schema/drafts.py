"""One parameter on its way from a schema leaf to a closed dimension of the search.

Rules, each of them shown in the parameter's ``source``:

* Scale: as said by a file, a flag or the schema; else logarithmic when ``low > 0`` and ``high / low >= 100``.
* An interval from zero whose default lies at a hundredth of its upper bound or below is searched on a
  logarithmic scale from a hundredth of the default, unless a file or flag said the lower bound.
* Where zero itself is excluded (``> 0``), the interval starts at a hundredth of the default (without one:
  at a thousandth of its upper bound), logarithmic when the default lies at a tenth of that or below.
* ``around-default`` closes an open end at ten times (float) or four times (int) the default, or
  at that part of it; a lower end at zero counts as open there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from automl.schema.leaves import Leaf, LeafType
from automl.space import Condition, Parameter, ParameterKind
from automl.types import ParamValue

__all__ = ["Draft", "freeze"]

_LOG_RATIO = 100.0 * (1 - 1e-9)  # ten times over a tenth is a hundred, rounding or not
_FLOAT_REACH, _INT_REACH = 10.0, 4.0


@dataclass(frozen=True)
class Draft:
    """A dimension under construction: an interval, or choices.

    Attributes:
        leaf: the schema's leaf; of an element of a list, a leaf made for the element.
        low: inclusive; ``-inf`` while open.
        high: inclusive; ``inf`` while open.
        unit: what all values are multiples of.
        base: what all values are powers of.
        excludes_zero: whether ``low`` stands for "anything above zero".
        is_low_said: whether a file or flag gave ``low``.
        notes: what was done to it, for people.
    """

    name: str
    leaf: Leaf
    default: Any
    low: float = -math.inf
    high: float = math.inf
    log: bool | None = None
    step: float | None = None
    unit: float | None = None
    base: float | None = None
    choices: tuple[ParamValue, ...] = ()
    weights: tuple[float, ...] | None = None
    condition: Condition | None = None
    excludes_zero: bool = False
    is_low_said: bool = False
    source: str = "schema"
    notes: tuple[str, ...] = ()

    @property
    def is_int(self) -> bool:
        """Whether only whole numbers count."""
        return self.leaf.type is LeafType.INT

    @property
    def is_open(self) -> bool:
        """Whether an end of the interval is still infinite."""
        return not self.choices and not (math.isfinite(self.low) and math.isfinite(self.high))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to choose from."""
        return not self.choices and self.low > self.high

    def above(self, bound: float, *, strictly: bool) -> Draft:
        """The part above a bound."""
        least = self._next(bound, 1) if strictly else bound
        if least <= self.low:
            return self
        return replace(self, low=least, excludes_zero=strictly and bound == 0 and not self.is_int)

    def below(self, bound: float, *, strictly: bool) -> Draft:
        """The part below a bound."""
        return replace(self, high=min(self.high, self._next(bound, -1) if strictly else bound))

    def _next(self, bound: float, direction: int) -> float:
        if self.is_int:
            return math.floor(bound) + 1 if direction > 0 else math.ceil(bound) - 1
        return math.nextafter(bound, direction * math.inf)

    def with_note(self, note: str) -> Draft:
        """The same with one more thing told."""
        return replace(self, notes=(*self.notes, note))

    def on_grid(self) -> Draft:
        """The same with its ends on multiples of the unit, and its upper end a whole number of steps away."""
        if self.is_open or self.choices:
            return self
        if self.base:
            return self._powers(self.base)
        low, high = self.low, self.high
        if self.unit:
            low = math.ceil(low / self.unit) * self.unit
        if self.step:
            high = low + math.floor((high - low) / self.step + 1e-9) * self.step
        return replace(self, low=low, high=high)

    def _powers(self, base: float) -> Draft:
        if self.high <= 0:
            return replace(self, low=1.0, high=0.0)
        least = self.low if self.low > 0 else min(1.0, self.high)
        exponents = range(math.floor(math.log(least, base)), math.ceil(math.log(self.high, base)) + 1)
        powers = (int(base**e) if self.is_int and e >= 0 else base**e for e in exponents)
        fine = tuple(power for power in powers if least <= power <= self.high)
        return replace(self, choices=fine, low=1.0, high=0.0)

    def closed_around_default(self) -> Draft:
        """The same with open ends closed by the rule; unchanged when the default gives no scale."""
        if not self.is_open or not isinstance(self.default, int | float) or not self.default:
            return self
        reach = _INT_REACH if self.is_int else _FLOAT_REACH
        ends = sorted((self.default / reach, self.default * reach))
        is_at_zero = not self.is_int and not self.is_low_said and (self.low == 0 or self.excludes_zero)
        low = self.low if math.isfinite(self.low) and not is_at_zero else max(ends[0], self.low)
        high = self.high if math.isfinite(self.high) else ends[1]
        if self.is_int:
            low, high = math.ceil(low), math.floor(high)
        if low >= high:
            return self  # a sentinel such as -1 says nothing about size
        return replace(self, low=low, high=high, excludes_zero=False).with_note(
            f"closed around the default {self.default:g}"
        )

    def with_scale(self) -> Draft:
        """The same with its scale decided."""
        if self.choices:
            return replace(self, log=False)
        draft = self._without_zero()
        if draft.log is None:
            is_wide = draft.low > 0 and draft.high / draft.low >= _LOG_RATIO and draft.step is None
            draft = replace(draft, log=is_wide)
        if draft.log and (draft.low <= 0 or draft.step is not None):
            draft = replace(draft, log=False)
        return draft

    def _without_zero(self) -> Draft:
        is_zero_fine = self.is_low_said or self.is_int or self.log is False
        if self.step is not None or not (self.excludes_zero or (self.low == 0 and not is_zero_fine)):
            return self
        if not isinstance(self.default, int | float) or self.default <= 0:
            if not self.excludes_zero:
                return self
            return self._from(self.high / 1000, "a thousandth of its upper bound, as zero is excluded")
        ratio = self.high / self.default
        if not self.excludes_zero and ratio < _LOG_RATIO and not self.log:
            return self
        draft = self._from(min(self.default, self.high) / 100, f"a hundredth of the default {self.default:g}")
        is_log = ratio >= (10 if self.excludes_zero else _LOG_RATIO)
        return draft if draft.log is not None else replace(draft, log=is_log)

    def _from(self, low: float, words: str) -> Draft:
        return replace(self, low=low, excludes_zero=False).with_note(f"from {words}")

    def finished(self) -> Parameter:
        """The closed dimension."""
        note = "; ".join((self.source, *self.notes))
        default = freeze(self.default)
        if self.choices:
            is_bool = set(self.choices) == {True, False} and all(isinstance(c, bool) for c in self.choices)
            kind = ParameterKind.BOOL if is_bool else ParameterKind.CATEGORICAL
            return Parameter(
                self.name,
                kind,
                choices=self.choices,
                weights=self.weights,
                default=default,
                condition=self.condition,
                source=note,
            )
        cast = int if self.is_int else float
        return Parameter(
            self.name,
            ParameterKind.INT if self.is_int else ParameterKind.FLOAT,
            low=cast(self.low),
            high=cast(self.high),
            log=bool(self.log),
            step=self.step,
            default=default,
            condition=self.condition,
            source=note,
        )


def freeze(value: Any) -> ParamValue:
    """A list as a tuple, all else as it is."""
    return tuple(freeze(item) for item in value) if isinstance(value, list | tuple) else value
