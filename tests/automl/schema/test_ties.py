import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from skills import leaf, schema_document, toy_properties

from automl.errors import SpaceError
from automl.schema.leaves import ActionSchema
from automl.schema.loader import load_schema
from automl.schema.paths import get_path
from automl.schema.sampling import sample_space
from automl.schema.space import build_space
from automl.schema.space_files import SpaceRequest, read_space_file
from automl.schema.space_flags import directives_of_flags
from automl.schema.space_warnings import find_space_warnings
from automl.schema.spec import apply_params
from automl.schema.ties import spec_params
from automl.space import Prior, SearchSpace

SCALED = """
only: true
parameters:
  base_lr: {auxiliary: true, default: 1e-3, low: 1e-4, high: 1e-2, log: true}
  train.batch: {choices: [2, 4, 8]}
  train.lr: {tie: base_lr * train.batch / 4}
"""


def schema_of(tmp_path: Path, properties: dict[str, Any] | None = None, *searched: str) -> ActionSchema:
    path = tmp_path / "train.schema.json"
    path.write_text(json.dumps(schema_document(properties or toy_properties(), list(searched))))
    return load_schema(path)


def space_of(tmp_path: Path, text: str, schema: ActionSchema | None = None) -> SearchSpace:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    schema = schema or schema_of(tmp_path)
    return build_space(schema, schema.default, read_space_file(path))


def test_a_tied_key_is_computed_and_written_into_the_spec(tmp_path: Path) -> None:
    space, schema = space_of(tmp_path, SCALED), schema_of(tmp_path)
    params = {"base_lr": 2e-3, "train.batch": 8}
    assert [p.name for p in space] == ["base_lr", "train.batch"]
    assert spec_params(space, params) == {"train.batch": 8, "train.lr": 4e-3}
    spec = apply_params(schema.default, spec_params(space, params), schema)
    assert (get_path(spec, "train.lr"), get_path(spec, "train.batch")) == (4e-3, 8)


def test_a_tie_says_its_bounds_and_its_source(tmp_path: Path) -> None:
    space = space_of(tmp_path, SCALED)
    (tie,) = space.ties
    assert (tie.low, tie.high) == (pytest.approx(5e-5), pytest.approx(2e-2))
    (reason,) = [e.reason for e in space.excluded if e.name == "train.lr"]
    assert reason.startswith("computed: base_lr * train.batch / 4 (")


def test_the_default_trial_stays_the_default_spec(tmp_path: Path) -> None:
    text = SCALED.replace("default: 1e-3", "default: 5e-3")
    space, spec = space_of(tmp_path, text), schema_of(tmp_path).default
    assert spec_params(space, space.defaults()) == {"train.batch": 4}
    assert list(find_space_warnings(space, spec)) == [
        "train.lr is tied to 0.005 at the defaults; trial 0 keeps the spec's 0.001"
    ]


def test_whole_numbers_are_rounded_down_to_their_unit(tmp_path: Path) -> None:
    text = "only: true\nparameters: {train.batch: {low: 4, high: 9}, model.width: {tie: train.batch * 10}}"
    space = space_of(tmp_path, text)
    assert spec_params(space, {"train.batch": 7}) == {"train.batch": 7, "model.width": 64}
    assert (space.ties[0].low, space.ties[0].high, space.ties[0].unit) == (40, 88, 8)


def test_ties_keep_the_relations_of_the_schema(tmp_path: Path) -> None:
    text = "parameters: {model.width: {low: 8, high: 400}, model.select: {tie: model.width - 7}}"
    with pytest.raises(SpaceError, match=r"reaches 1 to 393, which may break <= depends_on"):
        space_of(tmp_path, text)
    assert space_of(tmp_path, text.replace("400", "304")).ties[0].high == 297


def test_flags_make_ties_as_files_do(tmp_path: Path) -> None:
    flags = ["base_lr=1e-4:1e-2:log@1e-3", "train.batch=2,4,8", "train.lr=tie: base_lr * train.batch / 4"]
    schema = schema_of(tmp_path)
    said = build_space(schema, schema.default, SpaceRequest(directives=directives_of_flags(flags)))
    written = space_of(tmp_path, SCALED)
    assert spec_params(said, {"base_lr": 2e-3, "train.batch": 8}) == {"train.batch": 8, "train.lr": 4e-3}
    assert said["base_lr"] == replace(written["base_lr"], source="--param; no key of the spec, feeds ties")
    assert said.ties == (replace(written.ties[0], source="--param"),)


