"""The page as a person uses it: `vidi ui` over an empty library, everything by mouse and keys in a real browser.

With ``VIDI_SCREENSHOTS=FOLDER`` (`make screenshots`) the pictures of the README are written there.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from retrieval import Client
from retrieval.paths import display_of
from tests.browser import Visit, launched
from tests.end_to_end.conftest import SHOTS, photograph
from tests.ui.page.conftest import running
from ui.sample_media import sample_media

SHOT_SECONDS = 3
PICTURES_TO_STOP_IN = 2500
TIME = "document.querySelector('dialog video').currentTime"
PLAYS = f"document.querySelector('dialog video')?.readyState >= 2 && {TIME} >= "
PHONE = {"width": 390, "height": 844}


@dataclass
class Story:
    """A library that was filled through the page, and what the page said meanwhile."""

    address: str
    media: Path
    told: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    return browser.new_context()


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs, a video in a kind that browsers play and one in a kind that they don't, and a file that is none."""
    folder = tmp_path_factory.mktemp("story") / "media"
    (folder / "Photos").mkdir(parents=True)
    for path in sample_media()[0]:
        if path.suffix in {".jpg", ".png", ".jpeg"}:
            shutil.copy(path, folder / "Photos" / path.name)
    shots = [np.asarray(photograph(name).resize((320, 240))) for name in SHOTS]
    for name, codec in (("shots.webm", "libvpx"), ("shots.avi", "mpeg4")):
        write_video(folder / name, shots, codec)
    (folder / "broken.jpg").write_bytes(b"no picture at all")
    return folder


