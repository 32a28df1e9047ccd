"""The page by keys: what is typed into its fields, where the focus stays, and what a screen reader is told."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, expect

from tests.browser import Visit

PATH = "Path of a folder on this machine"


def test_a_path_is_typed_by_hand(visit: Visit) -> None:
    """Each path begins with a slash, which leads to the box from elsewhere."""
    visit.tab.get_by_role("tab", name="Library").click()
    field = visit.tab.get_by_label(PATH)
    field.press_sequentially("/etc?")
    expect(field).to_be_focused()
    expect(field).to_have_value("/etc?")
    visit.tab.keyboard.press("Backspace")
    visit.tab.keyboard.press("Enter")
    expect(visit.tab.locator(".vidi-add-told")).to_contain_text("/etc may not be indexed from here")
    visit.tab.get_by_role("tab", name="Library").press("/")
    expect(visit.tab.locator("#vidi-query textarea")).to_be_focused()
    assert visit.query == ""


def test_a_name_may_begin_with_a_slash_or_a_question_mark(visit: Visit) -> None:
    visit.ask("red")
    visit.tab.get_by_role("button", name="Saved searches").click()
    field = visit.tab.get_by_label("A name for this search")
    field.press_sequentially("?/")
    expect(field).to_have_value("?/")
    expect(visit.tab.locator("#vidi-help-text")).to_be_hidden()
    visit.card("rose.png")
    field = visit.tab.get_by_label("Add a tag")
    field.press_sequentially("/?")
    expect(field).to_have_value("/?")


def test_arrow_keys_go_on_after_a_button_was_pressed(visit: Visit) -> None:
    press, name = visit.tab.keyboard.press, visit.tab.locator("dialog h2")
    visit.ask("blue")
    cards = visit.tab.locator(".vidi-card .vidi-name")
    expect(cards).to_have_count(3)
    names = cards.all_inner_texts()
    cards.first.click()
    following = visit.tab.get_by_role("button", name="Next")
    following.click()
    expect(name).to_have_text(names[1])
    expect(following).to_be_focused()
    press("ArrowLeft")
    expect(name).to_have_text(names[0])
    for place in (1, 2):
        expect(following).to_be_focused()
        press("Enter")
        expect(name).to_have_text(names[place])
    expect(following).to_be_disabled()
    expect(visit.tab.locator("dialog")).to_be_focused()
    press("ArrowLeft")
    expect(name).to_have_text(names[1])
    press("Escape")
    expect(visit.tab.locator("dialog")).to_have_count(0)


def test_the_focus_goes_to_the_next_tag_when_one_is_taken_away(browser: BrowserContext, own_page: str) -> None:
    visit = Visit(browser, own_page)
    visit.ask("green")
    visit.card("leaf.tif")
    field = visit.tab.get_by_label("Add a tag")
    for label in ("a", "b", "c"):
        field.press_sequentially(label)
        visit.tab.keyboard.press("Enter")
        expect(visit.tab.get_by_role("button", name=f"Take away {label}")).to_be_visible()
        expect(field).to_be_focused()
    visit.tab.get_by_role("button", name="Take away b").focus()
    for following in ("c", "a"):
        visit.tab.keyboard.press("Enter")
        expect(visit.tab.get_by_role("button", name=f"Take away {following}")).to_be_focused()
    visit.tab.keyboard.press("Enter")
    expect(field).to_be_focused()
    assert visit.complaints == []
    visit.tab.close()


def test_what_an_answer_says_is_told_in_one_place(visit: Visit) -> None:
    """A screen reader listens to what was there before: not to what comes anew with its words."""
    line = visit.tab.locator("#vidi-spoken [role=status]")
    line.evaluate("(line) => { line.isStillThere = true }")
    for words, told in (
        ("a zebra", "Nothing fits well. Nothing of yours seems to show “a zebra”."),
        ("green", "results, best first"),
        ("kind:sound", "No results."),
        ("", "Describe a picture, or a moment in a video, in English."),
    ):
        visit.ask(words)
        expect(line).to_contain_text(told)
    assert line.evaluate("(line) => line.isStillThere && line.checkVisibility()")
    expect(visit.tab.locator("#vidi-found [role=status]")).to_have_count(0)
