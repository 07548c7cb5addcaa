"""What the platform may suggest is a model that the detector can build."""

from pathlib import Path

import pytest

from automl.planning import resolve_space
from automl.planning.inputs import read_files, user_layers
from automl.request import RunRequest
from automl.schema.documents import dump_yaml
from automl.schema.sampling import sample_space
from automl.schema.spec import apply_params, resolve_spec
from automl.schema.ties import spec_params
from automl.skills import load_skill
from bevfusion.spec import load_spec

pytestmark = pytest.mark.contract
SPACES = ("default", "quick", "optimizer", "augmentation", "architecture", "wide")


@pytest.mark.parametrize("profile", [None, "tiny"])
@pytest.mark.parametrize("space_name", SPACES)
def test_every_sample_of_a_curated_space_derives_to_a_model(
    space_name: str, profile: str | None, tmp_path: Path
) -> None:
    skill = load_skill("bevfusion")
    files = read_files(skill, skill.action("train"))
    request = RunRequest(model="bevfusion", space=space_name, profile=profile)
    spec = resolve_spec(files.template, files.schema, user_layers(skill, request)).values
    space, path = resolve_space(request), tmp_path / "spec.yaml"
    for params in sample_space(space, 8, seed=5):
        path.write_text(dump_yaml(apply_params(spec, spec_params(space, params), files.schema)))
        assert load_spec(path).model.grid_size is not None
