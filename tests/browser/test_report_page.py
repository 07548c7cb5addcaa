"""The report in a browser: wide and narrow, light and dark, for a screen reader, and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from automl.report.page import write_report
from automl.study.store import StudyFolder
from tests.browser.conftest import Look

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SCREENS = [(width, scheme) for width in (1440, 390) for scheme in ("light", "dark")]
SERIOUS = {"serious", "critical"}
PRINTED = """() => {
    const paper = getComputedStyle(document.body);
    const hidden = [...document.querySelectorAll('nav')].every(
        nav => getComputedStyle(nav).display === 'none');
    const cut = [...document.querySelectorAll('.scroll')].filter(
        box => getComputedStyle(box).overflowX !== 'visible').length;
    return [paper.backgroundColor, paper.color, hidden, cut];
}"""


@pytest.fixture(scope="module")
def address(study: StudyFolder) -> str:
    return write_report(study).as_uri()


def open_report(browser: Browser, address: str, width: int, scheme: Any) -> tuple[Page, list[str]]:
    """The page, and what it asked of the network or complained of."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    heard: list[str] = []
    page.on("request", lambda asked: heard.append(asked.url))
    page.on("console", lambda said: heard.append(said.text))
    page.goto(address)
    return page, [text for text in heard if not text.startswith(("file:", "data:"))]


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_report_fits_and_is_accessible(
    browser: Browser, address: str, width: int, scheme: str, look: Look
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra 'browser'")
    page, heard = open_report(browser, address, width, scheme)
    look(page, f"report_{width}_{scheme}")
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    found = axe.Axe().run(page).response
    assert [(f["id"], f["nodes"][0]["html"]) for f in found["violations"] if f["impact"] in SERIOUS] == []
    assert len(found["passes"]) > 20
    assert heard == []
    page.close()


def test_dark_and_light_differ(browser: Browser, address: str) -> None:
    def paper(scheme: str) -> str:
        page, _ = open_report(browser, address, 1440, scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.close()
        return str(colour)

    assert (paper("light"), paper("dark")) == ("rgb(255, 255, 255)", "rgb(20, 23, 28)")


def test_paper_is_white_has_no_menu_and_cuts_nothing_off(browser: Browser, address: str, look: Look) -> None:
    page, _ = open_report(browser, address, 1440, "dark")
    page.emulate_media(media="print")
    look(page, "report_print")
    assert page.evaluate(PRINTED) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)", True, 0]
    assert page.pdf().startswith(b"%PDF")
    page.close()
