import json
from pathlib import Path

import pytest
from skills import leaf, schema_document, toy_properties

from automl.errors import SpecError, UsageError
from automl.schema.leaves import ActionSchema
from automl.schema.loader import load_schema, schema_of_template
from automl.schema.paths import get_path, with_path
from automl.schema.spec import (
    Layer,
    LayeredSpec,
    apply_params,
    layer_of_file,
    layer_of_overrides,
    merge_layers,
    resolve_spec,
)
from automl.schema.validation import find_unset


@pytest.fixture
def schema(tmp_path: Path) -> ActionSchema:
    extra = {
        "free": leaf("collection", {"a": 1, "b": {"c": 2}}),
        "odd": leaf("int", -1, minimum=0, maximum=9),
        "pair": leaf("list", [1, 2]),
        "word": leaf("string", "x"),
    }
    path = tmp_path / "train.schema.json"
    path.write_text(json.dumps(schema_document({**toy_properties(), **extra}, [])))
    return load_schema(path)


def resolve(schema: ActionSchema, *pairs: str) -> LayeredSpec:
    return resolve_spec(schema.default, schema, [layer_of_overrides(pairs)])


def test_later_layers_win_and_are_remembered(schema: ActionSchema, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("train:\n  lr: 1e-4\n  batch: 8\n")
    spec = resolve_spec(schema.default, schema, [layer_of_file(file), layer_of_overrides(["train.batch=16"])])
    assert get_path(spec.values, "train.lr") == 1e-4
    assert get_path(spec.values, "train.batch") == 16
    assert get_path(spec.values, "train.momentum") == 0.9
    assert spec.origin == {"train.lr": str(file), "train.batch": "--set"}


def test_numbers_take_the_type_of_the_leaf(schema: ActionSchema) -> None:
    spec = resolve(schema, "train.lr=1", "train.batch=8.0").values
    assert repr(get_path(spec, "train.lr")) == "1.0"
    assert repr(get_path(spec, "train.batch")) == "8"


def test_dotted_keys_lists_and_free_mappings_are_reached(schema: ActionSchema) -> None:
    spec = resolve(schema, "free.b.d=3", "pair[1]=5", "free={e: 1}", "model={kind: large}").values
    assert spec["free"] == {"a": 1, "b": {"c": 2, "d": 3}, "e": 1}
    assert spec["pair"] == [1, 5]
    assert spec["model"]["kind"] == "large"


def test_a_key_that_is_like_no_other_is_told_which_there_are(schema: ActionSchema) -> None:
    with pytest.raises(
        SpecError, match=r"--set:zz.qq: is not a key of the spec\n  -> keys of the spec: .*train"
    ):
        resolve(schema, "zz.qq=1")
    with pytest.raises(SpecError, match=r"-> keys of train: num_epochs, .*, lr, "):
        resolve(schema, "train.zzqq.xx=1")


def test_unknown_keys_are_told_together_with_suggestions(schema: ActionSchema) -> None:
    with pytest.raises(SpecError) as caught:
        resolve(schema, "train.learning=1", "train.lrr=2", "lr=3", "model=4", "pair[7]=1")
    text = str(caught.value)
    assert "--set:train.learning: is not a key of the spec" in text
    assert "--set:train.lrr: is not a key of the spec\n" in text
    assert "--set:lr: is not a key of the spec\n  -> did you mean train.lr?" in text
    assert "--set:model: 4 stands where names are expected" in text
    assert "--set:pair[7]: leads past the end of a list" in text


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("train.lr=fast", "--set:train.lr: 'fast' is not of type float\n  -> give a number"),
        ("train.lr=0", r"--set:train.lr: 0.0 breaks > 0\n  -> give a value > 0"),
        ("train.lr=2", "--set:train.lr: 2.0 is above the maximum 1.0\n  -> allowed is 0.0 to 1.0"),
        ("train.batch=0", "--set:train.batch: 0 is below the minimum 1"),
        ("train.batch=2.5", "2.5 is not of type int\n  -> give a whole number"),
        ("train.batch=.inf", "inf is not"),
        ("train.momentum=.nan", "nan is not finite"),
        ("train.batch=true", "True is not of type int"),
        ("train.batch=", "None is not of type int"),
        ("model.kind=tiny", "'tiny' is not allowed\n  -> one of small, large"),
        ("model.width=20", "20 breaks / 8\n  -> give a multiple of 8"),
        ("model.select=500", "500 must be <= model.queries, which is 300"),
        ("model.queries=200", "300 must be <= model.queries, which is 200"),
        ("word=on", None),
        ("train.checkpoint=", None),
        ("odd=-1", None),
        ("odd=-2", "-2 is below the minimum 0"),
    ],
)
def test_values_are_held_against_the_schema(schema: ActionSchema, pair: str, message: str | None) -> None:
    if message is None:
        resolve(schema, pair)
        return
    with pytest.raises(SpecError) as caught:
        resolve(schema, pair)
    assert message.replace("\\n", "\n") in str(caught.value)


