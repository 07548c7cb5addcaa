"""What these tests share: Chromium, a study that was run for them, and MLflow's server on it.

Screenshots of every page that is looked at go to the folder in AUTOML_SCREENSHOTS, where that is set.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from automl.study.store import StudyFolder, find_folder
from tests.fakes.fake_skill import write_fake_skill

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCRIPTS = Path(sys.executable).parent
SLOWEST_MS = 60_000
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

Look = Callable[["Page", str], None]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of this machine; playwright brings only what steers it."""
    steering = pytest.importorskip(
        "playwright.sync_api", reason="needs the extra 'browser'; review by 2027-06"
    )
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium, or set CHROMIUM; review by 2027-06")
    with steering.sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page in a fresh profile."""
    found = browser.new_page(viewport={"width": 1440, "height": 1000})
    found.set_default_timeout(SLOWEST_MS)
    yield found
    found.close()


@pytest.fixture(scope="session")
def look() -> Look:
    """Keeps a picture of a page under a name."""
    folder = os.environ.get("AUTOML_SCREENSHOTS")

    def keep(page: Page, name: str) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return keep


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """Eight trials of the quick trainer over two parameters; in AUTOML_RESULTS, the newest study there."""
    if given := os.environ.get("AUTOML_RESULTS"):
        return find_folder(Path(given))
    home = tmp_path_factory.mktemp("browser")
    write_fake_skill(home / "skill")
    (home / "data").mkdir()
    for part in ("val", "test"):
        (home / "data" / f"{part}.txt").write_text(part)
    wishes = "--skill-dir skill --data data --trials 8 --max-epochs 5 --seed 1 --algorithm asha"
    more = "--allow-disabled model.width --param model.width=4:32 --quiet --yes"
    done = subprocess.run(
        [SCRIPTS / "automl", "run", *wishes.split(), *more.split()], cwd=home, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return find_folder(home / "results")


@pytest.fixture(scope="session")
def pages(study: StudyFolder) -> Iterator[dict[str, str]]:
    """Addresses that ``automl ui`` names once its server answers, by the word before each."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = ["--results-dir", str(study.root.parent), "--port", str(port)]
    told: dict[str, str] = {}
    with subprocess.Popen(
        [SCRIPTS / "automl", "ui", *flags], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        assert server.stderr is not None
        for line in server.stderr:
            if match := re.match(r"(answer|trials) +(http://\S+)$", line):
                told[match[1]] = match[2]
            if len(told) == 2:
                break
        try:
            yield told
        finally:
            os.killpg(server.pid, signal.SIGINT)
            server.communicate(timeout=60)


@pytest.fixture(scope="session")
def summary(study: StudyFolder) -> dict[str, Any]:
    """The document of ``automl status --json``."""
    from automl.study.summary import read_summary

    return dict(read_summary(study))
