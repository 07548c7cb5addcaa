"""Checks without a network what is installed and what is asked for: ``python .ci/dependencies.py``.

Every direct dependency has one exact version in ``constraints.txt``, which its own bounds allow; whatever
they bring with them has one too, and is installed in that version; no licence among them forces its terms on
what is built with them.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
REFUSED_LICENCE = re.compile(r"\bA?GPL|Affero|(?<!Lesser )General Public License", re.IGNORECASE)
ACCEPTED = {"plyfile"}  # asked for by mmdet3d, for a format that is not read here
FREE_EXTRAS = {"export"}  # their versions follow the runtime that the export is meant for


def main() -> int:
    """Print what is wrong; 1 when anything is."""
    pins = read_pins(ROOT / "constraints.txt")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    pinned = [extras[name] for name in extras.keys() - FREE_EXTRAS]
    direct = [Requirement(text) for texts in (project["dependencies"], *pinned) for text in texts]
    faults = [*check_direct(direct, pins), *check_closure(direct, pins)]
    for fault in sorted(set(faults)):
        sys.stderr.write(f"{fault}\n")
    return int(bool(faults))


def read_pins(path: Path) -> dict[str, Version]:
    """Names and exact versions of a constraints file."""
    pins: dict[str, Version] = {}
    for line in path.read_text("utf-8").splitlines():
        if text := line.partition("#")[0].strip():
            name, version = text.partition(";")[0].split("==")
            pins[canonicalize_name(name.strip())] = Version(version.strip())
    return pins


def check_direct(direct: list[Requirement], pins: dict[str, Version]) -> Iterator[str]:
    """Each dependency is pinned within its bounds."""
    for wanted in direct:
        pin = pins.get(canonicalize_name(wanted.name))
        if pin is None:
            yield f"pyproject.toml: {wanted.name} has no version in constraints.txt"
        elif not wanted.specifier.contains(pin, prereleases=True):
            yield f"constraints.txt: {wanted.name}=={pin} is outside {wanted.specifier}"


def check_closure(direct: list[Requirement], pins: dict[str, Version]) -> Iterator[str]:
    """What is installed of all that is needed is pinned, in that version, and of an accepted licence."""
    waiting, seen = list(direct), set[str]()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        key = f"{name}[{','.join(sorted(wanted.extras))}]"
        if key in seen or (found := find_installed(name)) is None:
            continue
        seen.add(key)
        if name not in pins:
            yield f"{name} {found.version} is installed and has no version in constraints.txt"
        elif Version(found.version).public != pins[name].public:
            yield f"{name} {found.version} is installed, constraints.txt has {pins[name]}"
        if name not in ACCEPTED and (match := REFUSED_LICENCE.search(describe_licence(found))):
            yield f"{name} has a licence that is not accepted: {match[0]}"
        waiting += needs_of(found, wanted.extras)


def find_installed(name: str) -> Distribution | None:
    """An installed package; extras that nobody asked for are not installed."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def needs_of(found: Distribution, extras: set[str]) -> list[Requirement]:
    """What a package needs on this machine."""
    needs = [Requirement(text) for text in found.requires or ()]
    return [
        need
        for need in needs
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
    ]


def describe_licence(found: Distribution) -> str:
    """What a package says of its licence, its whole text left out."""
    told = found.metadata.get_all("Classifier") or []
    said = found.metadata.get("License-Expression") or found.metadata.get("License") or ""
    return "; ".join([said.partition("\n")[0], *(line for line in told if line.startswith("License"))])


if __name__ == "__main__":
    sys.exit(main())
