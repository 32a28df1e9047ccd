"""A library of a million assets as people's are: files that are there, tags, captions, cameras and places.

The vectors are those of :mod:`benchmarks.big_catalog`. Every file is a hard link to one of a few pictures. Values are
spread so that many fields let through 1 % each: a hundred tags, cameras and towns, folders, quarters of a year, videos.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.big_catalog import Mixture, fill_catalog
from benchmarks.media import make_pictures
from retrieval.store.catalog import Catalog
from retrieval.store.database import CATALOG_NAME
from retrieval.store.descriptions import rebuild_text_index
from retrieval.store.index_choice import wants_training
from retrieval.store.index_updates import train_index
from retrieval.store.labels import KEYWORDS_TAGGER, label_ids, tagger_id
from retrieval.store.lookup import Lookup

__all__ = ["COMMON_TAG", "WORDS", "camera", "described_library", "rare_tag", "town"]

SHARES = 100
"""So many tags, cameras and towns share the library among them, 1 % each."""
COMMON_TAG = "holiday"
"""One asset in ten bears it."""
_SYLLABLES = ("ka", "lo", "mi", "ren", "to", "sul", "ve", "dor", "ni", "pa", "gel", "ru")
WORDS = tuple(a + b + c for a in _SYLLABLES for b in _SYLLABLES for c in _SYLLABLES)
"""What captions are made of: 1,728 words, the n-th as frequent as 1 / n."""
_LINKS_MOST = 30_000  # to one file: some file systems take no more than 65,000
_ROWS = 20_000

Ints = NDArray[np.int64]


def rare_tag(number: int) -> str:
    """The tag of every hundredth asset."""
    return f"topic{number:02}"


def camera(number: int) -> str:
    """The camera of every hundredth asset."""
    return f"Maker{number // 10} Model {number:02}"


def town(number: int) -> tuple[float, float]:
    """Latitude and longitude of a town; each is some hundreds of kilometres from the next."""
    return -60.0 + 12 * (number // 10), -170.0 + 33 * (number % 10)


def described_library(folder: Path, count: int) -> Path:
    """The library in ``folder``, made if it is not there: minutes for a million, and 3 GB."""
    library, media, done = folder / f"described-{count}", folder / f"described-{count}-media", "described"
    if (library / done).exists():
        return library
    if not (library / CATALOG_NAME).exists():
        fill_catalog(library, Mixture(), count, str(media))
    with closing(sqlite3.connect(library / CATALOG_NAME, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        connection.execute("BEGIN")
        _link_files(connection, make_pictures(media / "sources", count // _LINKS_MOST + 1, (640, 480)), count)
        connection.execute("COMMIT")
    _describe(library, count)
    (library / done).touch()
    return library


def _link_files(connection: sqlite3.Connection, sources: list[Path], count: int) -> None:
    for number, display in connection.execute("SELECT id, display FROM file"):
        path = Path(display)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            os.link(sources[number // _LINKS_MOST], path)
    for place, source in enumerate(sources):
        facts = source.stat()
        span = (facts.st_size, facts.st_mtime_ns, place * _LINKS_MOST, (place + 1) * _LINKS_MOST)
        connection.execute("UPDATE file SET size_bytes = ?, modified_ns = ? WHERE id >= ? AND id < ?", span)


def _describe(library: Path, count: int) -> None:
    with Catalog(library) as catalog:
        names = [COMMON_TAG, *map(rare_tag, range(SHARES)), *WORDS]
        with catalog.engine.begin() as connection:
            labels, tagger = label_ids(connection, names), tagger_id(connection, *KEYWORDS_TAGGER)
        with catalog.engine.begin() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.execute("DELETE FROM description")
            driver.execute("DELETE FROM tag")
            for chunk in _chunks(count):
                _write(driver, chunk, labels, tagger)
        rebuild_text_index(catalog)
        (space,) = Lookup(catalog).spaces()
        if wants_training(count, space.dim, 0):
            train_index(catalog, space, lambda: Mixture().draw(128, 77, texts=True))


@dataclass(frozen=True)
class _Chunk:
    """What is drawn for assets ``ids`` ``[n]``."""

    ids: Ints
    cameras: Ints
    towns: Ints
    """-1 for no place."""
    tags: list[list[str]]
    captions: list[str | None]


def _chunks(count: int) -> Iterator[_Chunk]:
    frequencies = 1 / np.arange(1, len(WORDS) + 1)
    frequencies /= frequencies.sum()
    for first in range(1, count + 1, _ROWS):
        ids = np.arange(first, min(first + _ROWS, count + 1))
        random = np.random.default_rng(first)
        rare = random.integers(0, SHARES, len(ids))
        tags = [[rare_tag(int(number))] for number in rare]
        for own, word, is_common in zip(
            tags, random.choice(len(WORDS), len(ids), p=frequencies), random.random(len(ids)) < 0.1, strict=True
        ):
            own += [WORDS[word], *([COMMON_TAG] if is_common else [])]
        lines = random.choice(len(WORDS), (len(ids), 6), p=frequencies)
        captions = [
            " ".join(WORDS[word] for word in line) if has else None
            for line, has in zip(lines, random.random(len(ids)) < 0.3, strict=True)
        ]
        towns = np.where(random.random(len(ids)) < 0.9, random.integers(0, SHARES, len(ids)), -1)
        yield _Chunk(ids, random.integers(0, SHARES, len(ids)), towns, tags, captions)


def _write(driver: sqlite3.Connection, chunk: _Chunk, labels: dict[str, int], tagger: int) -> None:
    ids = chunk.ids.tolist()
    spread = np.random.default_rng(ids[0]).uniform(-0.03, 0.03, (len(ids), 2))  # degrees: within some 5 km
    places = [
        (None, None) if number < 0 else tuple((np.array(town(number)) + away).tolist())
        for number, away in zip(chunk.towns.tolist(), spread, strict=True)
    ]
    driver.executemany(
        "UPDATE asset SET camera = ?, latitude = ?, longitude = ?, has_sound = kind = 'video' WHERE id = ?",
        ((camera(c), *place, n) for n, c, place in zip(ids, chunk.cameras.tolist(), places, strict=True)),
    )
    driver.executemany(
        "INSERT INTO description (asset_id, caption, keywords, people) VALUES (?, ?, ?, '[]')",
        (
            (n, caption, "[" + ", ".join(f'"{tag}"' for tag in tags) + "]")
            for n, caption, tags in zip(ids, chunk.captions, chunk.tags, strict=True)
        ),
    )
    driver.executemany(
        "INSERT INTO tag (asset_id, tagger_id, label_id, score, refused) VALUES (?, ?, ?, 1.0, 0)",
        ((n, tagger, labels[tag]) for n, tags in zip(ids, chunk.tags, strict=True) for tag in dict.fromkeys(tags)),
    )
