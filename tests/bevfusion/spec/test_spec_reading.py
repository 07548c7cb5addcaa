import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bevfusion.errors import SpecError
from bevfusion.spec import ConvertSpec, ExperimentSpec, load_convert_spec, load_spec
from bevfusion.spec.artifacts import validate_template
from bevfusion.spec.leaf import Leaf, members
from bevfusion.spec.schema import ACTIONS, action_schema, template
from bevfusion.spec.yaml_files import parse_text, write_mapping


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("trian: {}", "trian", "did you mean train?"),
        (
            "train: {optimizer: {wieght_decay: 0.1}}",
            "train.optimizer.wieght_decay",
            "train.optimizer.weight_decay?",
        ),
        ("train: {lr: 0.1}", "train.lr", "did you mean train.optimizer.lr?"),
        ("wandb: {}", "wandb", "known keys here: encryption_key, results_dir"),
        (
            "train: {optimizer: {lr: -1}}",
            "train.optimizer.lr",
            "-1.0 is out of bounds, allowed is between 1e-06 and 0.1",
        ),
        ("train: {num_epochs: 0}", "train.num_epochs", "0 is out of bounds, allowed is between 1 and 10000"),
        ("train: {num_epochs: 1.5}", "train.num_epochs", "1.5 is a number, expected a whole number"),
        ("train: {num_epochs: yes}", "train.num_epochs", "'yes' is a text"),
        ("train: {num_epochs: true}", "train.num_epochs", "True is a truth value"),
        ("train: {num_epochs: null}", "train.num_epochs", "None is null"),
        ("train: {optimizer: {lr: .nan}}", "train.optimizer.lr", "nan is not a finite number"),
        ("train: {optimizer: 3}", "train.optimizer", "3 is given where a group of keys belongs"),
        ("train: {gpu_ids: 0}", "train.gpu_ids", "0 is a whole number, expected a list"),
        ("train: {lr_scheduler: [3]}", "train.lr_scheduler", "expected a mapping"),
        ("results_dir: 7", "results_dir", "expected a text, put it in quotes"),
        ("input_modality: {use_lidar: on}", "use_lidar", "'on' is a text, expected true or false"),
        ("model: {voxel_size: [1, 1]}", "model.voxel_size", "[1, 1] has 2 elements, expected 3"),
        ("model: {view_transform: {type: LSS}}", "view_transform.type", "'LSS' is not among the allowed"),
        ("model: {view_transform: {downsample: 3}}", "downsample", "3 is not among the allowed 1, 2"),
    ],
)
def test_fault_names_file_key_found_and_allowed(load, text, where, words):
    with pytest.raises(SpecError) as caught:
        load(text)
    (fault,) = caught.value.faults
    assert fault.where.endswith(f"spec.yaml:{where}") or where in fault.where
    assert words in str(fault)
    assert caught.value.exit_code == 2


def test_all_faults_of_a_file_come_together(load):
    with pytest.raises(SpecError) as caught:
        load("train: {lrr: 1, num_epochs: 0, seed: a}\nfoo: 1", "bar=2")
    assert len(caught.value.faults) == 5


def test_numbers_and_words_are_read_as_people_mean_them(load):
    spec = load(
        "train: {optimizer: {lr: 1e-4, betas: [.9, 1e-1]}, num_epochs: 2e1, seed: 010}\n"
        "dataset: {classes: [no, on], default_cam_key: 'off'}"
    )
    assert spec.train.optimizer.lr == 0.0001
    assert spec.train.optimizer.betas == (0.9, 0.1)
    assert (spec.train.num_epochs, spec.train.seed) == (20, 10)
    assert spec.dataset.classes == ("no", "on")
    assert spec.dataset.default_cam_key == "off"


