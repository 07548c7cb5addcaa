"""What is measured: classes, difficulties and thresholds of KITTI's benchmark, and TAO's variant of them.

KITTI: Geiger, Lenz, Urtasun, "Are we ready for autonomous driving?", CVPR 2012, and its development kit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bevfusion.errors import Fault, SpecError

__all__ = [
    "DIFFICULTIES",
    "HEADLINE",
    "STRICTNESS",
    "ClassRule",
    "Difficulty",
    "Measure",
    "Protocol",
    "headline_curve",
    "protocol_named",
]

HEADLINE = "TAO3D/person_3D_AP11_moderate_strict"
STRICTNESS = ("strict", "loose")


def headline_curve(name: str) -> str:
    """Key of the curve that the headline figure of a class is read off."""
    return f"TAO3D/{name}_3D_moderate_strict"


class Measure(StrEnum):
    """Where two boxes must agree."""

    IMAGE = "2D"
    GROUND = "BEV"
    SPACE = "3D"


@dataclass(frozen=True)
class Difficulty:
    """Objects that are smaller, more hidden or more cut off than this are ignored.

    Attributes:
        name: as in the keys.
        min_height_px: height of the 2D box.
        max_occlusion: KITTI's level, 0..3.
        max_truncation: share outside the image, 0..1.
    """

    name: str
    min_height_px: float
    max_occlusion: int
    max_truncation: float


DIFFICULTIES = (
    Difficulty("easy", 40.0, 0, 0.15),
    Difficulty("moderate", 25.0, 1, 0.30),
    Difficulty("hard", 25.0, 2, 0.50),
)


@dataclass(frozen=True)
class ClassRule:
    """How one class is judged.

    Attributes:
        name: as in the keys.
        labels: lower-case names that mean this class in labels and detections.
        neighbours: lower-case names of labels that may be detected as this class without reward or penalty.
        min_overlap: for each strictness the overlap above which two boxes match, per measure.
    """

    name: str
    labels: frozenset[str]
    neighbours: frozenset[str]
    min_overlap: Mapping[str, Mapping[Measure, float]]


@dataclass(frozen=True)
class Protocol:
    """A family of keys.

    Attributes:
        prefix: first part of every key.
        default_classes: judged when the caller names none.
        has_orientation: whether average orientation similarity (AOS) is reported.
        strict: lower-case class name to its strict overlap; a class that is not in it is refused, unless
            there is an entry ``*``.
    """

    prefix: str
    default_classes: tuple[str, ...]
    has_orientation: bool
    strict: Mapping[str, float]

    def rules(self, classes: Sequence[str] | None) -> list[ClassRule]:
        """Look up how the classes are judged.

        Raises:
            SpecError: no class is named, one is named twice, or this protocol does not know one.
        """
        names = list(self.default_classes if classes is None else classes)
        known = ", ".join(self.default_classes)
        faults = [
            Fault(f"class {name!r} is unknown to protocol {self.prefix}", hint=f"known classes: {known}")
            for name in names
            if name.lower() not in self.strict and "*" not in self.strict
        ]
        if not names or len({name.lower() for name in names}) < len(names):
            faults.append(
                Fault(f"classes {names} must name at least one, and each once", hint=f"such as {known}")
            )
        if faults:
            raise SpecError(faults)
        return [_rule(name, self.strict.get(name.lower(), self.strict.get("*", 0.5))) for name in names]


_SYNONYMS = {"person": frozenset({"person", "pedestrian"}), "pedestrian": frozenset({"person", "pedestrian"})}
_NEIGHBOURS = {
    "person": frozenset({"person_sitting"}),
    "pedestrian": frozenset({"person_sitting"}),
    "car": frozenset({"van"}),
}
_PROTOCOLS = {
    "tao3d": Protocol("TAO3D", ("person",), False, {"*": 0.5}),
    "kitti": Protocol(
        "KITTI", ("Car", "Pedestrian", "Cyclist"), True, {"car": 0.7, "pedestrian": 0.5, "cyclist": 0.5}
    ),
}


def protocol_named(name: str) -> Protocol:
    """Pick ``tao3d`` (any class, IoU 0.5; ``person`` is KITTI's Pedestrian) or ``kitti`` (its own classes).

    Raises:
        SpecError: there is no such protocol.
    """
    if name not in _PROTOCOLS:
        raise SpecError(f"protocol {name!r} is unknown", hint=f"one of {', '.join(_PROTOCOLS)}")
    return _PROTOCOLS[name]


def _rule(name: str, strict: float) -> ClassRule:
    """Loose keeps the overlap in the image; elsewhere 0.7 becomes 0.5, and 0.5 becomes 0.25."""
    loose = {0.7: 0.5, 0.5: 0.25}[strict]
    label = name.lower()
    return ClassRule(
        name=name,
        labels=_SYNONYMS.get(label, frozenset({label})),
        neighbours=_NEIGHBOURS.get(label, frozenset()),
        min_overlap={
            "strict": dict.fromkeys(Measure, strict),
            "loose": {Measure.IMAGE: strict, Measure.GROUND: loose, Measure.SPACE: loose},
        },
    )
