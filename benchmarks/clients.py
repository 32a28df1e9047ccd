"""Ten people search at once, over HTTP, as one after the other would."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.first_answers import SMALL, VARIETY, make_many
from benchmarks.media import make_pictures
from indexer import index
from retrieval import Client
from retrieval.errors import RemoteError

__all__ = ["measure_clients"]

CLIENTS = 10
PICTURES = 2_000
ALONE_SECONDS = 20.0
_QUERIES = Path(__file__).parent / "data" / "demo_queries.json"


@dataclass
class Heard:
    """What one client met."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def measure_clients(folder: Path, *, seconds: float = 120.0) -> dict[str, Any]:
    """One client alone, then ten for ``seconds``, each asking again as soon as it is answered."""
    media, library = folder / "clients", folder / "clients-library"
    make_many(media, make_pictures(folder / "few", VARIETY, SMALL), PICTURES)
    index([media], library)
    with _served(library) as url:
        _ask(url, 0, 3.0)  # models and index are loaded
        alone = [_ask(url, 0, ALONE_SECONDS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            together = list(pool.map(lambda number: _ask(url, number, seconds), range(CLIENTS)))
    one, ten = _figures(alone), _figures(together)
    return {
        "pictures": PICTURES,
        "one": one,
        "ten": ten | {"clients": CLIENTS, "seconds": seconds},
        "p95_of_ten_by_p50_of_one": round(ten["p95_ms"] / one["p50_ms"], 2),
    }


@contextmanager
def _served(library: Path) -> Iterator[str]:
    """`vidi ui` as a process of its own; gives its address."""
    vidi = str(Path(sys.executable).with_name("vidi"))
    command = [vidi, "--library", str(library), "ui", "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
    finally:
        process.terminate()
        process.wait(30)


def _ask(url: str, number: int, seconds: float) -> Heard:
    """Search for one thing after the other, in an order of this client's own."""
    told = json.loads(_QUERIES.read_text())
    queries = [query for half in told.values() for kind in half.values() for query in kind]
    random.Random(number).shuffle(queries)
    heard, end = Heard(), time.monotonic() + seconds
    with Client(url) as client:
        for query in itertools.cycle(queries):
            began = time.perf_counter()
            try:
                client.search(query, top=24)
            except RemoteError as error:
                heard.errors.append(str(error))
            heard.seconds.append(time.perf_counter() - began)
            if time.monotonic() >= end:
                return heard
    raise AssertionError("a cycle has no end")


def _figures(heard: list[Heard]) -> dict[str, Any]:
    seconds = np.concatenate([each.seconds for each in heard])
    errors = [error for each in heard for error in each.errors]
    return {
        "answers": len(seconds),
        "errors": len(errors),
        "first_errors": errors[:3],
        "p50_ms": round(1000 * float(np.quantile(seconds, 0.5)), 1),
        "p95_ms": round(1000 * float(np.quantile(seconds, 0.95)), 1),
    }