def test_override_wins_over_the_file_and_is_named_in_faults(load):
    assert load("train: {num_epochs: 3}", "train.num_epochs=5", "train.num_epochs=7").train.num_epochs == 7
    with pytest.raises(SpecError, match=r"command line:train\.num_epochs: 0 is out of bounds"):
        load("train: {num_epochs: 3}", "train.num_epochs=0")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("foo", "'foo' is not an override"),
        ("train.optimizer.lrr=1", "did you mean train.optimizer.lr"),
        ("train.num_epochs.x=1", "train.num_epochs is a single value"),
        ("train.seed=[1", "not readable as YAML"),
    ],
)
def test_unusable_override_is_refused(load, override, words):
    with pytest.raises(SpecError, match="command line") as caught:
        load("", override)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2", "key 'a' is given twice"),
        ("1: 2", "key 1 is not a word"),
        ("[1, 2]", "holds a list"),
        ("a: [", "not readable as YAML"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("[" * 5000, "not readable as YAML"),
    ],
)
def test_file_that_is_no_spec_is_refused(load, text, words):
    with pytest.raises(SpecError) as caught:
        load(text)
    assert words in str(caught.value)


def test_missing_and_unreadable_files_are_refused(tmp_path: Path):
    with pytest.raises(SpecError, match=r"nope.yaml: no such file"):
        load_spec(tmp_path / "nope.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(tmp_path / "binary.yaml")


def test_convert_spec_is_read_by_the_same_rules(tmp_path: Path):
    path = tmp_path / "convert.yaml"
    path.write_text("root_dir: /data\nmod: training")
    with pytest.raises(SpecError, match="did you mean mode"):
        load_convert_spec(path)
    path.write_text("")
    assert load_convert_spec(path, ["root_dir=/data"]) == ConvertSpec(root_dir="/data")


def test_results_of_an_action_go_to_the_common_folder_unless_told(load):
    spec = load("results_dir: a\nevaluate: {results_dir: b}")
    assert (spec.train.results_dir, spec.evaluate.results_dir) == ("a", "b")


@pytest.mark.parametrize("action", ACTIONS)
def test_template_reads_back_as_the_defaults(tmp_path: Path, action: str):
    path = tmp_path / "template.yaml"
    path.write_text(write_mapping(template(action)))
    if action == "dataset_convert":
        assert load_convert_spec(path) == ConvertSpec()
    else:
        from bevfusion.spec import derive

        assert load_spec(path) == derive(ACTIONS[action])


def test_only_the_template_of_evaluate_asks_for_a_diagnosis():
    asks = {action: spec.evaluate.diagnose for action, spec in ACTIONS.items() if hasattr(spec, "evaluate")}
    assert [action for action, diagnose in asks.items() if diagnose] == ["evaluate"]
    assert ExperimentSpec().evaluate.diagnose is False


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70),
    st.sampled_from([0.0, 0.5, -1.0, 1e9, "a", "", "DepthLSSTransform", "lidar"]),
    st.lists(st.integers(0, 5) | st.floats(-2, 2), max_size=4),
    st.dictionaries(st.sampled_from(["type", "lr", "z"]), st.integers(), max_size=2),
)


def leaf_names(kind, path=""):
    for member in members(kind):
        if isinstance(member.about, Leaf):
            yield path + member.name
        else:
            yield from leaf_names(member.hint, f"{path}{member.name}.")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(leaf_names(ExperimentSpec))), VALUES, max_size=4))
def test_any_values_give_a_spec_or_a_spec_error(load, changes):
    overrides = [f"{key}={write_mapping({'v': value})[3:].strip()}" for key, value in changes.items()]
    with contextlib.suppress(SpecError):  # the only way to say no
        assert load("", *overrides).model.grid_size is not None


def test_schema_tells_a_wrong_template_from_a_right_one():
    schema = action_schema("train")
    wrong = template("train")
    wrong["train"]["num_epochs"] = "ten"
    wrong["model"]["voxel_size"] = [1.0, 1.0]
    wrong["extra"] = 1
    places = [fault.where for fault in validate_template(wrong, schema, "t.yaml")]
    assert sorted(places) == ["t.yaml:", "t.yaml:model.voxel_size", "t.yaml:train.num_epochs"]
    assert validate_template(parse_text(write_mapping(template("train")), "t"), schema, "t.yaml") == []
