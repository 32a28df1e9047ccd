"""The page in a real browser: Debian's Chromium, driven by Playwright. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser import Visit, launched
from tests.ui.page.colours import VIDEO_SECONDS_A_COLOUR
from tests.ui.page.conftest import Collection

TIME = "document.querySelector('dialog video').currentTime"


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    """One profile for all tabs, so that Gradio's own scripts are loaded once."""
    with launched() as browser:
        yield browser.new_context()


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
    assert visit.elsewhere == []


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


def test_a_sound_plays_from_where_it_was_found_with_its_words(browser: BrowserContext, sound_page: str) -> None:
    visit = Visit(browser, sound_page)
    visit.ask('said:"old trombone"')
    expect(visit.tab.locator(".vidi-card .vidi-moment")).to_have_text(["sound"])
    expect(visit.tab.locator(".vidi-gone")).to_have_count(0)
    visit.card("birthday.wav")
    visit.tab.wait_for_function("document.querySelector('dialog audio').currentTime >= 6")
    expect(visit.tab.get_by_role("button", name="Where in the picture?")).to_have_count(0)
    expect(visit.tab.get_by_role("button", name="More like this")).to_have_count(0)
    lines = visit.tab.locator(".vidi-transcript button")
    expect(lines).to_have_text(["0:00many happy returns", "0:06an old trombone"])
    expect(lines.nth(1)).to_have_attribute("aria-current", "true")
    lines.nth(0).click()
    expect(lines.nth(0)).to_have_attribute("aria-current", "true")
    assert visit.complaints == []
    visit.tab.keyboard.press("Escape")
    visit.ask("kind:sound")
    visit.card("odd.wma")
    expect(visit.tab.get_by_text("This browser can't play this kind of sound.")).to_be_visible()
    visit.tab.close()


PIXEL = """(selector) => {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.drawImage(document.querySelector(selector), 0, 0);
  return [...canvas.getImageData(20, 20, 1, 1).data.slice(0, 3)];
}"""


def test_a_video_that_the_browser_cant_play_is_a_clip_from_its_moment(visit: Visit) -> None:
    visit.ask("blue")
    visit.card("three.avi")
    expect(visit.tab.get_by_text("This is a preview clip of it.")).to_be_visible()
    visit.tab.wait_for_function("document.querySelector('dialog video').readyState >= 2")
    red, _, blue = visit.evaluate(PIXEL, "dialog video")
    assert blue > 180 > 90 > red
    visit.tab.get_by_role("button", name="Play from 0:00").click()
    visit.tab.wait_for_function("document.querySelector('dialog video').src.includes('start=0.000')")


def test_one_clip_follows_another_until_the_video_ends(browser: BrowserContext, long_page: str) -> None:
    visit = Visit(browser, long_page)
    visit.ask("red kind:video")
    visit.card("long.avi")
    video = "document.querySelector('dialog video')"
    begin_and_end = [("0.000", 30), ("30.000", 6)]
    for start, seconds in begin_and_end:
        visit.tab.wait_for_function(f"{video}.src.includes('start={start}') && {video}.readyState >= 2")
        assert visit.tab.evaluate(f"{video}.duration") == pytest.approx(seconds, abs=0.2)
        visit.tab.evaluate(f"{video}.currentTime = {video}.duration - 0.3; {video}.play()")
    visit.tab.wait_for_function(f"{video}.ended")
    assert "start=30.000" in visit.tab.evaluate(f"{video}.src")
    assert visit.complaints == []
    visit.tab.close()


def test_where_no_clip_can_be_made_its_moment_is_a_still(visit: Visit) -> None:
    visit.tab.route("**/preview?**", lambda route: route.fulfill(status=422, body="no clip"))
    visit.ask("blue")
    visit.card("three.avi")
    expect(visit.tab.get_by_text("This is its frame at the moment.")).to_be_visible()
    red, _, blue = visit.evaluate(PIXEL, "dialog img")
    assert blue > 180 > 90 > red


def test_copies_are_told_and_the_next_card_is_a_key_away(visit: Visit, collection: Collection) -> None:
    visit.ask("blue kind:picture")
    expect(visit.tab.locator(".vidi-card")).to_have_count(1)
    visit.ask("blue")
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
    expect(visit.tab.get_by_text("Nothing fits well.")).to_be_visible()
    visit.tab.get_by_role("button", name="Show the nearest anyway").click()
    expect(visit.tab.get_by_text("Nothing fits. These 6 are the nearest.")).to_be_visible()
    expect(visit.tab.locator(".vidi-card")).to_have_count(6)
    visit.ask("green")
    expect(visit.tab.locator(".vidi-card")).to_have_count(3)
    expect(visit.tab.get_by_role("button", name="Show the nearest anyway")).to_have_count(0)


