"""A million vectors of 512: how long a search takes beside FAISS alone, with and without filters, and what it finds."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.big_catalog import Matrix, Mixture, fill_catalog, make_vectors
from benchmarks.machine import spread
from retrieval.search import searcher as searching
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher
from retrieval.spaces.registry import get_space
from retrieval.store.bitmaps import Bitmaps
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.database import CATALOG_NAME
from retrieval.store.faiss_index import CatalogIndex, open_index
from retrieval.store.file_filter import FileFilter, file_filter
from retrieval.store.flat_index import FlatIndex
from retrieval.store.index_file import index_path
from retrieval.store.index_updates import train_index
from retrieval.store.ivf_index import IvfIndex
from retrieval.store.ivf_training import train_ivf
from retrieval.store.lookup import Lookup
from retrieval.store.selection import Selection
from retrieval.types import Float32Array, MediaKind

__all__ = ["BenchSpace", "measure_big_index"]

_FILTERS = {
    "unfiltered": file_filter(),
    "filter_0.1_percent": file_filter(under=b"/media/pictures/3/33/333"),
    "filter_1_percent": file_filter(kind=MediaKind.VIDEO),
    "filter_10_percent": file_filter(under=b"/media/pictures/4"),
    "filter_50_percent": file_filter(after=datetime(2012, 6, 28)),
}
_TOP = 10
_QUERIES = 60


def measure_big_index(
    folder: Path,
    *,
    count: int = 1_000_000,
    hard_count: int = 100_000,
    exact_counts: Sequence[int] = (100_000, 200_000, 400_000),
) -> dict[str, Any]:
    """Fill a catalog (or take the one that is there), train, then measure searches in turn.

    Recall is against brute force over the same vectors.
    """
    mixture, library = Mixture(), folder / "big"
    if not (library / CATALOG_NAME).exists():
        fill_catalog(library, mixture, count)
    with Catalog(library) as catalog:
        space = Lookup(catalog).spaces()[0]
        trained = _seconds(lambda: train_index(catalog, space, lambda: mixture.draw(128, 77, texts=True)))
        before = psutil.Process().memory_info().rss
        opened, index = _timed(lambda: open_index(catalog, space))
        for query in mixture.draw(20, 3):  # every code is looked at, so that all of the mapped file counts
            _lists(index).search_lists(query[None], 64, _lists(index).lists)
        grown = psutil.Process().memory_info().rss - before
        figures = _searches(catalog, space, index, mixture, count)
        raw_bytes = 4 * count * mixture.dim
        return {
            "vectors": count,
            "dim": mixture.dim,
            "train_seconds": round(trained, 1),
            "open_seconds": round(opened, 3),
            "lists": _lists(index).lists,
            "probes": {f"share_{share:g}": lists for share, lists in index.stamp.probes},
            **figures,
            "file_over_raw": round(index_path(library, space.id, space.name).stat().st_size / raw_bytes, 3),
            "memory_over_raw_approximate": round(grown / raw_bytes, 3),
            "memory_asked_approximate": 0.5,
            **_exact(mixture, exact_counts),
            "uniform_data": _hard(hard_count),
        }


@dataclass
class BenchSpace:
    """Pays for the starter's text tower, and answers with the vector that was drawn for the text."""

    vectors: Matrix
    name: str = "bench"
    version: str = "1"
    dim: int = 512
    normalized: bool = True
    languages: tuple[str, ...] = ("en",)
    fits_from: float = 0.0
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._starter = get_space("starter")

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        self._starter.embed_text(texts)
        return self.vectors[[self._row(text) for text in texts]]

    def _row(self, text: str) -> int:
        """That of its number, if it ends in one; else one of its own, as good as always."""
        last = text.split()[-1]
        return (int(last) if last.isdigit() else zlib.crc32(text.encode())) % len(self.vectors)

    def is_cut(self, text: str) -> bool:
        return self._starter.is_cut(text)

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        return np.asarray(scores, np.float32)


