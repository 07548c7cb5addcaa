import json
from pathlib import Path
from typing import Any

import pytest
from skills import INF, group, leaf, schema_document, toy_properties

from automl.errors import SpaceError
from automl.schema.leaves import ActionSchema
from automl.schema.loader import load_schema
from automl.schema.sampling import sample_space
from automl.schema.space import build_space
from automl.schema.space_files import Directive, SpaceRequest
from automl.schema.space_flags import directives_of_flags
from automl.space import Condition, Parameter, SearchSpace


def schema_of(
    tmp_path: Path, properties: dict[str, Any], searched: list[str], disabled: list[str]
) -> ActionSchema:
    path = tmp_path / "train.schema.json"
    path.write_text(json.dumps(schema_document(properties, searched, disabled)))
    return load_schema(path)


def build(tmp_path: Path, properties: dict[str, Any] | None = None, **wishes: Any) -> SearchSpace:
    """Space of a schema; keywords: searched, disabled, params, spec, and fields of SpaceRequest."""
    properties = toy_properties() if properties is None else properties
    searched = wishes.pop("searched", list(properties) if "train" not in properties else ["train.lr"])
    schema = schema_of(tmp_path, properties, searched, wishes.pop("disabled", []))
    params = directives_of_flags(wishes.pop("params", ()))
    return build_space(schema, wishes.pop("spec", schema.default), SpaceRequest(directives=params, **wishes))


def only(tmp_path: Path, node: dict[str, Any], *params: str, **wishes: Any) -> Parameter:
    """The one dimension of a schema with one leaf ``x``."""
    return build(tmp_path, {"x": node}, params=params, **wishes)["x"]


@pytest.mark.parametrize(
    ("node", "low", "high", "log"),
    [
        (leaf("float", 0.1, minimum=1e-4, maximum=1e-1), 1e-4, 1e-1, True),
        (leaf("float", 0.9, minimum=0.5, maximum=0.99), 0.5, 0.99, False),
        (leaf("float", 0.1, minimum=0.0, maximum=1.0), 0.0, 1.0, False),
        (leaf("float", 1e-4, minimum=0.0, maximum=0.1), 1e-6, 0.1, True),
        (leaf("float", 1e-4, minimum=0.0, maximum=0.1, log=False), 0.0, 0.1, False),
        (leaf("float", 0.1, minimum=0.0, maximum=1.0, math_cond="> 0.0"), 1e-3, 1.0, True),
        (leaf("float", 0.9, minimum=0.0, maximum=1.0, math_cond="> 0.0"), 9e-3, 1.0, False),
        (leaf("float", 0.0, minimum=0.0, maximum=1.0, math_cond="> 0.0"), 1e-3, 1.0, True),
        (leaf("float", 0.5, math_cond="> 0.0 <= 1.0"), 5e-3, 1.0, False),
        (leaf("float", 0.5, minimum=0.1, maximum=1.0, log=True), 0.1, 1.0, True),
        (leaf("int", 4, minimum=1, maximum=64), 1, 64, False),
        (leaf("int", 40, minimum=1, maximum=10000), 1, 10000, True),
        (leaf("int", 1, minimum=0, maximum=8, math_cond="> 0"), 1, 8, False),
        (leaf("int", -1, minimum=-2, maximum=9, math_cond="!= 0"), -2, -1, False),
        (leaf("int", 3, minimum=-2, maximum=9, math_cond="!= 0"), 1, 9, False),
    ],
)
def test_intervals_and_scales(
    tmp_path: Path, node: dict[str, Any], low: float, high: float, log: bool
) -> None:
    found = only(tmp_path, node)
    assert (found.low, found.high, found.log) == (pytest.approx(low), high, log)


def test_multiples_become_steps_from_a_multiple(tmp_path: Path) -> None:
    found = only(tmp_path, leaf("int", 64, minimum=20, maximum=100, math_cond="/ 8"))
    assert (found.low, found.high, found.step) == (24, 96, 8)


def test_powers_become_choices(tmp_path: Path) -> None:
    found = only(tmp_path, leaf("int", 8, minimum=1, maximum=20, math_cond="^ 2"))
    assert found.choices == (1, 2, 4, 8, 16)


