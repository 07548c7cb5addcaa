import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "dependencies.py"


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dependencies", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_dependency_needs_one_version_within_its_bounds(check: ModuleType) -> None:
    direct = [Requirement(text) for text in ("a>=2", "b[x]>=1,<2", "c")]
    assert list(check.check_direct(direct, {"a": Version("1.0"), "b": Version("1.5")})) == [
        "constraints.txt: a==1.0 is outside >=2",
        "pyproject.toml: c has no version in constraints.txt",
    ]


def test_what_others_bring_with_them_is_pinned_too(check: ModuleType) -> None:
    pins = {"jinja2": Version("0.1")}
    faults = sorted(check.check_closure([Requirement("jinja2")], pins))
    assert faults[0].startswith("jinja2 3.")
    assert faults[0].endswith("is installed, constraints.txt has 0.1")
    assert faults[1].startswith("markupsafe")
    assert "has no version in constraints.txt" in faults[1]


@pytest.mark.parametrize(
    ("licence", "is_refused"),
    [
        ("MIT", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("LGPL-2.1-or-later", False),
        ("GPL-3.0-only", True),
        ("GNU Affero General Public License v3", True),
        ("GNU General Public License v2 (GPLv2)", True),
    ],
)
def test_licences_that_force_their_terms_are_told_from_others(
    check: ModuleType, licence: str, is_refused: bool
) -> None:
    assert bool(check.REFUSED_LICENCE.search(licence)) is is_refused
