"""The evaluator proves itself, and the proof can fail."""

from __future__ import annotations

import numpy as np
import pytest

from bevfusion.metrics import evaluator_self_test, overlaps


def test_sound_evaluator_passes() -> None:
    result = evaluator_self_test()
    assert result["passed"] is True
    assert result["perfect"] == 100.0
    assert result["shuffled"] < 1.0
    assert result["octagon_error"] < 1e-12


def test_evaluator_with_a_broken_overlap_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "paired_intersection_bev", lambda a, b: np.zeros(len(a)))
    result = evaluator_self_test()
    assert result["passed"] is False
    assert result["perfect"] == 0.0