def test_choices_bools_and_weights(tmp_path: Path) -> None:
    kinds = {
        "a": leaf("categorical", "x", enum=["x", "y"], option_weights=[1, 3]),
        "b": leaf("bool", True),
        "c": leaf("ordered_int", 256, enum=[128, 256]),
        "d": leaf("optional_list", [], enum=["head"]),
        "e": leaf("subset_list", ["q"], enum=["q", "v"]),
    }
    kinds["f"] = leaf("ordered_int", 1, enum=[0, 1, 2], math_cond="> 0", option_weights=[1, 0, 0])
    space = build(tmp_path, kinds)
    assert (space["f"].choices, space["f"].weights) == ((1, 2), None)
    assert (space["a"].choices, space["a"].weights) == (("x", "y"), (1, 3))
    assert (space["b"].kind, space["b"].choices) == ("bool", (False, True))
    assert space["c"].choices == (128, 256)
    assert space["d"].choices == ((), ("head",))
    assert space["e"].choices == (("q",), ("v",), ("q", "v"))


def test_many_options_are_searched_as_few_subsets(tmp_path: Path) -> None:
    options = list("abcdefg")
    found = only(tmp_path, leaf("subset_list", ["a", "b"], enum=options))
    assert found.choices[:3] == (("a", "b"), ("a",), ("b",))
    assert found.choices[-1] == tuple(options)
    assert len(found.choices) == 1 + 7 + 7 + 1
    assert found.source == "schema; of its subsets the default, single options, all but one, and all"


def test_an_element_that_is_a_leaf_of_its_own_is_searched(tmp_path: Path) -> None:
    weights = {
        "w": leaf("list", [1.0, 10.0], automl_enabled=False),
        "w[1]": leaf("float", 10.0, minimum=1.0, maximum=100.0, automl_enabled=True),
    }
    space = build(tmp_path, weights, searched=[], spec={"w": [1.0, 10.0]})
    assert [(p.name, p.default) for p in space] == [("w[1]", 10.0)]
    assert [e.name for e in space.excluded] == ["w"]
    schema = schema_of(tmp_path, weights, [], [])
    wish = Directive("w[1]", {"when": {"w": [[2.0]]}}, "mine.yaml", "mine.yaml:w[1]")
    with pytest.raises(
        SpaceError, match=r"leaves nothing to search \(w\[1\]: only with w = \(2.0,\), which is"
    ):
        build_space(schema, schema.default, SpaceRequest(directives=(wish,)))


def test_what_the_trainer_does_not_use_is_not_searched(tmp_path: Path) -> None:
    properties = {
        "lr": leaf("float", 0.5, minimum=0.1, maximum=1.0),
        "lora": group(rank=leaf("int", 8, minimum=1, maximum=64)),
        "distill": group(freeze=leaf("bool", True)),
    }
    wishes: dict[str, Any] = {
        "searched": ["lr", "lora.rank", "distill.freeze"],
        "spec": {"lr": 0.5, "distill": {"freeze": True}},
        "foreign": frozenset({"distill"}),
    }
    space = build(tmp_path, properties, **wishes)
    reasons = {e.name: e.reason for e in space.excluded}
    assert [p.name for p in space] == ["lr"]
    assert reasons["lora.rank"] == "its block lora is not in the spec"
    assert reasons["distill.freeze"] == "belongs to the action distill"
    with pytest.raises(
        SpaceError, match=r"--param:lora.rank: its block lora is not in the spec\n  -> put lora"
    ):
        build(tmp_path, properties, params=["lora.rank=1:8"], **wishes)


def test_a_list_with_element_bounds_is_searched_by_element(tmp_path: Path) -> None:
    betas = leaf("list_2", [0.9, 0.99], minimum=[0.8, 0.9], maximum=[0.95, 0.999])
    space = build(tmp_path, {"betas": betas})
    assert [(p.name, p.low, p.high, p.default) for p in space] == [
        ("betas[0]", 0.8, 0.95, 0.9),
        ("betas[1]", 0.9, 0.999, 0.99),
    ]
    assert space.excluded == ()


def test_related_parameters_are_parted_between_their_defaults(tmp_path: Path) -> None:
    crops = {
        "least": leaf("int", 384, minimum=32, maximum=INF, parent_param="TRUE"),
        "most": leaf("int", 600, minimum=32, maximum=1333, math_cond="> depends_on", depends_on="least"),
    }
    space = build(tmp_path, crops)
    assert (space["least"].high, space["most"].low) == (492, 493)
    assert "parted from most at 492" in space["least"].source


def test_a_relation_to_a_fixed_parameter_becomes_a_bound(tmp_path: Path) -> None:
    space = build(tmp_path, searched=["model.select"], params=["train.lr=0.1:0.5"])
    assert space["model.select"].high == 300
    assert space["model.select"].source == "schema; <= model.queries"


