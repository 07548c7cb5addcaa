from collections.abc import Callable
from pathlib import Path

import pytest

from bevfusion.spec import ExperimentSpec, load_spec

Load = Callable[..., ExperimentSpec]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a spec from its text, with overrides."""

    def load_text(text: str = "", *overrides: str) -> ExperimentSpec:
        path = tmp_path / "spec.yaml"
        path.write_text(text)
        return load_spec(path, overrides)

    return load_text
