"""The page in a browser: no complaint, no request, no violation of accessibility, at every width and scheme."""

import base64
import io
import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from report_projects import DIGITS, clothes, make_project, make_series, make_table, many_classes, suspect

from arcane.report import render_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
LARGEST = 5_000_000  # bytes of a page
SHADES = 60  # what is darker is a dark page's ground

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with its driver on this machine"),
]

CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
PROJECTS = {
    "digits": lambda root: suspect(make_project(root)),
    "bare": make_project,
    "classes": lambda root: many_classes(suspect(make_project(root))),
    "table": lambda root: suspect(make_table(root)),
    "series": lambda root: suspect(make_series(root)),
    "names": lambda root: suspect(make_project(root, ("<script>alert(1)</script>", *DIGITS[1:9], "ﷺ" * 40))),
    "nothing": lambda root: root,
    "fashion-mnist": lambda root: suspect(make_project(root, CLOTHES, clothes)),
}
EVERYWHERE = ("digits", "table")  # the others on two screens of the four
SCREENS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]


class Browser:
    """Headless Chromium without a network, that shows one page at a time.

    Args:
        driver: A selenium driver of Chromium.
    """

    def __init__(self, driver):
        self.driver = driver

    def show(self, page: Path, width: int = 1280, scheme: str = "light", media: str = "") -> None:
        height = 844 if width < 500 else 900
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        self.driver.get(page.resolve().as_uri())

    def picture(self) -> np.ndarray:
        """The upper part of the page in shades of grey: uint8 [H, W]."""
        from PIL import Image

        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4_000), "scale": 1}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("L"))

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that the page asked for."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def run(self, script: str):
        return self.driver.execute_script(script)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync"):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Every kind of project's page, by name."""
    made = {}
    for name, make in PROJECTS.items():
        root = tmp_path_factory.mktemp(name)
        make(root)
        made[name] = render_page(root)
    return made


@pytest.mark.parametrize("kind", PROJECTS)
def test_the_page_is_seen_without_a_complaint_or_a_request_and_axe_finds_no_violation(browser, pages, kind):
    from axe_core_python.selenium import Axe

    for width, scheme in SCREENS if kind in EVERYWHERE else SCREENS[1:3]:
        browser.show(pages[kind], width, scheme)
        document = browser.run("const d = document.documentElement; return [d.clientWidth, d.scrollWidth]")
        assert document == [width, width], "the page scrolls sideways"
        pixels = browser.picture()
        assert pixels.shape[1] == width and pixels.std() > 3, "one colour: nothing is drawn"
        assert (np.median(pixels) < SHADES) == (scheme == "dark")
        assert browser.complaints() == []
        asked = [address for address in browser.requests() if not address.startswith("data:")]
        assert asked == [pages[kind].resolve().as_uri()]
        browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
        found = Axe().run(browser.driver)
        assert [(each["id"], each["impact"], each["nodes"][0]["target"]) for each in found["violations"]] == []
        assert len(found["passes"]) > 20


@pytest.mark.parametrize("kind", PROJECTS)
def test_a_page_is_small(pages, kind):
    assert pages[kind].stat().st_size < LARGEST


def test_every_anchor_leads_somewhere_and_headings_go_down_one_step_at_a_time(browser, pages):
    for page in pages.values():
        browser.show(page)
        lost = "return [...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href').slice(1))"
        assert [
            each for each in browser.run(lost) if not browser.run(f"return !!document.getElementById('{each}')")
        ] == []
        levels = browser.run("return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels)), levels


def test_the_keyboard_reaches_contents_first_and_every_table_that_scrolls(browser, pages):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.show(pages["digits"], 390)
    body = browser.driver.find_element(By.TAG_NAME, "body")
    reached = []
    for _ in range(80):
        body.send_keys(Keys.TAB)
        name = browser.run("const a = document.activeElement; return a.textContent.slice(0, 30).trim() && "
                           "[a.tagName, a.className, getComputedStyle(a).outlineStyle]")  # fmt: skip
        body = browser.driver.switch_to.active_element
        if name[0] == "BODY":
            break
        reached.append(name)
    assert reached[0][1] == "skip" and reached[1][0] == "A"
    scrolls = browser.run("return document.querySelectorAll('.scroll:not(details *)').length")
    assert sum(kind == "scroll" for _, kind, _ in reached) == scrolls
    assert all(outline != "none" for *_, outline in reached), "a focus that cannot be seen"


def test_it_prints_light_and_opens_what_is_folded(browser, pages):
    browser.show(pages["digits"], 1280, "dark", media="print")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("return getComputedStyle(document.querySelector('nav')).display") == "none"
    sheets = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27})["data"])
    assert sheets.startswith(b"%PDF") and 3 <= len(re.findall(rb"/Type\s*/Page\b", sheets)) <= 20
