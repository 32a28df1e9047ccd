"""What the page adds to a search in a library of a million assets, in a real browser: from Enter to what is drawn.

The library is that of :mod:`benchmarks.described_catalog`, with tags, captions, cameras and places, so that filters
have much to count; the server is a process of its own (``python -m benchmarks.page LIBRARY``) that tells how long the
engine took. Chromium is Debian's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from gradio_client import Client
from playwright.sync_api import Page, sync_playwright

from benchmarks.big_catalog import Mixture
from benchmarks.big_index import BenchSpace
from benchmarks.described_catalog import described_library
from benchmarks.machine import spread
from retrieval.library import Library
from retrieval.search.results import SearchResult
from ui.page.server import bind, serve

__all__ = ["measure_page"]

_QUERIES = 40
_WARM_UP = 5
_THUMBNAILS = 200
_CLIENTS = 10
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_ENGINE = "engine "
_DRAWN = """() => new Promise((done) => {
  const first = () => document.querySelector("#vidi-gallery .vidi-card")?.dataset.item;
  const before = first();
  let began = 0;
  addEventListener("keydown", () => (began = performance.now()), { once: true, capture: true });
  const seen = new MutationObserver(() => {
    if (!first() || first() === before) return;
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.vidiDrawn = performance.now() - began)));
  });
  window.vidiDrawn = null;
  seen.observe(document.querySelector("#vidi-gallery"), { childList: true, subtree: true });
  done();
})"""


def measure_page(folder: Path, *, count: int = 1_000_000, seconds: float = 30.0) -> dict[str, Any]:
    """Fill a catalog of ``count`` pictures (or take the one that is there), and search it as people do.

    ``seconds``: how long ten clients at once go on.
    """
    browser = shutil.which("chromium")
    if browser is None:
        return {"not_measured": "there is no chromium here: apt-get install chromium, and measure again"}
    library = described_library(folder, count)
    with _server(library) as server, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=_FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 860})
        began = time.perf_counter()
        page.goto(server.address)
        page.wait_for_selector(".vidi-notice")
        opened = time.perf_counter() - began
        whole, engine = _searches(page, server)
        chromium.close()
        return {
            "assets": count,
            "page_opens_seconds": round(opened, 2),
            "search_to_drawn_ms": spread([1000 * each for each in whole]),
            "engine_ms": spread([1000 * each for each in engine]),
            "beyond_the_engine_ms": spread([1000 * (a - b) for a, b in zip(whole, engine, strict=True)]),
            "beyond_the_engine_asked_median_ms": 300,
            "cached_thumbnail_ms": spread(_thumbnails(server.address, count)),
            "cached_thumbnail_asked_ms": 20,
            **_clients(server.address, seconds),
        }


# -- the server --------------------------------------------------------------------------------------------------


@dataclass
class _Server:
    address: str
    engine: list[float] = field(default_factory=list)
    """Seconds of each search so far."""


@contextmanager
def _server(library: Path) -> Iterator[_Server]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.page", str(library)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    server = _Server(process.stdout.readline().strip())
    threading.Thread(target=_listen, args=(process, server), daemon=True).start()
    try:
        yield server
    finally:
        process.terminate()
        process.wait()


def _listen(process: subprocess.Popen[str], server: _Server) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(_ENGINE):
            server.engine.append(float(line.removeprefix(_ENGINE)))


class _TimedLibrary(Library):
    """Prints how long the engine took."""

    def search(self, *arguments: Any, **options: Any) -> SearchResult:
        began = time.perf_counter()
        found = super().search(*arguments, **options)
        sys.stdout.write(f"{_ENGINE}{time.perf_counter() - began}\n")  # in one piece, whatever other threads write
        sys.stdout.flush()
        return found


def _serve(library: Path) -> None:
    bench = BenchSpace(Mixture().draw(_QUERIES + _WARM_UP, 88, texts=True))
    opened = partial(_TimedLibrary, spaces=lambda name: bench)
    with bind("127.0.0.1", None) as bound:
        serve(bound, library, notice=print, ready=partial(print, flush=True), open_library=opened)


# -- what is measured --------------------------------------------------------------------------------------------


def _searches(page: Page, server: _Server) -> tuple[list[float], list[float]]:
    """(seconds from Enter to drawn, seconds of the engine) of each query."""
    whole, engine = [], []
    for number in range(_WARM_UP + _QUERIES):
        page.fill("#vidi-query textarea", f"a picture of number {number % (_WARM_UP + _QUERIES)}")
        page.wait_for_timeout(100)  # Gradio takes the text in
        page.evaluate(_DRAWN)
        known = len(server.engine)
        page.press("#vidi-query textarea", "Enter")
        page.wait_for_function("window.vidiDrawn !== null", timeout=60_000)
        whole.append(page.evaluate("window.vidiDrawn") / 1000)
        page.wait_for_timeout(300)  # filters are counted after the answer
        engine.append(server.engine[known])
    return whole[_WARM_UP:], engine[_WARM_UP:]


def _thumbnails(address: str, count: int) -> list[float]:
    """Milliseconds of each of many that are kept, over one connection."""
    assets = [1 + n * max(1, count // 20) for n in range(20) if 1 + n * max(1, count // 20) <= count]
    times = []
    with httpx.Client(base_url=address, timeout=60) as client:
        for asset in assets:
            client.get(f"/thumbnail/{asset}?size=480").raise_for_status()
        for number in range(_THUMBNAILS):
            began = time.perf_counter()
            client.get(f"/thumbnail/{assets[number % len(assets)]}?size=480").raise_for_status()
            times.append(1000 * (time.perf_counter() - began))
    return times


def _clients(address: str, seconds: float) -> dict[str, Any]:
    """One client alone, then ten at once, by Gradio's own client: what each search takes."""
    alone, failed_alone = _ask_on(address, seconds / 3)
    with ThreadPoolExecutor(_CLIENTS) as pool:
        found = list(pool.map(lambda _: _ask_on(address, seconds), range(_CLIENTS)))
    times = [each for answers, _ in found for each in answers]
    return {
        "one_client_ms": spread(alone),
        "ten_clients_ms": spread(times),
        "ten_clients_p95_ms": round(float(np.percentile(times, 95)), 1),
        "ten_clients_p95_asked_ms": round(10 * float(np.median(alone)), 1),
        "failed": failed_alone + sum(failed for _, failed in found),
    }


def _ask_on(address: str, seconds: float) -> tuple[list[float], int]:
    client = Client(address, verbose=False, analytics_enabled=False)
    times, failed, began, number = [], 0, time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        number += 1
        query = {"text": f"a picture of number {number % _QUERIES}", "files": []}
        asked = time.perf_counter()
        gallery = client.predict(query, api_name="/search")[2]
        times.append(1000 * (time.perf_counter() - asked))
        failed += "vidi-card" not in str(gallery)
    client.close()
    return times, failed


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