def _searches(catalog: Catalog, space: SpaceRow, index: CatalogIndex, mixture: Mixture, count: int) -> dict[str, Any]:
    queries = mixture.draw(_QUERIES, 88, texts=True)
    lookup = Lookup(catalog)
    allowed = {name: Selection.of(lookup.vector_ids(space, w)) if w else None for name, w in _FILTERS.items()}
    truths = _truths(queries, mixture, count, allowed)
    bench = BenchSpace(queries)
    # The files were never made: they are looked for all the same, which is what costs time, and believed.
    exists, searching._exists = searching._exists, lambda path: exists(path) or True
    searcher = Searcher(catalog, lambda space, paths: np.zeros((1, 512), np.float32), spaces=lambda name: bench)
    found: dict[str, Any] = {}
    for name, wanted in _FILTERS.items():
        times = _times(searcher, index, bench, lookup, space, wanted, allowed[name], queries)
        recall, full = _recall(index, queries, truths[name], allowed[name])
        found[name] = _summed(times, filtered=bool(wanted)) | {
            "allowed": count if allowed[name] is None else len(allowed[name]),
            "probes": _lists(index).probes(allowed[name]),
            "recall_at_10": recall,
            "recall_asked": 0.98,
            "full_top_k": full,
        }
    return found


def _times(
    searcher: Searcher,
    index: CatalogIndex,
    bench: BenchSpace,
    lookup: Lookup,
    space: SpaceRow,
    wanted: FileFilter,
    allowed: Selection | None,
    queries: Matrix,
) -> dict[str, list[float]]:
    """Each of the parts and the whole, in turn, so that a busy machine hits all alike."""
    times: dict[str, list[float]] = {key: [] for key in ("embed", "raw", "sql", "search", "search_first", "kept")}
    lists = _lists(index)
    for number in range(_QUERIES + 3):
        text = f"a picture of number {number % _QUERIES}"
        query = Query(text, wanted=wanted, top=_TOP, anyway=True)
        vector = queries[number % _QUERIES][None]
        if wanted:
            searcher._bitmaps = Bitmaps(searcher._bitmaps._catalog, lookup)
            times["sql"].append(_seconds(partial(lookup.vector_ids, space, wanted)) if number % 6 == 0 else np.nan)
            first = _seconds(partial(searcher.search, query)) if number % 6 == 0 else np.nan
            times["search_first"].append(first)
        times["search"].append(_seconds(partial(searcher.search, query)))
        times["kept"].append(_seconds(partial(searcher.search, query)))
        times["embed"].append(_seconds(partial(bench.embed_text, [text])))
        times["raw"].append(_seconds(partial(lists.search_lists, vector, 64, lists.probes(allowed), allowed)))
    return {key: [value for value in values[3:] if not np.isnan(value)] for key, values in times.items()}


def _summed(times: dict[str, list[float]], *, filtered: bool) -> dict[str, Any]:
    embed, raw, search = (float(np.median(times[key])) for key in ("embed", "raw", "search"))
    found = {
        "search_ms": _ms(times["search"]),
        "embed_ms": _ms(times["embed"]),
        "raw_faiss_ms": _ms(times["raw"]),
        "besides_embedding_ms": round(1000 * (search - embed), 2),
    }
    if not filtered:
        return found | {"over_embed_and_raw": round(search / (embed + raw), 3), "asked_at_most": 1.25}
    first, sql = (float(np.median(times[key])) for key in ("search_first", "sql"))
    return found | {
        "bare_sql_ms": _ms(times["sql"]),
        "search_without_kept_bitmap_ms": _ms(times["search_first"]),
        "search_with_kept_bitmap_ms": _ms(times["kept"]),
        "over_what_is_allowed": round(search / (1.25 * (embed + raw) + sql), 3),
        "over_what_is_allowed_without_kept_bitmap": round(first / (1.25 * (embed + raw) + sql), 3),
        "asked_over_allowed_at_most": 1.0,
    }


