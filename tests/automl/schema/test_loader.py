import json
import math
import re
from pathlib import Path

import pytest
from skills import INF, group, leaf, schema_document, toy_properties

from automl.errors import SchemaError
from automl.schema.conditions import Clause, parse_math_cond
from automl.schema.leaves import ActionSchema, LeafType
from automl.schema.loader import load_schema


def load(tmp_path: Path, document: object) -> ActionSchema:
    path = tmp_path / "train.schema.json"
    path.write_text(json.dumps(document))
    return load_schema(path)


def test_leaves_carry_all_that_the_schema_says(tmp_path: Path) -> None:
    weighted = leaf("categorical", "b", enum=["a", "b"], option_weights=[1, 3])
    schema = load(
        tmp_path, schema_document({"x": weighted, **toy_properties()}, ["x", "train.lr"], ["train"])
    )
    x, lr, batch, select = (schema.leaves[n] for n in ("x", "train.lr", "train.batch", "model.select"))
    assert (x.type, x.enum, x.option_weights) == (LeafType.CATEGORICAL, ("a", "b"), (1, 3))
    assert (lr.minimum, lr.maximum, lr.math_cond) == (0.0, 1.0, (Clause(">", 0.0),))
    assert (batch.minimum, batch.maximum, batch.automl_enabled) == (1, math.inf, None)
    assert (select.depends_on, select.math_cond) == (("model.queries",), (Clause("<=", None),))
    assert schema.leaves["train.checkpoint"].nullable
    assert schema.automl_default == ("x", "train.lr")
    assert schema.reason_of_ban(lr) is None
    assert schema.reason_of_ban(batch) == "inside train, which the schema disables"
    assert "train" in schema.collections
    assert "automl_disabled_parameters" not in schema.leaves


def test_flags_of_leaves_count_beside_the_list_and_without_it(tmp_path: Path) -> None:
    properties = toy_properties()
    properties["train"]["properties"]["clip"]["automl_enabled"] = True
    document = schema_document(properties, ["train.lr"])
    assert load(tmp_path, document).automl_default == ("train.lr", "train.clip")
    del document["automl_default_parameters"]
    assert load(tmp_path, document).automl_default == ("train.clip",)


def test_required_keys_are_read_at_every_level(tmp_path: Path) -> None:
    net = {**group(depth=leaf("int", None), width=leaf("int", None)), "required": ["depth", "gone"]}
    document = {**schema_document({"net": net, "net2": net}, []), "required": ["net", "export"]}
    schema = load(tmp_path, document)
    assert schema.required == ("net", "net.depth", "net2.depth")
    assert [schema.leaves[f"net.{name}"].nullable for name in ("depth", "width")] == [False, True]


def test_odd_types_of_the_wild_are_understood(tmp_path: Path) -> None:
    odd = {
        "lr": leaf(None, 1e-6, anyOf=[{"type": "number"}, {"type": "array"}], minimum=0.0, maximum=INF),
        "betas": leaf("list_2", [0.9, 0.99], minimum=[0.8, 0.9], maximum=[0.95, 0.999]),
        "free": leaf("collection", {"a": 1}),
    }
    leaves = load(tmp_path, schema_document(odd, [])).leaves
    assert (leaves["lr"].type, leaves["lr"].is_loose) == (LeafType.FLOAT, True)
    assert (leaves["betas"].type, leaves["betas"].maximum) == (LeafType.LIST, (0.95, 0.999))
    assert leaves["free"].type is LeafType.MAPPING


def test_all_that_is_not_understood_is_told_at_once(tmp_path: Path) -> None:
    broken = {
        "a": leaf("tensor", 1),
        "b": leaf("float", 1.0, math_cond="~ 3"),
        "c": leaf("int", 1, minimum="low"),
        "d": group(e=leaf("categorical", "x", enum=["x", "y"], option_weights=[1])),
    }
    with pytest.raises(SchemaError) as caught:
        load(tmp_path, schema_document(broken, ["gone"]))
    text = str(caught.value)
    assert len(caught.value.faults) == 5
    assert "train.schema.json:a: type 'tensor' is not known" in text
    assert "train.schema.json:b: math_cond '~ 3' is not understood" in text
    assert "train.schema.json:c: minimum is 'low'" in text
    assert "train.schema.json:d.e: option_weights [1] do not fit 2 options" in text
    assert "train.schema.json:gone: stands in automl_default_parameters, but is no leaf" in text


@pytest.mark.parametrize("options", [1.5, "ab", {"a": 1}, ["a", {"b": 1}], [["a", [{}]]]])
def test_options_that_no_parameter_can_have_are_told(tmp_path: Path, options: object) -> None:
    with pytest.raises(SchemaError) as caught:
        load(tmp_path, schema_document({"a": leaf("categorical", "a", enum=options)}, []))
    (fault,) = caught.value.faults
    assert fault.message == f"enum is {options!r}"


def test_alternatives_that_are_no_list_leave_the_type_open(tmp_path: Path) -> None:
    odd = {"a": {"anyOf": 3, "default": 1}}
    assert load(tmp_path, schema_document(odd, [])).leaves["a"].type is LeafType.ANY


def test_a_file_without_properties_is_no_schema(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"train\.schema\.json: has no properties"):
        load(tmp_path, {"type": "object"})


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("> 0.0", 0.1, 0.0),
        (">0", 1, 0),
        (">= 1", 1, 0.5),
        ("!= 0", -1, 0),
        ("/ 8", 24, 20),
        ("^ 2", 64, 48),
        ("> 0.0 <= 1.0", 1.0, 1.5),
        ("<1e-3", 5e-4, 1e-3),
    ],
)
def test_math_cond_forms(text: str, good: float, bad: float) -> None:
    clauses = parse_math_cond(text)
    assert all(clause.allows(good) for clause in clauses)
    assert not all(clause.allows(bad) for clause in clauses)


def test_relations_compare_with_the_other_parameter() -> None:
    (clause,) = parse_math_cond("> depends_on")
    assert clause.allows(5, 4)
    assert not clause.allows(4, 4)
    assert clause.allows(4, None)


@pytest.mark.parametrize("text", ["/ 0", "^ 1", "^ depends_on", "> zero", "1"])
def test_conditions_without_meaning_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_math_cond(text)
