import json
from pathlib import Path

import pytest
from skills import schema_document, toy_properties

from automl.errors import SpaceError
from automl.schema.loader import load_schema
from automl.schema.paths import with_path
from automl.schema.sampling import sample_space
from automl.schema.space import build_space
from automl.schema.space_files import read_space_file
from automl.schema.space_warnings import find_space_warnings
from automl.space import Condition, SearchSpace


def write(tmp_path: Path, name: str, text: str) -> Path:
    folder = tmp_path / "search_spaces"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text)
    return folder / f"{name}.yaml"


def schema_file(tmp_path: Path) -> Path:
    path = tmp_path / "train.schema.json"
    path.write_text(json.dumps(schema_document(toy_properties(), ["train.lr", "train.momentum"])))
    return path


def space_of(tmp_path: Path, path: Path) -> SearchSpace:
    schema = load_schema(schema_file(tmp_path))
    return build_space(schema, schema.default, read_space_file(path))


def test_a_file_narrows_the_schemas_own_list(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "default",
        "description: d\nparameters:\n  train.lr: {low: 1e-4, high: 1e-2, comment: matters}\n  train.clip:\n"
        "drop: [train.momentum]\n",
    )
    space = space_of(tmp_path, path)
    assert [p.name for p in space] == ["train.lr", "train.clip"]
    assert (space["train.lr"].log, space["train.lr"].source) == (True, "search_spaces/default.yaml")
    assert {"name": "train.momentum", "reason": "dropped by search_spaces/default.yaml"} in space.to_json()[
        "excluded"
    ]


def test_only_leaves_the_schemas_list_aside(tmp_path: Path) -> None:
    space = space_of(tmp_path, write(tmp_path, "few", "only: true\nparameters: {model.kind: }\n"))
    assert [p.name for p in space] == ["model.kind"]
    reasons = {e.name: e.reason for e in space.excluded}
    assert reasons["train.lr"] == "not named by search_spaces/few.yaml (only: true)"


def test_extends_is_overruled_field_by_field(tmp_path: Path) -> None:
    write(
        tmp_path,
        "base",
        "parameters: {train.lr: {low: 0.1, high: 0.5, log: true}, model.kind: }\ndrop: [train.momentum]\n",
    )
    path = write(
        tmp_path,
        "top",
        "extends: base\nparameters: {train.lr: {high: 0.2}, train.momentum: }\ndrop: [model.kind]\n",
    )
    space = space_of(tmp_path, path)
    assert [p.name for p in space] == ["train.lr", "train.momentum"]
    assert (space["train.lr"].low, space["train.lr"].high, space["train.lr"].log) == (0.1, 0.2, True)


def test_several_bases_count_in_order_and_only_can_be_taken_back(tmp_path: Path) -> None:
    write(tmp_path, "one", "only: true\nparameters: {train.lr: {high: 0.2}, train.clip: }\n")
    write(tmp_path, "two", "parameters: {train.lr: {low: 0.1, high: 0.3}}\ndrop: [train.clip]\n")
    both = write(tmp_path, "both", "extends: [one, two]\n")
    space = space_of(tmp_path, both)
    assert [(p.name, p.low, p.high) for p in space] == [("train.lr", 0.1, 0.3)]
    all_of_it = space_of(tmp_path, write(tmp_path, "all", "extends: [one, two]\nonly: false\n"))
    assert [p.name for p in all_of_it] == ["train.lr", "train.momentum"]


def test_a_file_may_allow_what_the_schema_disables_and_it_is_told(tmp_path: Path) -> None:
    text = "allow_disabled: [train.frozen]\nparameters: {train.frozen: }\n"
    space = space_of(tmp_path, write(tmp_path, "base", text))
    path = write(tmp_path, "top", "extends: base\n")
    assert space_of(tmp_path, path).parameters == space.parameters
    mark = "search_spaces/base.yaml; disabled by the schema, allowed by search_spaces/base.yaml"
    assert space["train.frozen"].source == mark
    warnings = list(find_space_warnings(space, {}))
    assert warnings == ["train.frozen is searched although the schema disables it"]


def test_a_null_default_is_derived_by_the_trainer_and_nothing_to_warn_of(tmp_path: Path) -> None:
    said = "{low: 0.6, high: 0.9, prior: {center: 0.8}}"
    path = write(
        tmp_path, "s", f"only: true\nparameters: {{train.momentum: {said}, train.lr: {{high: 0.5}}}}"
    )
    schema = load_schema(schema_file(tmp_path))
    spec = with_path(with_path(schema.default, "train.momentum", None), "train.lr", 0.7)
    space = build_space(schema, spec, read_space_file(path))
    assert space.defaults() == {"train.momentum": None, "train.lr": 0.7}
    assert list(find_space_warnings(space, spec)) == ["train.lr: the default 0.7 lies outside its range"]


