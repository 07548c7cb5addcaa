"""MLflow's own pages on a study, seen as a person sees them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import Look

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def searched(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Trials of the search with a value, the best first."""
    known = [t for t in summary["trials"] if t["role"] == "search" and t["value"] is not None]
    return sorted(known, key=lambda trial: -trial["value"])


def listed(page: Page) -> list[str]:
    names = page.get_by_role("link", name=re.compile(r"^trial \d+$"))
    names.first.wait_for()
    return names.all_inner_texts()


def open_trials(page: Page, pages: dict[str, str]) -> None:
    page.goto(pages["trials"])
    listed(page)
    if (assistant := page.get_by_role("button", name="Close")).count():
        assistant.first.click()  # MLflow opens a chat beside every first page


def test_the_answer_is_the_first_thing_on_the_parent(
    page: Page, pages: dict[str, str], summary: dict[str, Any], look: Look
) -> None:
    page.goto(pages["answer"])
    page.get_by_text(summary["verdict"]["statement"]).wait_for()
    assert page.get_by_role("link", name="incumbent_AP11", exact=True).is_visible()
    page.get_by_text("Show more").first.click()
    for name in summary["best"]["params"]:
        assert page.locator("td code", has_text=name).first.is_visible()
    look(page, "mlflow_answer")


def test_the_winners_link_leads_to_the_winners_run(
    page: Page, pages: dict[str, str], summary: dict[str, Any], look: Look
) -> None:
    winner = f"trial {summary['verdict']['winner']['trial']}"
    page.goto(pages["answer"])
    page.get_by_text("Winner:").get_by_role("link", name=winner).wait_for()
    with page.expect_popup() as opened:
        page.get_by_text("Winner:").get_by_role("link", name=winner).click()
    opened.value.get_by_role("heading", name=winner).wait_for()
    look(opened.value, "mlflow_winner")


def test_trials_stand_best_first_with_their_parameters_and_no_click(
    page: Page, pages: dict[str, str], summary: dict[str, Any], look: Look
) -> None:
    open_trials(page, pages)
    values = {f"trial {trial['id']}": trial["value"] for trial in searched(summary)}
    shown = [values[name] for name in listed(page)]
    assert shown == sorted(values.values(), reverse=True)
    for column in ("AP11", "state", *list(summary["best"]["params"])[:2]):
        assert page.get_by_role("columnheader", name=column, exact=True).first.is_visible()
    look(page, "mlflow_trials")


def test_two_trials_are_compared_over_their_dotted_names(
    page: Page, pages: dict[str, str], summary: dict[str, Any], look: Look
) -> None:
    open_trials(page, pages)
    boxes = page.get_by_role("checkbox", name=re.compile("toggle row selection"))
    boxes.nth(0).click()
    boxes.nth(1).click()
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("heading", name="Comparing 2 Runs").wait_for()
    axes = page.locator(".parcoords .axis-title")
    axes.first.wait_for()
    assert len({*summary["best"]["params"]} & {*axes.all_text_contents()}) >= 2
    look(page, "mlflow_compare")


def test_charts_of_the_study_and_pictures_of_the_winner_are_seen(
    page: Page, pages: dict[str, str], summary: dict[str, Any], look: Look
) -> None:
    page.goto(pages["answer"].replace("?", "/artifacts?"))
    page.get_by_text("figures", exact=True).click()
    page.get_by_text("best_so_far.svg", exact=True).click()
    show_picture(page)
    look(page, "mlflow_figure")
    page.goto(pages["trials"])
    winner = f"trial {summary['verdict']['winner']['trial']}"
    page.get_by_role("link", name=winner, exact=True).click()
    page.get_by_role("heading", name=winner).wait_for()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("pictures", exact=True).click()
    page.get_by_text(re.compile(r"^best_1_\d+\.png$")).click()
    show_picture(page)
    look(page, "mlflow_picture")


def test_the_report_opens_among_the_artifacts(page: Page, pages: dict[str, str], look: Look) -> None:
    page.goto(pages["answer"].replace("?", "/artifacts?"))
    page.get_by_text("report.html", exact=True).click()
    page.frame_locator("iframe").get_by_role("heading", name="Verdict").wait_for()
    look(page, "mlflow_report")


def show_picture(page: Page) -> None:
    """Wait until the artifact page has decoded a picture larger than any of its own."""
    page.wait_for_function("[...document.images].some(image => image.complete && image.naturalWidth >= 320)")
