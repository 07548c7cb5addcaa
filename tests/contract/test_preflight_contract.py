"""What the detector's own check says, as the platform understands it."""

from pathlib import Path

import pytest

from automl.planning import Plan, RunRequest, make_plan
from automl.schema.documents import dump_yaml
from automl.schema.limits import find_excesses
from automl.schema.paths import with_path
from automl.skills import load_skill
from bevfusion.actions import dataset_convert
from bevfusion.data.checks import check_inputs
from bevfusion.demo import write_dataset
from bevfusion.encryption import KEY_VARIABLE
from bevfusion.spec import ConvertSpec, load_spec

pytestmark = pytest.mark.contract
TEST_PART = "dataset.test_dataset.ann_file"
BATCH = "dataset.train_dataset.batch_size"
SAMPLING = "dataset.augmentation.object_sampling.probability"


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted data set of 10 street scenes, 6 of them to train on; the test part has lost its labels."""
    root = tmp_path_factory.mktemp("street") / "data"
    write_dataset(root, frames=10, seed=3, workers=1, progress=False)
    for number in (root / "ImageSets" / "test.txt").read_text().split():
        (root / "training" / "label_2" / f"{number}.txt").unlink()
    dataset_convert.run(ConvertSpec(root_dir=str(root), results_dir=str(root)))
    return root


@pytest.fixture(scope="module")
def plan(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    results = tmp_path_factory.mktemp("results")
    return make_plan(
        RunRequest(data=str(street), profile="tiny", params=(f"{BATCH}=1,2,4,8",), results_dir=results)
    )


def test_a_test_part_without_labels_is_no_test_part(plan: Plan, street: Path) -> None:
    validation = str(street / "kitti_person_infos_val.pkl")
    assert plan.spec["dataset"]["test_dataset"]["ann_file"] == plan.data_sources[TEST_PART] == validation
    assert plan.warnings[0] == (
        f"{TEST_PART}: the frames of kitti_person_infos_test.pkl have no labels; "
        "with kitti_person_infos_val.pkl instead, winner and figures come from the same frames"
    )


def test_a_batch_beyond_the_training_split_is_never_suggested(plan: Plan) -> None:
    assert plan.space[BATCH].choices == (1, 2, 4)
    assert [limit.at_most for limit in plan.limits] == [6]
    assert any(warning.startswith(f"{BATCH} is narrowed to 1, 2, 4, since") for warning in plan.warnings)


@pytest.mark.parametrize(("batch", "accumulation"), [(6, 1), (7, 1), (2, 3), (2, 4)])
def test_platform_and_trainer_refuse_the_same_trials(
    plan: Plan, tmp_path: Path, batch: int, accumulation: int
) -> None:
    spec = with_path(with_path(plan.spec, BATCH, batch), "train.accumulation", accumulation)
    path = tmp_path / "spec.yaml"
    path.write_text(dump_yaml(spec))
    refused = batch * accumulation > 6
    assert [fault.where for fault in find_excesses(plan.limits, spec, str)] == [BATCH] * refused
    assert [fault.where for fault in check_inputs(load_spec(path), "train")] == [BATCH] * refused


def test_objects_are_searched_for_only_where_there_are_some(street: Path, tmp_path: Path) -> None:
    asked = RunRequest(data=str(street), profile="tiny", space="augmentation", results_dir=tmp_path)
    objects = street / "kitti_person_infos_train_objects.pkl"
    away = objects.rename(tmp_path / "away")
    assert make_plan(asked).space[SAMPLING].choices == (0.0,)
    away.rename(objects)


def test_platform_and_trainer_name_the_same_variable_for_the_key() -> None:
    assert load_skill("bevfusion").key_variable == KEY_VARIABLE