def test_required_keys_take_no_null_and_are_missed(schema: ActionSchema) -> None:
    document = json.loads(schema.path.read_text())
    document["properties"]["train"]["required"] = ["checkpoint", "lr", "seed"]
    document["required"] = ["word", "pair"]
    schema.path.write_text(json.dumps(document))
    strict = load_schema(schema.path)
    spec = {"word": "", "pair": [], "train": {"lr": 0, "checkpoint": None}}
    assert list(find_unset(spec, strict, ())) == ["word", "train.checkpoint", "train.seed"]
    assert list(find_unset(spec, strict, {"train"})) == ["word"]
    assert list(find_unset({"word": "x", "pair": None, "train": None}, strict, ())) == ["pair"]
    changed = resolve(strict, "train.checkpoint=/a").values
    with pytest.raises(
        SpecError, match=r"--set:train\.checkpoint: None is not of type string\n  -> give text"
    ):
        resolve_spec(changed, strict, [layer_of_overrides(["train.checkpoint="])])


def test_what_the_template_alone_says_is_its_authors_word(schema: ActionSchema) -> None:
    template = {**schema.default, "extra": {"own": 1}, "word": 3}
    spec = resolve_spec(template, schema, [Layer("mine", {"extra": {"own": 2}})]).values
    assert (spec["extra"], spec["word"]) == ({"own": 2}, 3)


def test_a_template_without_schema_still_knows_its_keys() -> None:
    template = {"a": {"b": 1}, "c": None}
    schema = schema_of_template(Path("t.yaml"), template)
    assert resolve_spec(template, schema, [Layer("f", {"a": {"b": "x"}, "c": [1]})]).values == {
        "a": {"b": "x"},
        "c": [1],
    }
    with pytest.raises(SpecError, match=r"f:a\.d: is not a key"):
        resolve_spec(template, schema, [Layer("f", {"a": {"d": 1}})])


def test_overrides_without_equals_are_refused() -> None:
    with pytest.raises(UsageError, match=r"'train\.lr' is not key=value"):
        layer_of_overrides(["train.lr", "a=1"])


def test_layers_merge_freely_where_nothing_is_known() -> None:
    merged = merge_layers([Layer("f", {"a": {"b": 1}}), layer_of_overrides(["a.c=2"])])
    assert merged.values == {"a": {"b": 1, "c": 2}}


def test_trial_parameters_go_in_without_touching_the_default(schema: ActionSchema) -> None:
    spec = apply_params(
        schema.default, {"train.lr": 0.5, "train.batch": 2.0, "pair[0]": 9, "pair[1]": 8}, schema
    )
    assert (spec["train"]["lr"], spec["train"]["batch"], spec["pair"]) == (0.5, 2, [9, 8])
    assert schema.default["train"]["lr"] == 1e-3
    assert schema.default["pair"] == [1, 2]


def test_trial_parameters_are_validated(schema: ActionSchema) -> None:
    with pytest.raises(SpecError) as caught:
        apply_params(schema.default, {"train.lr": 7, "train.lrr": 1}, schema)
    assert "trial parameters:train.lr: 7.0 is above the maximum 1.0" in str(caught.value)
    assert "trial parameters:train.lrr: is not a key of the spec" in str(caught.value)


def test_paths_copy_only_what_lies_on_the_way() -> None:
    spec = {"a": {"b": [1, {"c": 2}]}, "d": {"e": 3}}
    changed = with_path(spec, "a.b[1].c", 5)
    assert changed == {"a": {"b": [1, {"c": 5}]}, "d": {"e": 3}}
    assert changed["d"] is spec["d"]
    assert get_path(spec, "a.b[1].c") == 2
    with pytest.raises(KeyError, match=r"d\.e\.f"):
        with_path(spec, "d.e.f", 1)
