"""Any schema of the dialect gives a space whose samples, put into the template, break nothing."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from skills import INF, group, leaf, schema_document

from automl.errors import SpaceError
from automl.schema.leaves import ActionSchema
from automl.schema.loader import load_schema
from automl.schema.paths import get_path
from automl.schema.sampling import sample_space
from automl.schema.space import build_space
from automl.schema.space_files import SpaceRequest
from automl.schema.space_flags import directives_of_flags
from automl.schema.spec import apply_params
from automl.schema.ties import spec_params
from automl.space import Condition, Exclusion, Parameter, ParameterKind, Prior, SearchSpace, Tie

NUMBERS = st.floats(-1e3, 1e3, allow_nan=False).map(lambda x: round(x, 6))
CONDITIONS = st.sampled_from(
    [None, "> 0.0", ">0", "> 0", ">= 0.0", ">=0", ">= 1", "!= 0", "/ 2", "/ 8", "^ 2", "> 0.0 <= 1.0", "< 50"]
)


@st.composite
def numbers(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(["int", "float"]))
    low, high = sorted(draw(st.tuples(NUMBERS, NUMBERS)))
    low, high = (math.floor(low), math.ceil(high) + 1) if kind == "int" else (low, high + 0.5)
    default = draw(st.integers(low, high) if kind == "int" else st.floats(low, high))
    rules: dict[str, Any] = {"minimum": low, "maximum": draw(st.sampled_from([high, high, INF]))}
    condition = draw(CONDITIONS)
    if condition:
        rules["math_cond"] = condition
    return leaf(kind, default, **rules)


@st.composite
def leaves(draw: Any) -> dict[str, Any]:
    options = draw(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=4, unique=True))
    return draw(
        st.one_of(
            numbers(),
            st.just(leaf("bool", True)),
            st.just(leaf("categorical", options[0], enum=options)),
            st.just(
                leaf("categorical", options[0], enum=options, option_weights=list(range(1, len(options) + 1)))
            ),
            st.just(leaf("ordered_int", 2, enum=[1, 2, 4])),
            st.just(leaf("subset_list", options[:1], enum=options)),
            st.just(leaf("optional_list", [], enum=options)),
            st.just(leaf("list_2", [0.9, 0.99], minimum=[0.8, 0.9], maximum=[0.95, 0.999])),
        )
    )


@st.composite
def related(draw: Any) -> dict[str, Any]:
    """Two numbers of which the second is tied to the first."""
    low = draw(st.integers(0, 50))
    operator = draw(st.sampled_from(["> depends_on", ">= depends_on", "< depends_on", "<= depends_on", None]))
    first = leaf(
        "int", draw(st.integers(low, low + 100)), minimum=low, maximum=low + 100, parent_param="TRUE"
    )
    rules = {"math_cond": operator} if operator else {}
    second = leaf(
        "int",
        draw(st.integers(low, low + 100)),
        minimum=low,
        maximum=low + 100,
        depends_on="g.first",
        **rules,
    )
    return {"first": first, "second": second}


@st.composite
def documents(draw: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {
        f"p{i}": node for i, node in enumerate(draw(st.lists(leaves(), min_size=1, max_size=4)))
    }
    names = list(properties)
    if draw(st.booleans()):
        properties["g"] = group(**draw(related()))
        names += ["g.first", "g.second"]
    if draw(st.booleans()):
        properties["part"] = leaf(
            "int", 3, minimum=0, maximum=500, math_cond="/ 2", depends_on=draw(st.sampled_from(names))
        )
        names += ["part"]
    return schema_document(properties, names, draw(st.sampled_from([[], ["g"]])))


def read(document: dict[str, Any]) -> ActionSchema:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.schema.json"
        path.write_text(json.dumps(document))
        return load_schema(path)


def space_or_none(schema: ActionSchema, request: SpaceRequest) -> SearchSpace | None:
    """A refusal is a fine answer to a schema that leaves nothing to choose."""
    try:
        return build_space(schema, schema.default, request)
    except SpaceError:
        return None


@settings(max_examples=150, deadline=None)
@given(documents(), st.integers(0, 99))
def test_every_sample_is_valid_and_inside_the_space(document: dict[str, Any], seed: int) -> None:
    schema = read(document)
    space = space_or_none(schema, SpaceRequest(close_around_default=True))
    first = space.defaults() if space else {}
    for params in sample_space(space, 20, seed) if space else ():
        assert all(space[name].contains(value) for name, value in params.items())
        spec = apply_params(schema.default, spec_params(space, params), schema)
        assert all(get_path(spec, name) is not None for name in params)
        assert all(tie.low <= get_path(spec, tie.name) <= tie.high for tie in space.ties if params != first)


@settings(max_examples=100, deadline=None)
@given(documents())
def test_every_leaf_is_in_or_out_and_a_space_survives_json(document: dict[str, Any]) -> None:
    schema = read(document)
    space = space_or_none(schema, SpaceRequest(close_around_default=True))
    if space:
        searched = {parameter.name.partition("[")[0] for parameter in space}
        assert searched | {exclusion.name for exclusion in space.excluded} == set(schema.leaves)
        shape = json.loads(json.dumps(space.to_json(), allow_nan=False))
        assert SearchSpace.from_json(shape) == space
        assert all(math.isfinite(p["low"]) for p in shape["parameters"] if not p["choices"])


WORDS = st.text(max_size=3)
VALUES = st.one_of(st.booleans(), st.integers(-9, 9), NUMBERS, WORDS, st.none())
CHOICES = st.lists(st.one_of(VALUES, st.tuples(VALUES, VALUES)), min_size=1, max_size=4)


@st.composite
def parameters(draw: Any, name: str, parents: list[Parameter]) -> Parameter:
    parent = draw(st.sampled_from([None, *parents]))
    shared = {
        "default": draw(VALUES),
        "condition": Condition({parent.name: parent.choices}) if parent and parent.choices else None,
        "prior": draw(st.one_of(st.none(), st.builds(Prior, VALUES, NUMBERS))),
        "auxiliary": draw(st.booleans()),
        "source": draw(WORDS),
    }
    kind = draw(st.sampled_from(ParameterKind))
    if kind in (ParameterKind.BOOL, ParameterKind.CATEGORICAL):
        choices = tuple(draw(CHOICES))
        weights = draw(st.sampled_from([None, (1.0,) * len(choices)]))
        return Parameter(name, kind, choices=choices, weights=weights, **shared)
    low, high = sorted(draw(st.tuples(NUMBERS, NUMBERS)))
    step = draw(st.sampled_from([None, 2, 0.5]))
    return Parameter(name, kind, low, high, log=draw(st.booleans()), step=step, **shared)


@st.composite
def spaces(draw: Any) -> SearchSpace:
    made: list[Parameter] = []
    for i in range(draw(st.integers(1, 4))):
        made.append(draw(parameters(f"p{i}.x[0]", made)))
    ties = st.builds(Tie, WORDS, WORDS, st.dictionaries(WORDS, NUMBERS), NUMBERS, NUMBERS)
    reasons = st.builds(Exclusion, WORDS, WORDS)
    return SearchSpace(tuple(made), tuple(draw(st.lists(reasons))), tuple(draw(st.lists(ties, max_size=2))))


@settings(max_examples=50, deadline=None)
@given(spaces())
def test_any_space_survives_json(space: SearchSpace) -> None:
    text = json.dumps(space.to_json(), allow_nan=False)
    again = SearchSpace.from_json(json.loads(text))
    assert again == space
    assert json.dumps(again.to_json(), allow_nan=False) == text


PARTS = st.one_of(st.floats(0.0, 1.0), st.floats(-0.1, 1.1))


@st.composite
def flags(draw: Any, document: dict[str, Any]) -> list[str]:
    """Wishes for some leaves of a schema, inside its bounds or not."""
    texts = []
    for name, node in document["properties"].items():
        if not isinstance(node, dict) or "properties" in node or draw(st.booleans()):
            continue
        if node.get("enum"):
            texts.append(f"{name}={','.join(map(str, draw(st.permutations(node['enum']))[:2]))}")
        elif node["type"] in ("int", "float"):
            least, most = node["minimum"], min(node["maximum"], node["minimum"] + 100)
            ends = sorted(least + (most - least) * part for part in draw(st.tuples(PARTS, PARTS)))
            low, high = map(round, ends) if node["type"] == "int" else ends
            texts.append(f"{name}={low}:{high}{draw(st.sampled_from(['', ':log', ':linear']))}")
    return texts


@settings(max_examples=100, deadline=None)
@given(st.data(), documents())
def test_narrowing_never_widens(data: st.DataObject, document: dict[str, Any]) -> None:
    schema, said = read(document), data.draw(flags(document))
    wishes = directives_of_flags(said)
    space = space_or_none(schema, SpaceRequest(wishes, close_around_default=True))
    for params in sample_space(space, 20) if space else ():
        apply_params(schema.default, spec_params(space, params), schema)
        for wish in wishes:
            value, fields = params.get(wish.name), wish.fields
            assert value is None or value in fields.get("choices", [value])
            assert value is None or "low" not in fields or fields["low"] <= value <= fields["high"]
