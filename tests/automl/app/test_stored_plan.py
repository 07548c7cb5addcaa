"""A plan that is written with its study and made again from it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_skill import write_fake_skill

from automl.app.sheet import make_sheet
from automl.app.stored_plan import load_plan, load_search, store_plan
from automl.errors import StudyError
from automl.planning import Plan, RunRequest, make_plan
from automl.search.warm_start import Observation, Past
from automl.study.store import StudyFolder, new_folder
from automl.types import Constraint, Direction, Metric, TrialState


@pytest.fixture
def stored(tmp_path: Path) -> tuple[StudyFolder, Plan]:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "val.txt").write_text("a")
    return store(tmp_path, skill_dir=write_fake_skill(tmp_path / "skill"))


def store(tmp_path: Path, **fields: Any) -> tuple[StudyFolder, Plan]:
    base = {"data": str(tmp_path / "data"), "results_dir": tmp_path / "results", "trials": 7, "seed": 3}
    plan = make_plan(RunRequest(**{**base, **fields}))
    folder = new_folder(tmp_path / "results", "study")
    store_plan(folder, make_sheet(plan, folder), plan)
    return folder, plan


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def without_schema(plan: Plan) -> Plan:
    """Bounds that are not a number make no two schemas equal."""
    return replace(plan, schema=None)


def test_plan_made_again_is_the_plan_that_was_stored(stored: tuple[StudyFolder, Plan]) -> None:
    folder, plan = stored
    assert without_schema(load_plan(folder)) == without_schema(plan)


def test_rule_of_ranking_is_stored_and_a_study_of_before_ranks_by_the_best_epoch(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "val.txt").write_text("a")
    folder, plan = store(tmp_path, skill_dir=write_fake_skill(tmp_path / "skill"), rank_by="mean:3")
    assert folder.read_sheet().metric == Metric("AP11", Direction.MAXIMIZE, mean_of_last=3)
    assert load_plan(folder).metric == plan.metric
    found = json.loads(folder.sheet.read_text())
    del found["mean_of_last"], found["request"]["rank_by"], found["plan"]["metric"]["rank_by"]
    folder.sheet.write_text(json.dumps(found))
    assert load_plan(folder).metric == folder.read_sheet().metric == Metric("AP11", Direction.MAXIMIZE)


def test_what_the_strategy_depends_on_needs_nothing_but_the_sheet(
    stored: tuple[StudyFolder, Plan], tmp_path: Path
) -> None:
    folder, plan = stored
    (tmp_path / "skill").rename(tmp_path / "elsewhere")
    assert load_search(folder) == plan.search


def test_plain_training_has_no_search_and_is_made_again(
    stored: tuple[StudyFolder, Plan], tmp_path: Path
) -> None:
    folder, plan = store(tmp_path, skill_dir=tmp_path / "skill", policy="off")
    assert load_search(folder) is None
    assert without_schema(load_plan(folder)) == without_schema(plan)


def test_request_means_the_same_from_another_folder(
    stored: tuple[StudyFolder, Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, plan = store(tmp_path, skill_dir=Path("skill"), data="data", results_dir=Path("results"))
    monkeypatch.chdir("/")
    again = load_plan(folder)
    assert (again.spec, again.data_sources) == (plan.spec, plan.data_sources)
    assert again.request.results_dir == tmp_path / "results"


def test_past_is_stored_with_the_study_and_needs_the_earlier_one_no_longer(
    stored: tuple[StudyFolder, Plan], tmp_path: Path
) -> None:
    folder, plan = stored
    seen = Observation("3", {"train.lr": 0.01}, ((3, 60.0),), TrialState.SUCCEEDED)
    plan = replace(
        plan, past=Past("gone", 50.0, (seen,), 3), request=replace(plan.request, warm_start="gone")
    )
    store_plan(folder, make_sheet(plan, folder), plan)
    assert load_search(folder) == plan.search
    assert load_plan(folder).past == plan.past


def test_objectives_and_limits_are_stored_and_have_to_stay(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "val.txt").write_text("a")
    fields = {"metric": None, "constraints": ("size<=3",)}
    request = RunRequest(
        skill_dir=write_fake_skill(tmp_path / "skill"), data=str(tmp_path / "data"),
        results_dir=tmp_path / "results", **fields,
    )  # fmt: skip
    size = Metric("size", Direction.MINIMIZE)
    made = make_plan(request)
    plan = replace(made, objectives=(Metric("AP11", Direction.MAXIMIZE), size))
    folder = new_folder(tmp_path / "results", "study")
    store_plan(folder, make_sheet(plan, folder), plan)
    sheet = folder.read_sheet()
    assert (sheet.metric, sheet.objectives) == (plan.metric, plan.objectives)
    assert sheet.metric.constraints == (Constraint("size", is_upper=True, bound=3.0),)
    with pytest.raises(StudyError, match=r"objectives: was .*AP11.*maximize.* and is \[\] now"):
        load_plan(folder)


def test_changed_schema_is_named_with_both_values(stored: tuple[StudyFolder, Plan], tmp_path: Path) -> None:
    folder, _ = stored
    edit(tmp_path / "skill" / "schemas" / "train.schema.json", '"maximum": 0.1', '"maximum": 0.5')
    message = r"study.json:space.parameters.train.lr.high: was 0.1 when the study began and is 0.5 now"
    with pytest.raises(StudyError, match=message):
        load_plan(folder)


def test_changed_template_is_named_with_both_values(stored: tuple[StudyFolder, Plan], tmp_path: Path) -> None:
    folder, _ = stored
    edit(tmp_path / "skill" / "references" / "spec_template_train.yaml", "seed: 40", "seed: 41")
    with pytest.raises(StudyError, match=r"spec.train.seed: was 40 .* and is 41 now\n.*--warm-start"):
        load_plan(folder)


def test_study_whose_schema_is_gone_does_not_turn_into_a_plain_training(
    stored: tuple[StudyFolder, Plan], tmp_path: Path
) -> None:
    folder, _ = stored
    (tmp_path / "skill" / "schemas" / "train.schema.json").unlink()
    with pytest.raises(StudyError, match="was a study and would be a plain training now"):
        load_plan(folder)


def test_sheet_without_a_request_is_refused(stored: tuple[StudyFolder, Plan]) -> None:
    folder, _ = stored
    sheet = json.loads(folder.sheet.read_text())
    del sheet["request"]
    folder.sheet.write_text(json.dumps(sheet))
    with pytest.raises(StudyError, match=r"study.json: does not hold what is needed to go on: .*request"):
        load_plan(folder)


def test_secret_is_not_stored(tmp_path: Path) -> None:
    request = RunRequest(overrides=("encryption_key=hush", "train.lr=1"))
    assert request.to_json(secret_keys=("encryption_key",))["overrides"] == ("train.lr=1",)
