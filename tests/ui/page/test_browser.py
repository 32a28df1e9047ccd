"""The page in a real browser: Debian's Chromium, driven by Playwright. Nothing is downloaded."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.browser import Visit
from tests.ui.page.colours import VIDEO_SECONDS_A_COLOUR
from tests.ui.page.conftest import Collection

WELCOME = "Describe a picture, or a moment in a video, in English."
TIME = "document.querySelector('dialog video').currentTime"


def test_what_is_typed_before_the_script_has_come_is_asked(browser: BrowserContext, page: str) -> None:
    """Scripts come in their own time, and Gradio's box takes letters before."""
    late: list[Route] = []
    browser.route("**/page/asking.js", lambda route: late.append(route))
    visit = Visit(browser, page)
    visit.ask("something blue")
    for route in late:
        route.continue_()
    visit.card("three.webm")
    browser.unroute("**/page/asking.js")
    visit.tab.close()


def test_a_folder_waits_for_the_script(browser: BrowserContext, page: str) -> None:
    """Else the browser would send the form by itself: the page would load anew, and say nothing of the folder."""
    late: list[Route] = []
    browser.route("**/page/library.js", lambda route: late.append(route))
    visit = Visit(browser, page)
    visit.tab.get_by_role("tab", name="Library").click()
    visit.tab.get_by_label("Path of a folder on this machine").fill("/etc")
    index = visit.tab.get_by_role("button", name="Index", exact=True)
    expect(index).to_be_disabled()
    for route in late:
        route.continue_()
    index.click()
    expect(visit.tab.locator(".vidi-add-told")).to_contain_text("/etc may not be indexed from here")
    browser.unroute("**/page/library.js")
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


def test_a_video_that_is_shown_no_more_is_loaded_no_further(visit: Visit) -> None:
    """A browser has six connections to one host: videos that go on loading would hold them all."""
    visit.ask("red")
    visit.card("three.webm")
    visit.tab.wait_for_function("document.querySelector('dialog video').readyState >= 2")
    visit.evaluate("() => { window.before = document.querySelector('dialog video') }")
    step = visit.tab.locator("dialog").get_by_role("button", name=re.compile("Next|Previous"), disabled=False).first
    step.click()
    expect(visit.tab.locator("dialog h2")).not_to_have_text("three.webm")
    # It is without a source first, and empty a moment later.
    visit.tab.wait_for_function("!window.before.hasAttribute('src') && window.before.networkState === 0")


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
    image = "document.querySelector('dialog img[alt=\"three.gif\"]')"  # those along the time have no name
    visit.tab.wait_for_function(f"{image}?.naturalWidth > 0")
    source = f"new URL({image}.src)"
    assert visit.tab.evaluate(f"{source}.pathname").startswith("/media/")
    expect(visit.tab.locator("dialog video")).to_have_count(0)
    expect(visit.tab.get_by_text("This browser can't play this kind of video.")).to_have_count(0)
    times = visit.tab.locator(".vidi-times button")
    expect(times).to_have_text(["0:00–0:04", "0:08–0:12"])
    times.nth(1).click()
    visit.tab.wait_for_function(f"{source}.searchParams.get('at') === '8.000'")
    visit.tab.wait_for_function(f"{image}.complete")
    assert visit.tab.evaluate(f"{image}.naturalWidth") > 0
    assert visit.complaints == []


def test_a_sound_plays_from_where_it_was_found_with_its_words(browser: BrowserContext, sound_page: str) -> None:
    visit = Visit(browser, sound_page)
    visit.ask('said:"old trombone"')
    expect(visit.tab.locator(".vidi-card .vidi-moment")).to_have_text(["0:06–0:09"])
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


