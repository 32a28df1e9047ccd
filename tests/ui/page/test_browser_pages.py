"""More results than one page: as one scrolls, in an item that is open, and of a question that has changed."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser import Visit
from ui.page.answers import PAGE_SIZE

LOW = 300  # pixels: of a window in which nothing but the first page is near
REDS, BLUES = 56, 30  # of reds two pages, and less than half of a third: nothing is offered below it


def cards(visit: Visit) -> Locator:
    return visit.tab.locator("#vidi-gallery .vidi-card")


def test_more_comes_as_one_scrolls_until_the_last_has_come(browser: BrowserContext, many_page: str) -> None:
    visit = Visit(browser, many_page, height=LOW)
    visit.ask("red")
    expect(cards(visit)).to_have_count(PAGE_SIZE)
    for count in (2 * PAGE_SIZE, REDS):
        visit.tab.mouse.move(640, 200)
        visit.tab.mouse.wheel(0, 10_000)
        expect(cards(visit)).to_have_count(count)
    expect(visit.tab.locator("#vidi-more")).to_be_hidden()
    shown = visit.tab.locator("#vidi-gallery .vidi-grid > li")
    assert len(set(shown.evaluate_all("(entries) => entries.map((entry) => entry.dataset.asset)"))) == REDS
    assert visit.complaints == []
    visit.tab.close()


def test_what_follows_and_can_not_be_had_is_told(browser: BrowserContext, many_page: str) -> None:
    visit = Visit(browser, many_page, height=LOW)
    visit.ask("red")
    expect(cards(visit)).to_have_count(PAGE_SIZE)
    visit.evaluate(
        """() => { document.querySelector("#vidi-following").innerHTML =
          "<div class='vidi-notice'><h2>What follows can't be had.</h2></div>" }"""
    )
    expect(visit.tab.locator("#vidi-gallery .vidi-broken-off")).to_contain_text("What follows can't be had.")
    expect(visit.tab.locator("#vidi-more")).to_be_hidden()
    expect(cards(visit)).to_have_count(PAGE_SIZE)
    visit.tab.close()


def test_the_arrows_of_an_open_item_go_on_to_what_was_not_loaded(browser: BrowserContext, many_page: str) -> None:
    visit = Visit(browser, many_page, height=LOW)
    visit.ask("red")
    expect(cards(visit)).to_have_count(PAGE_SIZE)
    cards(visit).nth(PAGE_SIZE - 1).press("Enter")
    following = visit.tab.get_by_role("button", name="Next")
    expect(following).to_be_enabled()
    visit.tab.keyboard.press("ArrowRight")
    name = cards(visit).nth(PAGE_SIZE).locator(".vidi-name").inner_text()
    expect(visit.tab.locator("dialog h2")).to_have_text(name)
    visit.tab.keyboard.press("Escape")
    expect(cards(visit).nth(PAGE_SIZE)).to_be_focused()
    visit.tab.close()


def test_a_page_of_the_question_before_comes_too_late(browser: BrowserContext, slow_page: str) -> None:
    visit = Visit(browser, slow_page)
    visit.evaluate(
        """() => document.addEventListener("click", (event) => {
          if (event.target.closest("#vidi-more")) window.isMoreAsked = true;
        })"""
    )
    visit.ask("red")
    expect(cards(visit).first).to_contain_text("red")
    visit.tab.mouse.move(640, 400)
    visit.tab.mouse.wheel(0, 10_000)
    visit.tab.wait_for_function("window.isMoreAsked")
    visit.ask("blue")
    expect(cards(visit).first).to_contain_text("blue")
    visit.tab.mouse.wheel(0, 10_000)
    expect(cards(visit)).to_have_count(BLUES)
    expect(cards(visit).filter(has_text="red")).to_have_count(0)
    expect(visit.tab.locator("#vidi-more")).to_be_hidden()
    visit.tab.close()