def test_a_half_typed_field_leaves_all_but_says_so(visit: Visit) -> None:
    visit.ask("red")
    expect(visit.tab.locator(".vidi-facet").first).to_be_visible()
    expect(visit.tab.locator("#vidi-line")).to_contain_text("results, best first")
    visit.ask("red kind:v")
    expect(visit.tab.get_by_role("alert").locator("pre")).to_be_visible()
    expect(visit.tab.locator("#vidi-line")).to_contain_text("results, best first")
    visit.tab.wait_for_timeout(500)  # filters are counted after the answer
    expect(visit.tab.locator(".vidi-facet").first).to_be_visible()
    visit.ask("a zebra")
    nearest = visit.tab.get_by_role("button", name="Show the nearest anyway")
    expect(nearest).to_be_visible()
    visit.ask("a zebra kind:v")
    expect(visit.tab.get_by_role("alert").locator("pre")).to_be_visible()
    expect(nearest).to_be_visible()


def test_a_question_mark_in_an_empty_box_is_for_help(visit: Visit) -> None:
    box, told = visit.tab.locator("#vidi-query textarea"), visit.tab.locator("#vidi-help-text")
    box.focus()
    visit.tab.keyboard.press("?")
    expect(told).to_be_visible()
    assert visit.query == ""
    visit.tab.keyboard.press("?")
    expect(told).to_be_hidden()
    visit.tab.keyboard.type("red?")
    assert visit.query == "red?"
    expect(told).to_be_hidden()


def test_results_of_before_are_marked_when_a_search_gets_no_answer(visit: Visit) -> None:
    visit.ask("red")
    expect(visit.tab.locator(".vidi-card").first).to_be_visible()
    visit.tab.route("**/gradio_api/queue/join*", lambda route: route.abort())
    visit.ask("blue")
    expect(visit.tab.locator("body.vidi-unanswered")).to_have_count(1)


def test_who_is_no_longer_signed_in_is_led_there(visit: Visit) -> None:
    visit.tab.route("**/login", lambda route: route.fulfill(body="the form"))
    visit.tab.route("**/gradio_api/queue/join*", lambda route: route.fulfill(status=401, body="sign in"))
    visit.ask("red")
    visit.tab.wait_for_url("**/login")


def test_a_page_of_before_a_restart_says_what_to_do(visit: Visit) -> None:
    visit.ask("green")
    visit.card("leaf.tif")
    visit.evaluate("document.querySelector('meta[name=vidi-token]').content = 'that of before'")
    visit.tab.get_by_label("Add a tag").fill("leafy")
    visit.tab.get_by_role("button", name="Add", exact=True).click()
    expect(visit.tab.locator("dialog .vidi-told", has_text="Reload the page")).to_be_visible()


def test_the_way_out_of_an_item_stays_in_sight_on_a_phone(browser: BrowserContext, page: str) -> None:
    visit = Visit(browser, page, width=390, height=600)
    visit.ask("red")
    visit.card("three.webm")
    expect(visit.tab.locator("dialog .vidi-facts")).to_be_attached()
    close = visit.tab.get_by_role("button", name="Close", exact=True)
    for scrolled in (0, 10_000):
        visit.evaluate("(top) => { document.querySelector('dialog').scrollTop = top }", scrolled)
        box = close.bounding_box()
        assert box is not None
        assert 0 <= box["y"] < 60
    close.click()
    expect(visit.tab.locator("dialog")).to_have_count(0)
    visit.tab.close()


def test_a_picture_dropped_in_is_searched_at_once_and_taken_out_again(visit: Visit, collection: Collection) -> None:
    visit.tab.locator("#vidi-query input[type=file]").set_input_files(collection.media / "rose.png")
    expect(visit.tab.locator(".vidi-card")).to_have_count(4)
    visit.tab.locator("#vidi-query .thumbnail-item").hover()
    visit.tab.get_by_role("button", name="Remove file").click()
    expect(visit.tab.get_by_text("Describe a picture, or a moment in a video, in English.")).to_be_visible()


def test_an_example_is_a_query(visit: Visit) -> None:
    visit.tab.locator(".vidi-chip").first.click()
    expect(visit.tab.get_by_text("Nothing fits well.")).to_be_visible()


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