def test_a_line_of_the_transcript_is_a_click_to_where_it_is_said(browser: BrowserContext, talking_page: str) -> None:
    visit = Visit(browser, talking_page)
    visit.ask("red")
    visit.card("three.webm")
    lines = visit.tab.locator(".vidi-transcript button")
    expect(lines).to_have_text(["0:00now it is red", "0:09the end"])
    visit.tab.wait_for_function("document.querySelector('dialog video').readyState >= 2")
    lines.nth(1).click()
    visit.tab.wait_for_function(f"{TIME} >= 9")
    assert visit.evaluate(TIME) < 11
    expect(lines.nth(1)).to_have_attribute("aria-current", "true")
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
    expect(visit.found.get_by_text("Nothing fits well.")).to_be_visible()
    visit.tab.get_by_role("button", name="Show the nearest anyway").click()
    expect(visit.found.get_by_text("Nothing fits. These 6 are the nearest.")).to_be_visible()
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
    visit.tab.get_by_role("button", name="Remove file").click()
    expect(visit.found.get_by_text(WELCOME)).to_be_visible()


PASTE = """([names, content]) => {
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
  const clipboardData = new DataTransfer();
  for (const name of names) clipboardData.items.add(new File([bytes], name, { type: "image/png" }));
  document.querySelector("#vidi-query textarea")
    .dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def paste(visit: Visit, picture: Path, *names: str) -> None:
    visit.evaluate(PASTE, [names, base64.b64encode(picture.read_bytes()).decode()])


def test_a_picture_that_is_pasted_is_searched_at_once(visit: Visit, collection: Collection) -> None:
    paste(visit, collection.media / "rose.png", "pasted.png")
    expect(visit.tab.locator(".vidi-card")).to_have_count(4)
    visit.ask("kind:video")
    expect(visit.tab.locator(".vidi-card")).to_have_count(2)
    assert visit.complaints == []


def test_several_pictures_are_searched_together_and_each_is_taken_out_by_a_click(
    visit: Visit, collection: Collection
) -> None:
    field = visit.tab.locator("#vidi-query input[type=file]")
    field.set_input_files([collection.media / name for name in ("rose.png", "sea.jpg")])
    shown = visit.tab.locator("#vidi-query .thumbnail-item")
    expect(shown).to_have_count(2)
    expect(visit.tab.locator(".vidi-card")).to_have_count(5)
    remove = visit.tab.get_by_role("button", name="Remove file")
    expect(remove.first).to_be_visible()
    remove.first.click()
    expect(shown).to_have_count(1)
    expect(visit.tab.locator(".vidi-card")).to_have_count(3)
    field.set_input_files([collection.media / name for name in ("rose.png", "sea.jpg", "leaf.tif", "sea again.jpg")])
    expect(visit.tab.get_by_role("alert")).to_contain_text("Expected at most 4 pictures, got 5; take some out.")


def test_going_back_steps_through_searches_with_their_pictures(visit: Visit, collection: Collection) -> None:
    cards, shown = visit.tab.locator(".vidi-card"), visit.tab.locator("#vidi-query .thumbnail-item")
    visit.tab.locator("#vidi-query textarea").press_sequentially("bl", delay=20)
    expect(visit.tab).to_have_url(f"{visit.address}?q=bl")
    visit.tab.locator("#vidi-query textarea").press_sequentially("ue", delay=20)
    expect(cards).to_have_count(3)
    visit.tab.locator(".vidi-facet:has-text('video')").first.click()
    expect(cards).to_have_count(2)
    visit.ask("")
    expect(visit.found.get_by_text(WELCOME)).to_be_visible()
    visit.tab.locator("#vidi-query input[type=file]").set_input_files(collection.media / "rose.png")
    expect(shown).to_have_count(1)
    expect(cards).to_have_count(4)
    visit.tab.go_back()
    expect(shown).to_have_count(0)
    expect(visit.found.get_by_text(WELCOME)).to_be_visible()
    visit.tab.go_back()
    expect(cards).to_have_count(2)
    assert visit.query == "blue kind:video"
    visit.tab.go_back()
    expect(cards).to_have_count(3)
    assert visit.query == "blue"
    visit.tab.go_back()
    expect(visit.found.get_by_text(WELCOME)).to_be_visible()
    visit.evaluate("history.go(4)")
    expect(shown).to_have_count(1)
    expect(cards).to_have_count(4)
    visit.reload()
    expect(shown).to_have_count(1)
    expect(cards).to_have_count(4)
    assert visit.complaints == []


def test_what_was_liked_is_in_the_address_and_outlives_a_reload(browser: BrowserContext, visit: Visit) -> None:
    visit.ask("green or blue")
    visit.card("three.webm")
    visit.tab.get_by_role("button", name="More like this").click()
    chip = visit.tab.get_by_role("button", name="Leave out: more like three.webm")
    expect(chip).to_be_visible()
    expect(visit.tab).to_have_url(re.compile(r"\?q=green\+or\+blue&like=\d+%40\d+\.\d{3}$"))
    visit.card("leaf.tif")
    visit.tab.get_by_role("button", name="Less like this").click()
    expect(visit.tab.get_by_role("button", name="Leave out: less like leaf.tif")).to_be_visible()
    expect(visit.tab).to_have_url(re.compile("&unlike="))
    bookmark = visit.tab.url
    visit.tab.go_back()
    expect(visit.tab.locator("#vidi-liked button")).to_have_count(1)
    expect(visit.tab.locator(".vidi-card:has-text('leaf.tif')")).to_have_count(1)
    visit.tab.go_forward()
    expect(visit.tab.locator(".vidi-card:has-text('leaf.tif')")).to_have_count(0)
    again = Visit(browser, bookmark)
    for name in ("more like three.webm", "less like leaf.tif"):
        expect(again.tab.get_by_role("button", name=f"Leave out: {name}")).to_be_visible()
    expect(again.tab.locator(".vidi-card").first).to_be_visible()
    expect(again.tab.locator(".vidi-card:has-text('leaf.tif')")).to_have_count(0)
    again.tab.close()
    assert visit.complaints == []


def test_what_led_to_a_search_is_no_step_of_its_own(visit: Visit) -> None:
    visit.ask("red")
    visit.card("rose.png")
    visit.tab.keyboard.press("Escape")
    expect(visit.tab.locator("dialog")).to_have_count(0)
    visit.card("rose.png")
    visit.tab.get_by_role("button", name="More like this").click()
    expect(visit.tab).to_have_url(re.compile("&like="))
    visit.tab.go_back()
    expect(visit.tab.locator("#vidi-liked button")).to_have_count(0)
    expect(visit.tab.locator("dialog")).to_have_count(0)
    assert visit.query == "red"
    visit.tab.go_back()
    expect(visit.found.get_by_text(WELCOME)).to_be_visible()


def test_a_search_is_kept_asked_again_and_removed(browser: BrowserContext, visit: Visit) -> None:
    saved = visit.tab.get_by_role("button", name="Saved searches")
    saved.click()
    field = visit.tab.get_by_label("A name for this search")
    expect(field).to_be_disabled()
    saved.click()
    visit.ask("red kind:picture")
    visit.card("rose.png")
    visit.tab.get_by_role("button", name="More like this").click()
    expect(visit.tab.locator(".vidi-card")).to_have_count(4)
    saved.click()
    field.fill("<b>reds</b> & more")
    visit.tab.keyboard.press("Enter")
    entries = visit.tab.locator(".vidi-saved-list li")
    expect(entries).to_contain_text(["<b>reds</b> & more"])
    other = Visit(browser, visit.address)
    other.tab.get_by_role("button", name="<b>reds</b> & more").click()
    expect(other.tab.locator(".vidi-card")).to_have_count(4)
    expect(other.tab.get_by_role("button", name="Leave out: more like rose.png")).to_be_visible()
    assert other.query == "red kind:picture"
    other.tab.close()
    visit.tab.get_by_role("button", name="Leave out: more like rose.png").click()
    expect(visit.tab.locator(".vidi-card")).to_have_count(2)
    entries.locator(".vidi-saved-open").click()
    expect(visit.tab.locator(".vidi-card")).to_have_count(4)
    visit.tab.get_by_role("button", name="Remove <b>reds</b> & more").press("Enter")
    expect(entries).to_have_count(0)
    expect(saved).to_be_focused()
    assert visit.complaints == []


def test_an_example_is_a_query(visit: Visit) -> None:
    visit.tab.locator(".vidi-chip").first.click()
    expect(visit.found.get_by_text("Nothing fits well.")).to_be_visible()


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