def test_conditions_on_searched_and_on_fixed_parameters(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "when",
        "parameters:\n"
        "  model.width: {when: {model.kind: large}}\n"
        "  model.kind:\n"
        "  train.clip: {when: {train.frozen: [1, 2]}}\n"
        "  train.momentum: {when: {train.frozen: 5}}\n",
    )
    space = space_of(tmp_path, path)
    names = [p.name for p in space]
    assert names.index("model.kind") < names.index("model.width")
    assert space["model.width"].condition == Condition({"model.kind": ("large",)})
    assert space["train.clip"].condition is None
    reasons = {e.name: e.reason for e in space.excluded}
    assert reasons["train.momentum"] == "only with train.frozen = 5, which is 1"
    assert "model.width" not in space.defaults()


def test_all_parents_of_a_condition_have_to_agree(tmp_path: Path) -> None:
    text = (
        "only: true\nparameters:\n"
        "  model.width: {when: {model.kind: large, train.batch: [4, 8], train.frozen: 1}}\n"
        "  model.kind:\n"
        "  train.batch: {choices: [2, 4, 8]}\n"
        "  train.clip: {when: {model.kind: small, train.frozen: 7}}\n"
    )
    space = space_of(tmp_path, write(tmp_path, "when", text))
    condition = {"model.kind": ("large",), "train.batch": (4, 8)}
    assert [p.name for p in space] == ["model.kind", "train.batch", "model.width"]
    assert space["model.width"].condition == Condition(condition)
    assert space["model.width"].to_json()["condition"] == condition
    assert {"name": "train.clip", "reason": "only with train.frozen = 7, which is 1"} in space.to_json()[
        "excluded"
    ]
    samples = list(sample_space(space, 200))
    met = [p["model.kind"] == "large" and p["train.batch"] != 2 for p in samples]
    assert [("model.width" in p) for p in samples] == met
    assert 40 < sum(met) < 90


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters: {model.width: {when: {model.kind: huge}}, model.kind: }", "model.kind never is 'huge'"),
        (
            "parameters: {train.lr: {when: {train.mom: 1}}}",
            "train.lr.when: train.mom is not a parameter of the schema",
        ),
        (
            "parameters: {train.lr: {when: {train.clip: 1}}, train.clip: {when: {train.lr: 1}}}",
            "conditions lead in a circle: train.lr, train.clip",
        ),
        (
            "parameters: {model.kind: {when: {train.lr: 1}}, train.lr: {tie: train.clip}, train.clip: }",
            "model.kind: depends on train.lr, which is tied",
        ),
        (
            "parameters: {model.kind: {choices: [small, large], weights: [1]}}",
            "weights [1] do not fit 2 choices",
        ),
    ],
)
def test_conditions_and_weights_without_sense_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        space_of(tmp_path, write(tmp_path, "bad", text))
    assert message in str(caught.value)
    assert "bad.yaml:" in str(caught.value)


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = "parametres: {}\nonly: maybe\ndrop: x\nextends: 3\n"
    text += "parameters: {a: {lo: 1, high: big, step: 0}, b: 3, c: {when: [d]}}\n"
    with pytest.raises(SpaceError) as caught:
        read_space_file(write(tmp_path, "bad", text))
    found = str(caught.value)
    assert "bad.yaml:parametres: is not a key of a space file\n  -> did you mean parameters?" in found
    assert "bad.yaml:only: 'maybe' is not true or false" in found
    assert "bad.yaml:drop: 'x' is not a list" in found
    assert "bad.yaml:extends: 3 is not a name" in found
    assert "bad.yaml:a.lo: is not a field" in found
    assert "bad.yaml:a.high: 'big' does not fit" in found
    assert "bad.yaml:a.step: 0 does not fit" in found
    assert "bad.yaml:b: holds 3" in found
    assert "bad.yaml:c.when: ['d'] does not fit" in found


def test_extends_of_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="9' is not there"):
        read_space_file(write(tmp_path, "a", f"extends: '{'9' * 300}'"))


def test_extends_that_leads_nowhere_or_back_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=r"a\.yaml:extends: 'b' is not there\n  -> there are a"):
        read_space_file(write(tmp_path, "a", "extends: b"))
    write(tmp_path, "b", "extends: a")
    with pytest.raises(SpaceError, match="extends itself"):
        read_space_file(tmp_path / "search_spaces" / "a.yaml")
