"""The whole engine, ``Library.search``, over a million segments: with filters that let 1 % through, and common words.

The library is that of :mod:`benchmarks.described_catalog`. ``first``: something was just committed to the catalog by
another process, so that nothing that was learned of the filter counts any more; ``repeated``: other words under the
same filter. Embedding a text is the starter's own work; the vector that counts is one that was drawn for it.
"""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.big_catalog import Mixture
from benchmarks.big_index import BenchSpace
from benchmarks.described_catalog import COMMON_TAG, SHARES, WORDS, camera, described_library, rare_tag, town
from benchmarks.machine import spread
from retrieval.library import Library
from retrieval.store.database import CATALOG_NAME

__all__ = ["measure_engine"]

_ROUNDS = 12
_REPEATS = 5
_WARM_UP = 5
_ASKED_MS = {"p50": 60, "p95": 150}


def measure_engine(folder: Path, *, count: int = 1_000_000) -> dict[str, Any]:
    """Fill a library (or take the one that is there), and search it under each kind of filter in turn."""
    path = described_library(folder, count)
    vectors = Mixture().draw(1000, 88, texts=True)
    with Library(path, spaces=lambda name: BenchSpace(vectors)) as library:
        for number in range(_WARM_UP):
            library.search(_words(number), anyway=True)
        first, repeated = _filtered(library, path, _fields(path))
        return {
            "segments": count,
            "filters_first": _summed(first),
            "filters_repeated": _summed(repeated),
            "by_filter": {
                name: {"first_ms": spread(first[name]), "repeated_ms": spread(repeated[name])} for name in first
            },
            "unfiltered_ms": _spread_of(library, _words),
            "common_words": {
                "one_in_ten_bears_the_tag_ms": _spread_of(library, lambda number: COMMON_TAG),
                "tag_and_common_word_ms": _spread_of(library, lambda number: f"{COMMON_TAG} {WORDS[number % 20]}"),
                "most_frequent_words_ms": _spread_of(library, lambda number: WORDS[number % 3]),
            },
            "facets": _facets(library, path, _fields(path)),
        }


def _words(number: int) -> str:
    """Words of a question, some frequent and some rare."""
    random = np.random.default_rng(number)
    return " ".join(WORDS[place] for place in random.integers(0, (20, 200, 1000)))


def _fields(library: Path) -> dict[str, Callable[[int], str]]:
    """By kind, a field that lets 1 % through, another one for every number; but for videos there is one alone."""
    media = library.with_name(f"{library.name}-media")
    years = range(2001, 2024)
    quarters = [f"after:{year}-{month:02} before:{year}-{month + 3:02}" for year in years for month in (2, 6)]

    def near(number: int) -> str:
        latitude, longitude = town(number % SHARES)
        return f"near:{latitude:g},{longitude:g},10km"

    return {
        "kind": lambda number: "kind:video",
        "time": lambda number: quarters[number % len(quarters)],
        "tag": lambda number: f"tag:{rare_tag(number % SHARES)}",
        "folder": lambda number: f"under:{media}/{number % SHARES // 10}/{number % SHARES:02}",
        "folder_by_name": lambda number: f"under:{number % SHARES // 10}/{number % SHARES:02}",
        "camera": lambda number: f'camera:"{camera(number % SHARES).lower()}"',
        "near": near,
    }


def _filtered(
    library: Library, path: Path, fields: dict[str, Callable[[int], str]]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Milliseconds by kind of filter, first and repeated, in turn, so that a busy machine hits all alike."""
    first: defaultdict[str, list[float]] = defaultdict(list)
    repeated: defaultdict[str, list[float]] = defaultdict(list)
    asked = _WARM_UP
    for number in range(_ROUNDS):
        for name, field in fields.items():
            _commit(path)
            for turn in range(1 + _REPEATS):
                asked += 1
                took = _milliseconds(library, f"{_words(asked)} {field(7 * number)}")
                (repeated if turn else first)[name].append(took)
    return first, repeated


def _facets(library: Library, path: Path, fields: dict[str, Callable[[int], str]]) -> dict[str, Any]:
    """What counting takes: all, at first and again; under filters; and what a search takes while it is read anew."""
    _commit(path)
    with ThreadPoolExecutor(1) as pool:
        began = time.perf_counter()
        counted = pool.submit(library.facets)
        meanwhile = []
        while not counted.done():
            meanwhile.append(_milliseconds(library, _words(1000 + len(meanwhile))))
        first = time.perf_counter() - began
    return {
        "read_seconds_beside_searches": round(first, 2),
        "searches_meanwhile_ms": spread(meanwhile),
        "all_ms": spread([1000 * _seconds(lambda: library.facets()) for _ in range(9)]),
        "filtered_ms": {name: spread(_counting(library, field)) for name, field in fields.items()},
    }


def _counting(library: Library, field: Callable[[int], str]) -> list[float]:
    return [1000 * _seconds(partial(library.facets, field(number))) for number in range(1, 10)]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _commit(path: Path) -> None:
    """As another process does that writes: whoever has the library open sees that it changed."""
    with closing(sqlite3.connect(path / CATALOG_NAME)) as connection, connection:
        connection.execute("UPDATE setting SET value = value WHERE key = 'catalog_id'")


def _milliseconds(library: Library, query: str) -> float:
    began = time.perf_counter()
    found = library.search(query, anyway=True)
    took = 1000 * (time.perf_counter() - began)
    assert found.hits, query  # every file is there
    return took


def _spread_of(library: Library, text: Callable[[int], str]) -> dict[str, float]:
    return spread([_milliseconds(library, text(number)) for number in range(100, 130)])


def _summed(times: dict[str, list[float]]) -> dict[str, float]:
    together = [each for those in times.values() for each in those]
    told: dict[str, float] = {"searches": len(together)}
    for name, asked in _ASKED_MS.items():
        told[f"{name}_ms"] = round(float(np.percentile(together, int(name[1:]))), 1)
        told[f"{name}_asked_ms"] = asked
    return told
