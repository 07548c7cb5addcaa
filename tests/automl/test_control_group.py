from __future__ import annotations

from pathlib import Path

import pytest

from automl.control_group import memory_groups


@pytest.mark.parametrize(
    ("memberships", "expected"),
    [
        ("0::/jobs/a/step\n", ["jobs/a/step", "jobs/a", "jobs", "."]),
        ("0::/\n", ["."]),
        ("9:cpu:/x\n4:memory:/y\n1:name=systemd:/z\n", ["memory/y", "memory"]),
    ],
)
def test_own_group_first_then_those_above(tmp_path: Path, memberships: str, expected: list[str]) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/cgroup").write_text(memberships)
    groups = tmp_path / "groups"
    assert list(memory_groups(tmp_path, groups)) == [groups / part for part in expected]


def test_a_kernel_without_groups_has_none(tmp_path: Path) -> None:
    assert list(memory_groups(tmp_path, tmp_path)) == []
