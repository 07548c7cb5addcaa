"""What a spec costs, before it is trained."""

import json
from pathlib import Path

import pytest

from tests.bevfusion.conftest import tiny_spec

pytest.importorskip("torch", reason="the detector is not installed")

from bevfusion.build import build_model
from bevfusion.cli.probe import probe

pytestmark = pytest.mark.torch


def test_probe_measures_size_time_and_memory_and_writes_nothing(
    street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tiny_spec(street, tmp_path)
    probe(tmp_path / "spec.yaml", as_json=True)
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["params_m"] == sum(p.numel() for p in build_model(spec).parameters()) / 1e6
    assert 1.0 < found["latency_ms"] < 60_000
    assert 0.2 < found["peak_mem_gb"] < 64
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]