def write_video(path: Path, shots: list[np.ndarray], codec: str, rate: int = 10) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *shots[0].shape[:2], "yuv420p"
        stream.gop_size = rate
        for shot in shots:
            for _ in range(SHOT_SECONDS * rate):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shot, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def story(context: BrowserContext, media: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    library = tmp_path_factory.mktemp("story") / "library"
    command = ["-m", "ui.command_line", "--library", str(library), "ui", "--no-open", "--allow-root", str(media)]
    with running(command) as (_, address):
        story = Story(address, media)
        fill_library(Visit(context, address), story)
        yield story


def fill_library(visit: Visit, story: Story) -> None:
    """From "nothing is indexed" to a library, by the page alone; all that it says of the job is kept."""
    expect(visit.found.get_by_text("Nothing is indexed yet.")).to_be_visible()
    visit.tab.get_by_role("button", name="Add a folder").click()
    visit.evaluate(
        """() => {
          window.told = [];
          new MutationObserver(() => window.told.push(document.querySelector(".vidi-job").textContent))
            .observe(document.querySelector("#vidi-library"), { childList: true, subtree: true, characterData: true });
        }"""
    )
    visit.tab.get_by_label("Path of a folder on this machine").fill(str(story.media))
    visit.tab.get_by_role("button", name="Index", exact=True).click()
    expect(visit.tab.locator(".vidi-job strong")).to_have_text("Done", timeout=120_000)
    story.told = visit.evaluate("window.told")
    assert visit.complaints == []
    visit.tab.close()


@pytest.fixture
def visit(context: BrowserContext, story: Story) -> Iterator[Visit]:
    visit = Visit(context, story.address)
    yield visit
    assert visit.elsewhere == []
    visit.tab.close()


def cards(visit: Visit) -> Locator:
    return visit.tab.locator("#vidi-gallery .vidi-card")


def facet(visit: Visit, name: str) -> Locator:
    return visit.tab.locator(f".vidi-facet:has-text('{name}')").first


# -- a library ---------------------------------------------------------------------------------------------------


def test_a_folder_is_indexed_with_progress(story: Story) -> None:
    whole = "\n".join(story.told)
    assert f"Indexing {story.media}" in whole
    assert "files a second" in whole
    assert display_of(os.fsencode(story.media / "broken.jpg")) in story.told[-1]
    assert "pictures indexed" in story.told[-1]


def test_the_library_tells_what_it_holds_and_what_failed(visit: Visit) -> None:
    visit.tab.get_by_role("tab", name="Library").click()
    expect(visit.tab.locator(".vidi-holds")).to_contain_text("2 videos")
    expect(visit.tab.get_by_label("Search in starter")).to_be_checked()
    expect(visit.tab.locator(".vidi-failed")).to_contain_text("broken.jpg")
    expect(visit.tab.locator(".vidi-models")).to_contain_text("all-MiniLM-L6-v2")
    visit.tab.locator(".vidi-failed").get_by_role("button", name="Try again").click()
    expect(visit.tab.locator(".vidi-job strong")).to_have_text("Done", timeout=60_000)
    expect(visit.tab.locator(".vidi-job")).to_contain_text("broken.jpg")


def test_a_folder_elsewhere_is_refused_in_words(visit: Visit) -> None:
    visit.tab.get_by_role("tab", name="Library").click()
    visit.tab.get_by_label("Path of a folder on this machine").fill("/etc")
    visit.tab.get_by_role("button", name="Index", exact=True).click()
    expect(visit.tab.locator(".vidi-add-told")).to_contain_text("/etc may not be indexed from here")


def test_an_index_run_is_stopped_keeps_its_work_and_goes_on(context: BrowserContext, tmp_path: Path) -> None:
    """So many pictures that it lasts for seconds after the first of them."""
    media = tmp_path / "media"
    media.mkdir()
    for number in range(PICTURES_TO_STOP_IN):
        Image.new("RGB", (320, 240), (number % 256, number // 256, 80)).save(media / f"{number}.png")
    command = ["-m", "ui.command_line", "--library", str(tmp_path / "library"), "ui", "--no-open"]
    with running([*command, "--allow-root", str(media)]) as (_, address):
        visit = Visit(context, address)
        visit.tab.get_by_role("button", name="Add a folder").click()
        visit.tab.get_by_label("Path of a folder on this machine").fill(str(media))
        visit.tab.get_by_role("button", name="Index", exact=True).click()
        progress = visit.tab.locator(".vidi-progress")
        expect(progress).to_have_text(re.compile(rf"^[1-9][\d,]* of {PICTURES_TO_STOP_IN:,} files"), timeout=60_000)
        visit.tab.get_by_role("button", name="Stop").click()
        state = visit.tab.locator(".vidi-job strong")
        expect(state).to_have_text("Stopped; what is finished is kept", timeout=60_000)
        with Client(address) as client:
            kept = client.status().files
            assert 0 < kept.indexed < PICTURES_TO_STOP_IN
            visit.tab.get_by_role("button", name="Continue").click()
            expect(state).to_have_text("Done", timeout=120_000)
            report = client.jobs()[0].report
            assert report is not None
            assert report["pictures"] == PICTURES_TO_STOP_IN - kept.indexed
            assert client.status().files.indexed == PICTURES_TO_STOP_IN
        assert visit.complaints == []
        visit.tab.close()


# -- searching ---------------------------------------------------------------------------------------------------


def test_typing_finds_and_a_filter_narrows_by_writing_into_the_line(visit: Visit) -> None:
    visit.ask("a cat")
    expect(cards(visit).first).to_contain_text("chelsea.png")
    facet(visit, "video").click()
    expect(visit.tab.locator("#vidi-query textarea")).to_have_value("a cat kind:video")
    expect(cards(visit)).to_have_count(2)
    expect(facet(visit, "video")).to_have_attribute("aria-pressed", "true")
    facet(visit, "video").click()
    expect(visit.tab.locator("#vidi-query textarea")).to_have_value("a cat")
    expect(cards(visit).first).to_contain_text("chelsea.png")


def test_a_query_that_cant_be_read_shows_the_place_and_leaves_the_results(visit: Visit) -> None:
    visit.ask("a cat")
    expect(cards(visit).first).to_be_visible()
    visit.ask("a cat kind:movie")
    expect(visit.tab.get_by_role("alert").locator("pre")).to_have_text("a cat kind:movie\n           ^^^^^")
    expect(cards(visit).first).to_be_visible()
    visit.ask("a cat")
    expect(visit.tab.get_by_role("alert").locator("pre")).to_have_count(0)


def test_nothing_fits_well_and_the_nearest_anyway(visit: Visit) -> None:
    visit.ask("a wedding cake")
    expect(visit.found.get_by_text("Nothing fits well.")).to_be_visible()
    visit.tab.get_by_role("button", name="Show the nearest anyway").click()
    expect(cards(visit).first).to_be_visible()


def test_a_picture_that_is_dropped_is_a_query(visit: Visit, story: Story) -> None:
    content = base64.b64encode((story.media / "Photos" / "coffee.png").read_bytes()).decode()
    visit.evaluate(
        """(content) => {
          const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
          const box = document.querySelector("#vidi-query .full-container");
          box.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        content,
    )
    expect(cards(visit).first).to_contain_text("coffee.png")


# -- one item ----------------------------------------------------------------------------------------------------


def test_a_video_opens_at_its_moment_and_can_be_searched_within(visit: Visit) -> None:
    visit.ask("a cup of coffee kind:video")
    visit.card("shots.webm")
    visit.tab.wait_for_function(f"{PLAYS} {SHOT_SECONDS}")
    visit.evaluate("document.querySelector('dialog video').pause()")
    assert SHOT_SECONDS <= visit.evaluate(TIME) < 2 * SHOT_SECONDS
    visit.tab.get_by_placeholder("Find in this video").fill("a rocket")
    visit.tab.keyboard.press("Enter")
    visit.tab.wait_for_function(f"{PLAYS} {2 * SHOT_SECONDS}")
    visit.tab.get_by_role("button", name="Play from 0:00").click()
    visit.tab.wait_for_function(f"{TIME} < {SHOT_SECONDS}")
    assert visit.complaints == []


def test_what_the_browser_cant_play_is_shown_as_a_preview_clip(visit: Visit) -> None:
    visit.ask("a cup of coffee kind:video")
    visit.card("shots.avi")
    expect(visit.tab.get_by_text("This is a preview clip of it.")).to_be_visible()
    visit.tab.wait_for_function("document.querySelector('dialog video').readyState >= 2")
    assert f"start={SHOT_SECONDS}" in visit.evaluate("document.querySelector('dialog video').src")


def test_more_like_this_and_less(visit: Visit) -> None:
    visit.ask("a cheetah")
    visit.card("cheetah1.jpg")
    visit.tab.get_by_role("button", name="More like this").click()
    expect(visit.tab.locator("dialog")).to_have_count(0)
    expect(visit.tab.locator("#vidi-liked button")).to_have_count(1)
    expect(cards(visit).first).to_contain_text("cheetah")
    cards(visit).first.click()
    name = visit.tab.locator("dialog h2").inner_text()
    visit.tab.get_by_role("button", name="Less like this").click()
    expect(visit.tab.get_by_role("button", name=f"Leave out: less like {name}")).to_be_visible()
    expect(cards(visit).filter(has_text=name)).to_have_count(0)
    visit.tab.get_by_role("button", name=f"Leave out: less like {name}").click()
    expect(visit.tab.locator("#vidi-liked button")).to_have_count(int(name != "cheetah1.jpg"))


def test_a_tag_by_hand_is_found_and_taken_away(visit: Visit) -> None:
    visit.ask("name:rocket.jpg")
    visit.card("rocket.jpg")
    visit.tab.get_by_placeholder("Add a tag").fill("space flight")
    visit.tab.keyboard.press("Enter")
    tag = visit.tab.locator(".vidi-by-hand", has_text="space flight")
    tag.get_by_role("button", name="space flight", exact=True).click()
    expect(visit.tab.locator("#vidi-query textarea")).to_have_value('tag:"space flight"')
    expect(cards(visit)).to_have_count(1)
    visit.card("rocket.jpg")
    visit.tab.get_by_role("button", name="Take away space flight").click()
    expect(tag).to_have_count(0)


def test_why_it_was_found_is_drawn_on_demand(visit: Visit) -> None:
    visit.ask("a cat kind:picture")
    visit.card("chelsea.png")
    visit.tab.get_by_role("button", name="Where in the picture?").click()
    visit.tab.wait_for_function("document.querySelector('.vidi-heat')?.naturalWidth > 0")
    visit.tab.get_by_role("button", name="Where in the picture?").click()
    expect(visit.tab.locator(".vidi-heat")).to_have_count(0)


# -- with keys, on a phone, in the dark --------------------------------------------------------------------------


def test_keys_alone_will_do(visit: Visit) -> None:
    press = visit.tab.keyboard.press
    visit.ask("a big cat")
    expect(cards(visit).first).to_be_visible()
    press("ArrowDown")
    expect(cards(visit).first).to_be_focused()
    press("ArrowRight")
    expect(cards(visit).nth(1)).to_be_focused()
    press("Enter")
    second = visit.tab.locator("dialog h2")
    expect(second).to_be_visible()
    name = second.inner_text()
    press("ArrowLeft")
    expect(second).not_to_have_text(name)
    press("Escape")
    expect(visit.tab.locator("dialog")).to_have_count(0)
    expect(cards(visit).first).to_be_focused()
    press("?")
    expect(visit.tab.locator("#vidi-help-text")).to_be_visible()
    press("/")
    expect(visit.tab.locator("#vidi-query textarea")).to_be_focused()


def test_going_back_closes_what_is_open_and_the_address_keeps_the_query(visit: Visit) -> None:
    visit.ask("a big cat")
    cards(visit).first.click()
    expect(visit.tab.locator("dialog")).to_be_visible()
    visit.tab.go_back()
    expect(visit.tab.locator("dialog")).to_have_count(0)
    visit.reload()
    expect(cards(visit).first).to_be_visible()
    assert visit.query == "a big cat"


def test_a_phone(context: BrowserContext, story: Story) -> None:
    visit = Visit(context, story.address, **PHONE)
    visit.ask("a cup of coffee")
    expect(cards(visit).first).to_be_visible()
    expect(facet(visit, "video")).to_be_hidden()
    visit.tab.get_by_role("button", name="Filters").click()
    facet(visit, "video").click()
    expect(cards(visit)).to_have_count(2)
    visit.card("shots.webm")
    expect(visit.tab.get_by_placeholder("Find in this video")).to_be_visible()
    for name in ("document.documentElement", "document.querySelector('dialog')"):
        assert visit.evaluate(f"{name}.scrollWidth") <= PHONE["width"], name
    visit.tab.close()


CONTRAST = """(selector) => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return parts(colour)[3] === 0 ? behind(element.parentElement) : colour;
  };
  const element = document.querySelector(selector);
  const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_in_the_light_and_in_the_dark(browser: Browser, story: Story, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    visit = Visit(context, story.address)
    visit.ask("a big cat")
    expect(cards(visit).first).to_be_visible()
    expect(facet(visit, "video")).to_be_visible()
    for selector in ("#vidi-line p", ".vidi-name", ".vidi-chance", ".vidi-facet span + span", ".vidi-facets h3"):
        assert visit.evaluate(CONTRAST, selector) >= 4.5, selector
    is_dark = visit.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every((part) => part < 60)"
    )
    assert is_dark == (scheme == "dark")
    context.close()


NAMELESS = """() => [...document.querySelectorAll("button, input, textarea, select, a[href], [role=group], progress")]
  .filter((element) => element.checkVisibility())
  .filter((element) => !(element.ariaLabel || element.textContent.trim() || element.labels?.length))
  .map((element) => element.outerHTML.slice(0, 200))"""
"""What has no words of its own: those that vanish as one types, or come when a mouse rests, are none."""


def test_everything_has_a_name_for_who_cant_see_it(visit: Visit) -> None:
    visit.ask("a lion")
    expect(facet(visit, "video")).to_be_visible()
    visit.tab.get_by_role("button", name="Saved searches").click()
    visit.tab.get_by_role("button", name="How to ask").click()
    assert visit.evaluate(NAMELESS) == []
    visit.card("lion.jpg")
    expect(visit.tab.locator(".vidi-facts")).to_be_visible()
    assert visit.evaluate(NAMELESS) == []
    visit.tab.keyboard.press("Escape")
    visit.tab.get_by_role("tab", name="Library").click()
    expect(visit.tab.get_by_label("Search in starter")).to_be_visible()
    assert visit.evaluate(NAMELESS) == []
    visit.tab.get_by_role("tab", name="Search").click()
    visit.ask("a cup of coffee kind:video")
    visit.card("shots.webm")
    expect(visit.tab.get_by_role("button", name="Play from 0:00")).to_be_visible()
    assert visit.evaluate(NAMELESS) == []


# -- for the README ----------------------------------------------------------------------------------------------


def shoot(visit: Visit, path: Path) -> None:
    """In 256 colours, which is a third of the bytes."""
    visit.tab.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(path, optimize=True)


def test_screenshots(browser: Browser, story: Story, tmp_path: Path) -> None:
    folder = Path(os.environ.get("VIDI_SCREENSHOTS") or tmp_path)
    context = browser.new_context(color_scheme="light", reduced_motion="reduce")
    visit = Visit(context, story.address, width=1200, height=760)
    visit.ask("a big cat")
    expect(cards(visit).first).to_be_visible()
    expect(facet(visit, "video")).to_be_visible()
    visit.tab.wait_for_function("[...document.querySelectorAll('.vidi-card img')].every((image) => image.naturalWidth)")
    shoot(visit, folder / "search.png")
    visit.ask("a cup of coffee kind:video")
    visit.card("shots.webm")
    visit.tab.wait_for_function(f"{PLAYS} {SHOT_SECONDS}")
    visit.evaluate("document.querySelector('dialog video').pause()")
    expect(visit.tab.locator(".vidi-facts")).to_be_visible()
    visit.tab.wait_for_function(
        "[...document.querySelectorAll('.vidi-stills img')].every((image) => image.naturalWidth)"
    )
    visit.evaluate("[...document.querySelectorAll('.vidi-section')].at(-1).remove()")  # a path of the test's own
    shoot(visit, folder / "moment.png")
    context.close()
    for name in ("search.png", "moment.png"):
        assert 10_000 < (folder / name).stat().st_size < 1_500_000
