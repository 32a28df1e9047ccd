"""A real browser for tests: Debian's Chromium, driven by Playwright. Nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

__all__ = ["PATIENCE_MILLISECONDS", "Visit", "launched"]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE_MILLISECONDS = 20_000
MISSING = "Chromium is not installed: apt-get install chromium"


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser; where it isn't installed the test is skipped, and fails where everything must be tested."""
    chromium = shutil.which("chromium")
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=FLAGS)
        expect.set_options(timeout=PATIENCE_MILLISECONDS)  # the five seconds that it takes are few beside other tests
        yield browser
        browser.close()


def _is_of_an_end(complaint: str) -> bool:
    return complaint.startswith("AbortError") or "Connection errored out" in complaint


class Visit:
    """One tab, and all that went wrong in it."""

    def __init__(self, context: BrowserContext, address: str, **size: int) -> None:
        self.address = address
        self.tab: Page = context.new_page()
        self.tab.set_viewport_size({"width": size.get("width", 1280), "height": size.get("height", 860)})
        self.tab.set_default_timeout(PATIENCE_MILLISECONDS)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda message: self._complain(message.type, message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.goto(address)
        self.tab.wait_for_selector(".vidi-notice, .vidi-card")

    def _complain(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    @property
    def elsewhere(self) -> list[str]:
        """Requests to other hosts."""
        return [url for url in self.asked if not url.startswith((self.address, "data:", "blob:"))]

    @property
    def found(self) -> Locator:
        """What is to be seen of an answer; a screen reader is told of it elsewhere too."""
        return self.tab.locator("#vidi-found")

    @property
    def query(self) -> str:
        """What stands in the box."""
        return self.tab.locator("#vidi-query textarea").input_value()

    def ask(self, words: str) -> None:
        """Type, and wait: no key is pressed at the end."""
        self.tab.locator("#vidi-query textarea").fill(words)

    def card(self, name: str) -> None:
        """Open one."""
        self.tab.locator(f"#vidi-gallery .vidi-card:has-text('{name}')").click()

    def reload(self) -> None:
        """As F5 does. What the page that ends complains of is no fault of it: its open requests are broken off."""
        before = list(self.complaints)
        self.tab.reload()
        self.complaints[len(before) :] = [text for text in self.complaints[len(before) :] if not _is_of_an_end(text)]

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Of the tab."""
        return self.tab.evaluate(script, argument)
