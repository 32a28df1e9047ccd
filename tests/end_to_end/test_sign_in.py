"""Signing in and out as a person does: `vidi ui` with a password or a token, the form and keys of a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import launched
from tests.ui.page.conftest import running
from ui.trust.passwords import set_password
from ui.trust.tokens import token_of

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@contextmanager
def served(folder: Path, *trust: str) -> Iterator[str]:
    """The address of a page over an empty library."""
    with running(["-m", "ui.command_line", "--library", str(folder / "library"), "ui", "--no-open", *trust]) as (_, at):
        yield at


def sign_in(tab: Page, address: str, **fields: str) -> None:
    """Type into the form that the page led to, and press Enter."""
    tab.goto(address)
    expect(tab).to_have_url(f"{address}login")
    for label, text in fields.items():
        tab.get_by_label(label).fill(text)
    tab.keyboard.press("Enter")


def test_by_name_and_password_and_out_again(browser: Browser, tmp_path: Path) -> None:
    set_password(tmp_path / "passwords", "anna", PASSWORD)
    with served(tmp_path, "--password-file", str(tmp_path / "passwords")) as address, browser.new_context() as context:
        tab = context.new_page()
        sign_in(tab, address, Name="anna", Password="wrong horse")
        expect(tab.get_by_role("alert")).to_have_text("That is not right.")
        sign_in(tab, address, Name="anna", Password=PASSWORD)
        expect(tab.locator("#vidi-found").get_by_text("Nothing is indexed yet.")).to_be_visible()
        tab.get_by_role("button", name="Sign out").click()
        expect(tab).to_have_url(f"{address}login")
        tab.goto(address)
        expect(tab).to_have_url(f"{address}login")


def test_by_the_token(browser: Browser, tmp_path: Path) -> None:
    token = token_of(tmp_path / "token")
    with served(tmp_path, "--token-file", str(tmp_path / "token")) as address, browser.new_context() as context:
        tab = context.new_page()
        sign_in(tab, address, Token=token)
        expect(tab.locator("#vidi-found").get_by_text("Nothing is indexed yet.")).to_be_visible()
        tab.get_by_role("button", name="Sign out").click()
        expect(tab).to_have_url(f"{address}login")


def test_who_is_no_longer_signed_in_is_led_to_it_by_the_next_search(browser: Browser, tmp_path: Path) -> None:
    token = token_of(tmp_path / "token")
    with served(tmp_path, "--token-file", str(tmp_path / "token")) as address, browser.new_context() as context:
        tab = context.new_page()
        sign_in(tab, address, Token=token)
        expect(tab.locator("#vidi-found").get_by_text("Nothing is indexed yet.")).to_be_visible()
        context.clear_cookies()
        tab.locator("#vidi-query textarea").fill("red")
        expect(tab).to_have_url(f"{address}login")
