"""What these tests share: a converted data set of eight synthetic frames."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scripts import call


@pytest.fixture(scope="session")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five frames to train on, one to validate, two to test; converted in place."""
    home = tmp_path_factory.mktemp("frames")
    assert call("bevfusion", "demo_data", "--out", "data", "--frames", "8", cwd=home).code == 0
    (home / "convert.yaml").write_text(f"root_dir: {home}/data\nresults_dir: {home}/data\n")
    assert call("bevfusion", "dataset_convert", "-e", "convert.yaml", cwd=home).code == 0
    return home / "data"