def test_open_bounds_are_refused_by_default_all_at_once(tmp_path: Path) -> None:
    open_ended = {
        "a": leaf("int", 4, minimum=1, maximum=INF),
        "b": leaf("float", 1.0),
        "c": leaf("list", [1]),
    }
    with pytest.raises(SpaceError) as caught:
        build(tmp_path, open_ended)
    assert len(caught.value.faults) == 3
    assert "c: cannot be searched: a list without element bounds" in str(caught.value)
    assert "train.schema.json:a: has no finite bounds: 1 to inf" in str(caught.value)
    assert "--param b=LOW:HIGH, --drop b, or --open-bounds around-default" in str(caught.value)


def test_open_bounds_close_around_the_default_on_request(tmp_path: Path) -> None:
    wish = {"close_around_default": True}
    whole = only(tmp_path, leaf("int", 4, minimum=1, maximum=INF), **wish)
    real = only(tmp_path, leaf("float", 1e-3, math_cond="> 0.0"), **wish)
    assert (whole.low, whole.high, whole.source) == (1, 16, "schema; closed around the default 4")
    assert (real.low, real.high, real.log) == (pytest.approx(1e-4), 1e-2, True)


def test_a_default_without_a_scale_cannot_close_an_interval(tmp_path: Path) -> None:
    wish: dict[str, Any] = {"close_around_default": True}
    properties = {"a": leaf("bool", True), "x": leaf("int", -1, minimum=-1, maximum=INF)}
    (left_out,) = build(tmp_path, properties, **wish).excluded
    assert left_out.reason == "no finite bounds (-1 to inf), and the default -1 gives no scale"
    with pytest.raises(SpaceError, match=r"x: has no finite bounds: -1 to inf, and the default -1 gives no"):
        build(tmp_path, properties, params=["x"], **wish)
    with pytest.raises(SpaceError, match=r"leaves nothing to search \(x: no finite bounds"):
        build(tmp_path, {"x": properties["x"]}, **wish)


def test_a_list_that_cannot_be_closed_is_left_out_with_its_reason(tmp_path: Path) -> None:
    space = build(tmp_path, {"a": leaf("bool", True), "b": leaf("list", [1])}, close_around_default=True)
    assert [exclusion.name for exclusion in space.excluded] == ["b"]
    assert "a list without element bounds" in space.excluded[0].reason


def test_flags_narrow_scale_and_choose(tmp_path: Path) -> None:
    params = ["train.lr=1e-4:1e-2:log", "train.momentum=0.6:0.9", "train.batch=2,4,8"]
    space = build(tmp_path, params=params)
    lr, momentum, batch = (space[f"train.{name}"] for name in ("lr", "momentum", "batch"))
    assert (lr.low, lr.high, lr.log, lr.source) == (1e-4, 1e-2, True, "--param")
    assert (momentum.low, momentum.high, momentum.log) == (0.6, 0.9, False)
    assert (batch.kind, batch.choices, batch.default) == ("categorical", (2, 4, 8), 4)


def test_a_bare_flag_takes_the_bounds_of_the_schema(tmp_path: Path) -> None:
    assert build(tmp_path, params=["train.momentum"])["train.momentum"].high == 0.99


def test_every_fault_of_the_flags_is_told_at_once(tmp_path: Path) -> None:
    params = [
        "train.lrr=0.1:0.2",
        "train.lr=0.1:5",
        "train.batch=1.5:4",
        "model.kind=small,tiny",
        "train=1:2",
    ]
    with pytest.raises(SpaceError) as caught:
        build(tmp_path, params=params, drops={"train.nope": "--drop"})
    text = str(caught.value)
    assert "--param:train.lrr: is not a parameter of the schema\n  -> did you mean train.lr?" in text
    assert "--param:train.lr.high: high 5 is above the schema's maximum 1" in text
    assert "--param:train.batch.low: low 1.5 is not a whole number" in text
    assert "--param:model.kind.choices: 'tiny' is not allowed" in text
    assert "--param:train: is a group of parameters" in text
    assert "--drop:train.nope: is not a parameter of the schema" in text


