"""How one key of the spec is declared: its default, meaning, bounds and role in tuning, all in one place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from functools import cache
from types import NoneType
from typing import Any, TypedDict, Unpack, get_args, get_type_hints

__all__ = ["Block", "Leaf", "Member", "block", "leaf", "members"]


@dataclass(frozen=True)
class Leaf:
    """What is known of a key beyond its type and default.

    Attributes:
        doc: what the key does, in words and units.
        low: least allowed value, inclusive; of each element where the value is a list.
        high: greatest allowed value, inclusive; likewise.
        choices: the only allowed values, empty when any is.
        automl: True puts the key on the default list of tuned keys, False forbids tuning it, None leaves it
            to whoever names it.
        log: whether equal ratios count as equal distances in a search; None lets the searcher decide.
        math_cond: the condition in the dialect of TAO, e.g. ``> 0.0``.
        length: number of elements of a list, None when free.
        popular: whether a user interface should show the key first.
    """

    doc: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    automl: bool | None = None
    log: bool | None = None
    math_cond: str | None = None
    length: int | None = None
    popular: bool = False


@dataclass(frozen=True)
class Block:
    """What is known of a group of keys: its meaning, and whether anything below it may be tuned."""

    doc: str
    automl: bool | None = None


class _Facts(TypedDict, total=False):
    low: float | None
    high: float | None
    choices: tuple[Any, ...]
    automl: bool | None
    log: bool | None
    math_cond: str | None
    length: int | None
    popular: bool


def leaf(default: Any, doc: str, **facts: Unpack[_Facts]) -> Any:
    """Declare a key of a spec dataclass; the keyword arguments are the attributes of `Leaf`."""
    return field(default=default, metadata={"about": Leaf(doc, **facts)})


def block(kind: type, doc: str, *, automl: bool | None = None, **defaults: Any) -> Any:
    """Declare a nested group of keys.

    Args:
        kind: dataclass of the group.
        doc: what the group configures.
        automl: False keeps the group and all below it out of any search.
        **defaults: values that differ from the defaults of ``kind`` at this place.
    """
    return field(default_factory=lambda: kind(**defaults), metadata={"about": Block(doc, automl)})


@dataclass(frozen=True)
class Member:
    """One key of a spec dataclass, ready to be read, checked or described.

    Attributes:
        name: the key.
        about: its declaration.
        hint: the type of its value, without None.
        is_nullable: whether null is a value.
    """

    name: str
    about: Leaf | Block
    hint: Any
    is_nullable: bool


@cache
def _members(kind: type) -> tuple[Member, ...]:
    hints = get_type_hints(kind)
    return tuple(_member(item, hints[item.name]) for item in fields(kind))


def members(kind: type) -> Iterator[Member]:
    """Keys of a spec dataclass in the order of its declaration."""
    return iter(_members(kind))


def _member(item: Field[Any], hint: Any) -> Member:
    options = get_args(hint)
    is_nullable = NoneType in options
    if is_nullable:
        (hint,) = (option for option in options if option is not NoneType)
    return Member(item.name, item.metadata["about"], hint, is_nullable)
