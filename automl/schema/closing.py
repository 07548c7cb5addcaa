"""From drafts to parameters: finite bounds, on their grids, with their scales and priors."""

from __future__ import annotations

from dataclasses import replace

from automl.errors import Fault
from automl.schema.drafts import Draft, freeze
from automl.schema.selection import Selection
from automl.space import Parameter, Prior

__all__ = ["close_draft"]

_HALF = 0.5


def close_draft(draft: Draft, selection: Selection, *, around_default: bool) -> Parameter | None:
    """The closed dimension; None when there is none, with a reason or a fault in the selection.

    Args:
        draft: parted from what it is related to.
        selection: what was said of its leaf.
        around_default: whether open ends are closed by the documented rule instead of refused.
    """
    key = selection.owner(draft.name)
    closed = draft.closed_around_default() if around_default else draft
    if closed.is_open:
        _leave_open(closed, selection, key, around_default=around_default)
        return None
    final = closed.on_grid().with_scale()
    if final.is_empty or (len(final.choices) < 2 and final.low >= final.high):
        bounds = f"{final.choices}" if final.choices else _bounds(draft)
        hint = f"or leave it out with --drop {key}"
        selection.faults.append(Fault(f"has nothing to choose: {bounds}", selection.where(key), hint))
        return None
    return _with_prior(replace(final.finished(), auxiliary=selection.is_made_up(key)), selection, key)


def _leave_open(draft: Draft, selection: Selection, key: str, *, around_default: bool) -> None:
    """Refused; of the schema's own list ``around-default`` leaves it out."""
    no_scale = f"and the default {draft.default!r} gives no scale"
    message, hint = f"has no finite bounds: {_bounds(draft)}", f"give --param {key}=LOW:HIGH, or --drop {key}"
    if around_default and not selection.is_asked_for(key):
        selection.reasons[key] = f"no finite bounds ({_bounds(draft)}), {no_scale}"
        return
    if around_default:
        message += f", {no_scale} to close them by"
    else:
        hint = f"give --param {key}=LOW:HIGH, --drop {key}, or --open-bounds around-default"
    selection.faults.append(Fault(message, selection.where(key), hint))


def _with_prior(parameter: Parameter, selection: Selection, key: str) -> Parameter:
    said = selection.fields(key).get("prior")
    if said is None:
        return parameter
    prior = Prior(freeze(said["center"]), float(said.get("confidence", _HALF)))
    if not parameter.contains(prior.center):
        allowed = f"{parameter.choices}" if parameter.choices else f"{parameter.low:g} to {parameter.high:g}"
        message = f"the prior's centre {prior.center!r} is no value of the parameter"
        selection.faults.append(Fault(message, f"{selection.where(key)}.prior", f"allowed is {allowed}"))
    return replace(parameter, prior=prior)


def _bounds(draft: Draft) -> str:
    return f"{draft.low:g} to {draft.high:g}"