def _truths(queries: Matrix, mixture: Mixture, count: int, allowed: dict[str, Selection | None]) -> dict[str, Any]:
    """The ten best ids ``[queries, 10]`` by brute force, for each filter."""
    wanted = {}
    for name, selection in allowed.items():
        wanted[name] = np.ones(count + 1, bool)
        if selection is not None:
            wanted[name][:] = False
            wanted[name][selection.ids()] = True
    best = {
        name: (np.full((len(queries), _TOP), -9.0, np.float32), np.zeros((len(queries), _TOP), int)) for name in wanted
    }
    first = 1
    for vectors in make_vectors(mixture, count):
        scores, ids = queries @ vectors.astype(np.float32).T, np.arange(first, first + len(vectors))
        for name, meant in wanted.items():
            here = np.where(meant[ids], scores, np.float32(-9))
            joined = np.hstack([best[name][0], here])
            names = np.hstack([best[name][1], np.broadcast_to(ids, here.shape)])
            order = np.argpartition(-joined, _TOP, axis=1)[:, :_TOP]
            best[name] = np.take_along_axis(joined, order, 1), np.take_along_axis(names, order, 1)
        first += len(vectors)
    return {name: ids for name, (_, ids) in best.items()}


def _recall(index: CatalogIndex, queries: Matrix, truth: Any, allowed: Selection | None) -> tuple[float, bool]:
    found = np.vstack([index.search(query[None], _TOP, allowed)[1] for query in queries])
    there = (truth[:, :, None] == found[:, None, :]).any(axis=2)
    return round(float(there.mean()), 4), bool((found >= 0).all())


def _exact(mixture: Mixture, counts: Sequence[int]) -> dict[str, Any]:
    """The exact index at growing sizes: this is what says up to where it is quick enough."""
    figures: dict[str, Any] = {}
    query = mixture.draw(1, 5, texts=True)
    before = psutil.Process().memory_info().rss
    index, count = FlatIndex(mixture.dim), 0
    for vectors in make_vectors(mixture, max(counts)):
        index.add(np.arange(count, count + len(vectors)), vectors.astype(np.float32))
        count += len(vectors)
        if count in counts:
            rounds = [_seconds(lambda: index.search(query, 64)) for _ in range(9)]
            figures[f"exact_search_ms_{count}"] = _ms(rounds)
            if count == counts[-1]:
                grown = psutil.Process().memory_info().rss - before
                figures["memory_over_raw_exact"] = round(grown / (4 * count * mixture.dim), 3)
                figures["memory_asked_exact"] = 1.15
    return figures


def _hard(count: int) -> dict[str, Any]:
    """Uniform on the sphere, where lists say nothing: the measured probes go up, the recall does not go down."""
    mixture = Mixture(hard=True)
    vectors = mixture.draw(count, 1).astype("<f2").astype(np.float32)
    ids = np.arange(count)
    rows = ((ids[at : at + 5000].copy(), vectors[at : at + 5000]) for at in range(0, count, 5000))
    index, probes = train_ivf(vectors[::3].copy(), count, rows, (mixture.draw(64, 2), vectors[:64].copy()))
    queries = mixture.draw(50, 3)
    truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :_TOP]
    found = index.search(queries, 64)[1]
    recall = (truth[:, :, None] == found[:, None, :]).any(axis=2).mean()
    return {
        "vectors": count,
        "lists": index.lists,
        "probes": {f"share_{share:g}": lists for share, lists in probes},
        "recall_at_10": round(float(recall), 4),
    }


def _lists(index: CatalogIndex) -> IvfIndex:
    assert isinstance(index._index, IvfIndex)
    return index._index


def _ms(values: Sequence[float]) -> dict[str, float]:
    return spread([1000 * value for value in values])


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _seconds(work: Callable[[], object]) -> float:
    return _timed(work)[0]