@pytest.mark.parametrize(
    "text", ["train.lr=", "train.lr=0.5", "=1:2", "train.lr=1:2:3", "train.lr=1:inf", "x=1:2@", "x=tie: "]
)
def test_texts_that_are_no_range_are_refused(text: str) -> None:
    with pytest.raises(SpaceError, match="is no range, no list and no tie"):
        directives_of_flags([text])


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ("train.lr=0.5:0.1", "low 0.5 is not below high 0.1"),
        ("train.lr=0:0.1:log", "a logarithmic scale cannot start at 0"),
        ("model.kind=1:2", "a categorical has no low"),
        (
            "train.frozen=1:2",
            "is disabled by the schema (automl_enabled: false)\n"
            "  -> search it all the same with --allow-disabled train.frozen",
        ),
    ],
)
def test_contradictory_flags_are_refused(tmp_path: Path, param: str, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        build(tmp_path, params=[param])
    assert message in str(caught.value)


def test_a_disabled_parameter_is_searched_only_when_allowed_and_told(tmp_path: Path) -> None:
    allowed = build(
        tmp_path, params=["train.frozen=1:5"], allow_disabled={"train.frozen": "--allow-disabled"}
    )
    assert allowed["train.frozen"].source == "--param; disabled by the schema, allowed by --allow-disabled"


def test_a_leaf_inside_a_disabled_group_is_disabled_unless_the_schema_lists_it(tmp_path: Path) -> None:
    wishes: dict[str, Any] = {"disabled": ["train"], "params": ["train.lr=0.1:0.5", "train.clip=1:5"]}
    with pytest.raises(SpaceError) as caught:
        build(tmp_path, **wishes)
    assert str(caught.value) == (
        "--param:train.clip: is inside train, which the schema disables\n"
        "  -> search it all the same with --allow-disabled train.clip"
    )
    space = build(
        tmp_path, allow_disabled=dict.fromkeys(["train.clip", "train.lr"], "--allow-disabled"), **wishes
    )
    assert space["train.clip"].source == "--param; disabled by the schema, allowed by --allow-disabled"
    assert space["train.lr"].source == "--param"


def test_every_other_leaf_has_its_reason(tmp_path: Path) -> None:
    properties = {**toy_properties(), "evaluate": group(batch=leaf("int", 1))}
    space = build(
        tmp_path,
        properties,
        searched=["train.lr", "train.momentum", "model.kind", "train.batch"],
        disabled=["model.kind", "dataset", "train"],
        drops={"train.momentum": "--drop"},
        managed={"train.batch": "--data"},
        foreign=frozenset({"evaluate"}),
    )
    reasons = {exclusion.name: exclusion.reason for exclusion in space.excluded}
    assert [p.name for p in space] == ["train.lr"]
    assert reasons["model.kind"] == "disabled by the schema (automl_disabled_parameters)"
    assert reasons["train.momentum"] == "dropped by --drop"
    assert reasons["train.batch"] == "set by --data"
    assert reasons["train.frozen"] == "disabled by the schema (automl_enabled: false)"
    assert reasons["train.clip"] == "inside train, which the schema disables"
    assert reasons["model.width"] == "not in the schema's automl_default_parameters"
    assert reasons["evaluate.batch"] == "belongs to the action evaluate"
    assert len(reasons) + len(space) == 21


def test_a_space_without_dimensions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="leaves nothing to search"):
        build(tmp_path, drops={"train.lr": "--drop"})


def test_defaults_come_from_the_spec_not_from_the_schema(tmp_path: Path) -> None:
    spec = {"train": {"lr": 0.02}, "model": {"queries": 120}}
    assert build(tmp_path, spec=spec, searched=["train.lr"])["train.lr"].default == 0.02


def test_samples_are_repeatable_and_follow_scale_step_weight_and_condition() -> None:
    space = SearchSpace(
        (
            Parameter("lr", "float", 1e-4, 1e0, log=True),  # type: ignore[arg-type]
            Parameter("width", "int", 8, 32, step=8),  # type: ignore[arg-type]
            Parameter("kind", "categorical", choices=("a", "b"), weights=(0.0, 1.0)),  # type: ignore[arg-type]
            Parameter("m", "float", 0.0, 1.0, condition=Condition({"kind": ("a",)})),  # type: ignore[arg-type]
        )
    )
    samples = list(sample_space(space, 2000, seed=3))
    assert samples == list(sample_space(space, 2000, seed=3))
    assert 0.46 < sum(float(s["lr"]) < 1e-2 for s in samples) / 2000 < 0.54  # type: ignore[arg-type]
    assert {s["width"] for s in samples} == {8, 16, 24, 32}
    assert {s["kind"] for s in samples} == {"b"}
    assert not any("m" in s for s in samples)
