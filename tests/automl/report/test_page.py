"""The whole page, from studies made by events."""

import json
import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import patch

import pytest
from fake_study import finished_study, trial, write_study

from automl.cli.main import main
from automl.report import page
from automl.report.page import write_report
from automl.report.writer import ReportWriter
from automl.study.events import StudyEnded
from automl.study.store import StudyFolder
from automl.types import Cause, TrialState

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff3f030005fe"
    "02fea7d6059b0000000049454e44ae426082"
)


class Outline(HTMLParser):
    """Headings, landmarks and what is fetched from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def report_of(folder: StudyFolder) -> str:
    return write_report(folder).read_text("utf-8")


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def add_evaluation(folder: StudyFolder, name: str, ap: float, **files: object) -> None:
    root = folder.final_check / name
    (root / "pictures").mkdir(parents=True)
    kpi = {"AP11": ap, "TAO3D/person_3D_AP11_easy_strict": ap + 1, "TAO3D/person_3D_AP11_moderate_strict": ap}
    (root / "status.json").write_text(json.dumps({"status": "SUCCESS", "kpi": kpi}) + "\n")
    for file, content in files.items():
        (root / f"{file}.json").write_text(json.dumps(content))


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    html = report_of(finished_study(tmp_path / "study-a"))
    outline = Outline(html)
    assert "script" not in outline.tags
    assert "link" not in outline.tags
    assert all(source.startswith("#") for source in outline.sources)
    assert "http" not in re.sub(r'xmlns="[^"]+"|http-equiv', "", html)


def test_the_page_has_landmarks_and_headings(tmp_path: Path) -> None:
    tags = Outline(report_of(finished_study(tmp_path / "study-a"))).tags
    assert (tags.count("h1"), tags.count("main"), tags.count("nav")) == (1, 1, 1)
    assert [tag for tag in tags if tag == "section"] == ["section"] * tags.count("h2")


def test_the_verdict_comes_first_with_its_figures(tmp_path: Path) -> None:
    text = words(report_of(finished_study(tmp_path / "study-a")))
    assert text.index("Trial 2 gains +37.00 AP11 over the default spec.") < text.index("rank")
    assert "default spec 20.00 18.00" in text
    assert "winner, trial 2 60.00 55.00" in text
    assert "fresh seeds" not in text
    assert "the test part was opened once, at the end" in text


def test_fresh_seeds_interval_and_optimism_are_told(tmp_path: Path) -> None:
    def fresh(*values: float) -> dict[str, object]:
        return {"values": values, "mean": sum(values) / len(values), "spread": 2.0}

    folder = finished_study(tmp_path / "study-a")
    material = page.read_material(folder)
    side = {"val": 1.0, "test": 2.0, "fresh_val": fresh(50, 54), "fresh_test": fresh(51)}
    verdict = {
        "statement": "Yes.", "default": side, "winner": {"trial": "2", **side}, "interval": (1.0, 9.0),
        "probability_better": 0.9996, "optimism": 5.0,
    }  # fmt: skip
    material.summary["verdict"].clear()  # type: ignore[attr-defined]
    material.summary["verdict"].update(verdict)
    text = words(page.render_report(material))
    assert "52.00 ± 2.00 (50.00, 54.00)" in text
    assert "between +1.00 and +9.00 AP11 with 90 % confidence" in text
    assert "with a probability of more than 99%" in text
    assert "looked 5.00 AP11 better on the frames that chose it" in text


def test_the_leaderboard_ranks_and_a_failure_is_not_ranked(tmp_path: Path) -> None:
    text = words(report_of(finished_study(tmp_path / "study-a")))
    assert "1 2 finished 60.00 5 60 s lr=0.001" in text
    assert "3 1 stopped early 5.00 3 40 s lr=0.0001" in text
    assert "– 3 failed: it ran out of memory – 0 10 s lr=0.01" in text


def test_failures_say_what_was_done_and_text_stays_text(tmp_path: Path) -> None:
    html = report_of(finished_study(tmp_path / "study-a"))
    assert "the search took it as a bad point; bound what needs memory" in words(html)
    assert "CUDA out of memory &lt;b&gt;" in html


def test_costs_say_what_stopping_saved(tmp_path: Path) -> None:
    text = words(report_of(finished_study(tmp_path / "study-a")))
    assert (
        "epochs 13 saved by stopping early 2 of 15 epochs (13%), in 1 trial" in text
    )  # the failed one saved none


def test_a_failed_study_says_so_and_offers_no_winner(tmp_path: Path) -> None:
    lost = trial("0", [], TrialState.FAILED, Cause.DIVERGED, "loss is nan")
    text = words(report_of(write_study(tmp_path / "study-a", [*lost, StudyEnded("failed")])))
    assert "The study failed; no trial reached a value of AP11; see what ended each below." in text
    assert "lower the upper end of the learning rate" in text
    assert "saved by stopping early" not in text
    assert "automl reproduce" not in text


def test_the_test_part_sets_default_beside_winner(tmp_path: Path) -> None:
    folder = finished_study(tmp_path / "study-a")
    assert "On the test part" not in report_of(folder)
    add_evaluation(folder, "0", 18.0)
    add_evaluation(folder, "2", 55.0)
    text = words(report_of(folder))
    assert "person 3D 19.00 → 56.00 18.00 → 55.00 – → –" in text
    assert "All 3 figures" in text


def test_pictures_of_one_frame_stand_side_by_side(tmp_path: Path) -> None:
    folder = finished_study(tmp_path / "study-a")
    for name, pictures in (("0", ("best_1_000007", "curves")), ("2", ("worst_1_000007", "best_1_000009"))):
        add_evaluation(folder, name, 10.0)
        for picture in pictures:
            (folder.final_check / name / "pictures" / f"{picture}.png").write_bytes(PIXEL)
    html = report_of(folder)
    assert re.findall(r"<h3>Frame (\d+)</h3>", html) == ["000007", "000009"]
    assert html.count("data:image/png;base64,iVBOR") == 3
    assert "bird's-eye view" in html.replace("&#39;", "'")


def test_the_diagnosis_is_shown_by_class(tmp_path: Path) -> None:
    def found(ap11: float, missed: int) -> dict[str, object]:
        ring = {"name": "0-10 m", "labels": 4, "found": 2, "recall": 50.0}
        return {
            "ap11": ap11, "precision": 80.0, "recall": 70.0, "found": 9, "errors": {"missed": missed},
            "ap11_if_mended": {"missed": ap11 + 7.5}, "recall_by_distance": [ring],
        }  # fmt: skip

    folder = finished_study(tmp_path / "study-a")
    for name, ap, missed in (("0", 18.0, 30), ("2", 55.0, 4)):
        probe = {"ap11": {"as recorded": ap, "camera off": ap / 2}}
        add_evaluation(folder, name, ap, diagnosis={"classes": {"person": found(ap, missed)}, "probe": probe})
    text = words(report_of(folder))
    assert "errors: missed 30 4" in text
    assert "missed +7.5" in text
    assert "camera off 9.00 27.50" in text


def test_how_to_reproduce_gives_the_command_and_digests(tmp_path: Path) -> None:
    request = {"model": "fake", "trials": 4, "overrides": ["a=b c"], "tracking_uri": "http://me:pw@host/x"}
    folder = write_study(tmp_path / "study-a", trial("0", [1.0]), asked={"request": request})
    text = words(report_of(folder)).replace("&#39;", "'")
    assert "automl run --model fake --trials 4 --set 'a=b c' --tracking-uri http://host/x" in text
    assert f"automl reproduce best study-a --results-dir {tmp_path}" in text
    assert f"automl report study-a --results-dir {tmp_path} makes it again" in text
    assert re.search(r"sha256 of events.jsonl [0-9a-f]{64}", text)


def test_charts_stand_alone_beside_the_page(tmp_path: Path) -> None:
    folder = finished_study(tmp_path / "study-a")
    report_of(folder)
    drawn = {path.name: path.read_text("utf-8") for path in folder.figures.iterdir()}
    assert sorted(drawn) == ["best_so_far.svg", "curves.svg", "timeline.svg"]  # too few to say what mattered
    assert drawn["curves.svg"].startswith('<svg viewBox="0 0 640 300" role="img"')
    assert 'xmlns="http://www.w3.org/2000/svg" width="960" height="450">' in drawn["curves.svg"]
    assert "svg .line.winner { stroke: var(--winner)" in drawn["curves.svg"]


def test_a_study_that_has_only_begun_has_a_page(tmp_path: Path) -> None:
    text = words(report_of(write_study(tmp_path / "study-a", [])))
    assert "The study is interrupted; nothing has a value of AP11 yet." in text
    assert "How the search went" not in text


def test_of_a_long_study_the_tables_and_the_timeline_show_a_part(tmp_path: Path) -> None:
    params = {"train.lr": 1e-3}
    trials = (trial(str(k), [float(k)], params=params) for k in range(230))
    with patch("os.fsync"):
        folder = write_study(tmp_path / "study-a", (event for one in trials for event in one), step_s=1.0)
    html = report_of(folder)
    assert html.count("and 30 more, which the study's events hold.") == 2
    timeline = (folder.figures / "timeline.svg").read_text("utf-8")
    assert ">trial 30<" in timeline
    assert ">trial 29<" not in timeline


def test_the_same_study_gives_the_same_page(tmp_path: Path) -> None:
    folder = finished_study(tmp_path / "study-a")
    assert report_of(folder) == report_of(folder)


def test_the_command_says_where_the_page_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = finished_study(tmp_path / "study-a")
    with pytest.raises(SystemExit) as ended:
        main(["report", "--results-dir", str(tmp_path), "--json"])
    path = folder.root / "report.html"
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == {"study_id": "study-a", "report": str(path)}
    assert path.read_text().startswith("<!doctype html>")


def test_a_page_that_cannot_be_drawn_fails_no_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def burst(_: object) -> None:
        raise ZeroDivisionError("no ink")

    monkeypatch.setattr("automl.report.writer.write_report", burst)
    with caplog.at_level(logging.WARNING):
        ReportWriter(StudyFolder(tmp_path / "study-a")).study_ended({}, ())
    assert f"no ink; `automl report study-a --results-dir {tmp_path}` tries again" in caplog.text
