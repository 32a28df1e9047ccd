"""The page in a real browser: Debian's Chromium, driven by Playwright. Nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.ui.page.colours import VIDEO_SECONDS_A_COLOUR
from tests.ui.page.conftest import Collection

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE_MILLISECONDS = 30_000
TIME = "document.querySelector('dialog video').currentTime"


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    """One profile for all tabs, so that Gradio's own scripts are loaded once."""
    chromium = shutil.which("chromium")
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed: apt-get install chromium")
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser.new_context()
        browser.close()


class Visit:
    """One tab, and all that went wrong in it."""

    def __init__(self, browser: BrowserContext, address: str, width: int = 1280) -> None:
        self.address = address
        self.tab: Page = browser.new_page()
        self.tab.set_viewport_size({"width": width, "height": 860})
        self.tab.set_default_timeout(PATIENCE_MILLISECONDS)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda message: self._complain(message.type, message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.goto(address)
        expect(self.tab.get_by_text("Describe a picture, or a moment in a video, in English.")).to_be_visible(
            timeout=PATIENCE_MILLISECONDS
        )

    def _complain(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def ask(self, words: str) -> None:
        """Type, and wait: no key is pressed at the end."""
        self.tab.locator("#vidi-query textarea").fill(words)

    def card(self, name: str) -> None:
        """Open one."""
        self.tab.locator(f".vidi-card:has-text('{name}')").click()


@pytest.fixture
def visit(browser: BrowserContext, page: str) -> Iterator[Visit]:
    visit = Visit(browser, page)
    yield visit
    visit.tab.close()


def test_from_words_to_the_moment_in_a_video(visit: Visit) -> None:
    visit.ask("something blue")
    visit.card("three.webm")
    start = 2 * VIDEO_SECONDS_A_COLOUR
    visit.tab.wait_for_function(f"document.querySelector('dialog video').readyState >= 2 && {TIME} >= {start}")
    visit.tab.evaluate("document.querySelector('dialog video').pause()")
    assert start <= visit.tab.evaluate(TIME) < start + VIDEO_SECONDS_A_COLOUR
    expect(visit.tab.locator(".vidi-times button")).to_have_text(["0:08–0:12"])
    visit.tab.keyboard.press("Escape")
    expect(visit.tab.locator("dialog")).to_have_count(0)
    assert visit.complaints == []
    assert all(url.startswith((visit.address, "data:", "blob:")) for url in visit.asked), visit.asked


def test_another_moment_is_a_click_away(visit: Visit) -> None:
    visit.ask("red or blue")
    visit.card("three.webm")
    times = visit.tab.locator(".vidi-times button")
    expect(times).to_have_text(["0:00–0:04", "0:08–0:12"])
    times.nth(1).click()
    visit.tab.wait_for_function(f"{TIME} >= {2 * VIDEO_SECONDS_A_COLOUR}")
    expect(times.nth(1)).to_have_attribute("aria-current", "true")


def test_pictures_open_even_where_the_browser_cant_show_their_kind(visit: Visit, collection: Collection) -> None:
    visit.ask("green")
    visit.card("leaf.tif")
    visit.tab.wait_for_function("document.querySelector('dialog img').naturalWidth > 0")
    expect(visit.tab.locator("dialog .vidi-where")).to_have_text(str(collection.media / "leaf.tif"))


def test_an_animated_picture_plays_and_its_moments_are_stills(browser: BrowserContext, moving_page: str) -> None:
    visit = Visit(browser, moving_page)
    visit.ask("red or blue")
    visit.card("three.gif")
    visit.tab.wait_for_function("document.querySelector('dialog img')?.naturalWidth > 0")
    source = "new URL(document.querySelector('dialog img').src)"
    assert visit.tab.evaluate(f"{source}.pathname").startswith("/media/")
    expect(visit.tab.locator("dialog video")).to_have_count(0)
    expect(visit.tab.get_by_text("This browser can't play this kind of video.")).to_have_count(0)
    times = visit.tab.locator(".vidi-times button")
    expect(times).to_have_text(["0:00–0:04", "0:08–0:12"])
    times.nth(1).click()
    visit.tab.wait_for_function(f"{source}.searchParams.get('at') === '8.000'")
    visit.tab.wait_for_function("document.querySelector('dialog img').complete")
    assert visit.tab.evaluate("document.querySelector('dialog img').naturalWidth") > 0
    assert visit.complaints == []


def test_a_video_that_the_browser_cant_play_shows_its_moment(visit: Visit) -> None:
    visit.ask("blue")
    visit.card("three.avi")
    expect(visit.tab.get_by_text("This browser can't play this kind of video.")).to_be_visible()
    red, _, blue = visit.tab.evaluate(
        """() => {
          const canvas = document.createElement("canvas").getContext("2d");
          canvas.drawImage(document.querySelector("dialog img"), 0, 0);
          return [...canvas.getImageData(20, 20, 1, 1).data.slice(0, 3)];
        }"""
    )
    assert blue > 180 > 90 > red


def test_copies_are_told_and_the_next_card_is_a_key_away(visit: Visit, collection: Collection) -> None:
    visit.ask("blue")
    visit.tab.locator("#vidi-kind").get_by_text("Pictures").click()
    expect(visit.tab.locator(".vidi-card")).to_have_count(1)
    visit.tab.locator("#vidi-kind").get_by_text("Everything").click()
    expect(visit.tab.locator(".vidi-card")).to_have_count(3)
    visit.tab.locator(".vidi-card").first.click()
    first = visit.tab.locator("dialog h2").inner_text()
    visit.tab.get_by_role("button", name="Next").click()
    assert visit.tab.locator("dialog h2").inner_text() != first
    visit.tab.keyboard.press("Escape")
    visit.card("sea")
    expect(visit.tab.locator("dialog .vidi-where").nth(1)).to_contain_text("also ")


def test_nothing_fits_then_the_nearest_then_words_anew(visit: Visit) -> None:
    visit.ask("a zebra")
    expect(visit.tab.get_by_text("Nothing fits.", exact=True)).to_be_visible()
    visit.tab.get_by_role("button", name="Show the nearest anyway").click()
    expect(visit.tab.get_by_text("Nothing fits. These 6 are the nearest.")).to_be_visible()
    expect(visit.tab.locator(".vidi-card")).to_have_count(6)
    visit.ask("green")
    expect(visit.tab.locator(".vidi-card")).to_have_count(3)
    expect(visit.tab.get_by_role("button", name="Show the nearest anyway")).to_have_count(0)


def test_a_picture_dropped_in_is_searched_at_once_and_taken_out_again(visit: Visit, collection: Collection) -> None:
    visit.tab.locator("#vidi-query input[type=file]").set_input_files(collection.media / "rose.png")
    expect(visit.tab.locator(".vidi-card")).to_have_count(4)
    visit.tab.locator("#vidi-query .thumbnail-item").hover()
    visit.tab.get_by_role("button", name="Remove file").click()
    expect(visit.tab.get_by_text("Describe a picture, or a moment in a video, in English.")).to_be_visible()


def test_an_example_is_a_query(visit: Visit) -> None:
    visit.tab.locator(".vidi-chip").first.click()
    expect(visit.tab.get_by_text("Nothing fits.", exact=True)).to_be_visible()


def test_names_are_text(visit: Visit) -> None:
    visit.ask("red")
    visit.card("<b>&")
    expect(visit.tab.locator("dialog h2")).to_have_text("<b>&'\".jpg")
    assert visit.tab.locator(".vidi-grid b, dialog b").count() == 0


def test_a_phone_sees_no_sideways_scrolling(browser: BrowserContext, page: str) -> None:
    visit = Visit(browser, page, width=360)
    visit.ask("red")
    visit.card("rose.png")
    visit.tab.wait_for_function("document.querySelector('dialog img').naturalWidth > 0")
    assert visit.tab.evaluate("document.documentElement.scrollWidth") <= 360
    assert visit.tab.evaluate("document.querySelector('dialog').scrollWidth") <= 360
    visit.tab.close()