def test_flags_that_make_no_tie_are_refused(tmp_path: Path) -> None:
    schema = schema_of(tmp_path)
    flags = directives_of_flags(["train.lr=0.1:0.5@0.2", "train.clip=tie:base * 2"])
    with pytest.raises(
        SpaceError, match=r"--param:train.lr: is a key of the spec, so it cannot be auxiliary"
    ):
        build_space(schema, schema.default, SpaceRequest(directives=flags))
    with pytest.raises(SpaceError) as caught:
        build_space(schema, schema.default, SpaceRequest(directives=flags[1:]))
    assert "--param:train.clip: the tie 'base * 2' speaks of 'base', which is no number" in str(caught.value)
    assert "-> name numbers of the spec, or make one up with --param NAME=LOW:HIGH@START" in str(caught.value)


@pytest.mark.parametrize(
    ("tie", "message"),
    [
        ("train.batch / 4", "reaches 0.5 to 2, allowed is 0 to 1"),
        ("train.batch - 2", "reaches 0 to 6, allowed is 0 to 1"),
        ("(train.batch - 2) / 10", "reaches 0 to 0.6, which may break > 0"),
        (
            "train.batsh / 100",
            "speaks of 'train.batsh', which is no number of the spec; did you mean train.batch",
        ),
        ("model.kind * 2", "speaks of 'model.kind', which is no number of the spec"),
        ("train.batch +", "is no arithmetic over names and numbers"),
        ("train.lr * 2", "speaks of 'train.lr', which is tied itself"),
    ],
)
def test_ties_that_may_leave_the_schemas_bounds_are_refused(tmp_path: Path, tie: str, message: str) -> None:
    text = SCALED.replace("base_lr * train.batch / 4", f'"{tie}"')
    with pytest.raises(SpaceError) as caught:
        space_of(tmp_path, text)
    assert message in str(caught.value)
    assert "mine.yaml:train.lr" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters: {train.lr: {tie: '1', low: 0.1}}", "is tied, so it has no low"),
        ("parameters: {train.lr: {default: 0.1}}", "the default is what the spec says"),
        (
            "parameters: {train.lr: {auxiliary: true, default: 1}}",
            "is a key of the spec, so it cannot be aux",
        ),
        ("parameters: {extra: {auxiliary: true, low: 1, high: 2}}", "is auxiliary and has no default"),
        (
            "parameters: {extra: {auxiliary: true, default: 1, low: 1, high: 2}, train.clip: }",
            "yaml:extra: feeds no tie\n  -> tie a key of the spec to it",
        ),
        ("parameters: {train.lr: {prior: {center: 3}}}", "the prior's centre 3 is no value of the parameter"),
        (
            "parameters: {train.lr: {prior: {confidence: 2}}}",
            "train.lr.prior: {'confidence': 2} does not fit",
        ),
    ],
)
def test_fields_that_contradict_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        space_of(tmp_path, text)
    assert message in str(caught.value)


def test_a_part_of_another_parameter_is_tied_to_it(tmp_path: Path) -> None:
    properties = {
        "epochs": leaf("int", 10, minimum=1, maximum=20, parent_param="TRUE"),
        "warm": leaf("int", 0, minimum=0, maximum=50, math_cond="/ 2", depends_on="epochs"),
    }
    schema = schema_of(tmp_path, properties, "epochs", "warm")
    space = build_space(schema, schema.default, SpaceRequest())
    assert spec_params(space, {"epochs": 7}) == {"epochs": 7, "warm": 3}
    dropped = SpaceRequest(drops={"epochs": "--drop"})
    with pytest.raises(SpaceError, match="warm: is computed as epochs / 2, of which nothing is searched"):
        build_space(schema, schema.default, dropped)


def test_draws_keep_near_the_centre_of_a_prior(tmp_path: Path) -> None:
    said = "{low: 0.5, high: 0.9, prior: {center: 0.6, confidence: 0.8}}"
    text = f"only: true\nparameters: {{train.momentum: {said}}}"
    space = space_of(tmp_path, text)
    assert space["train.momentum"].prior == Prior(0.6, 0.8)
    values = [float(p["train.momentum"]) for p in sample_space(space, 1000)]  # type: ignore[arg-type]
    assert sum(abs(value - 0.6) < 0.08 for value in values) > 800
    assert all(0.5 <= value <= 0.9 for value in values)


def test_a_space_with_ties_and_priors_survives_json(tmp_path: Path) -> None:
    text = SCALED.replace("log: true", "log: true, prior: {center: 2e-3}")
    space = space_of(tmp_path, text)
    assert SearchSpace.from_json(json.loads(json.dumps(space.to_json(), allow_nan=False))) == space
