"""Vectors of what is said, of a whole library, in memory: exact, and read again only where speech was added or went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np
from sqlalchemy import func, select

from retrieval.store.catalog import Catalog
from retrieval.store.flat_index import FlatIndex
from retrieval.store.lookup import Lookup
from retrieval.store.schema import Asset, TimedWords
from retrieval.types import FeatureTrack, Float32Array, TextSource

__all__ = ["UTTERANCES_MOST", "SpeechVectors", "Utterance"]

UTTERANCES_MOST = 300_000
"""So many take 230 MB: some 300 hours of speech without a pause. Of more, the latest content is left out, and said."""

_Key = tuple[bytes, str]
"""Content and version: an id that is used again for something else is told by it."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is said in ``[start_seconds, end_seconds)`` of an asset, and how near it is to the query: a cosine."""

    asset_id: int
    start_seconds: float
    end_seconds: float
    cosine: float


class SpeechVectors:
    """Compares a query with every utterance. Safe to share between threads."""

    def __init__(self, catalog: Catalog, lookup: Lookup, dim: int, notice: Callable[[str], None]) -> None:
        """``dim`` is that of the vectors; tracks of another are passed over."""
        self._catalog = catalog
        self._lookup = lookup
        self._dim = dim
        self._notice = notice
        self._lock = Lock()
        self._version: int | None = None
        self._clear()

    def nearest(self, query: Float32Array, least: float, most: int) -> list[Utterance]:
        """At most ``most`` utterances whose cosine with ``query`` ``[dim]``, of length 1, is ``least`` or more."""
        with self._lock:
            self._refresh()
            if not len(self._index):
                return []
            scores, rows = self._index.search(query[None], min(most, len(self._index)))
            near = scores[0] >= least
            return [
                Utterance(self._assets[row], float(self._times[row][0]), float(self._times[row][1]), float(score))
                for score, row in zip(scores[0][near], rows[0][near].tolist(), strict=True)
            ]

    def _clear(self) -> None:
        self._index = FlatIndex(self._dim)
        self._assets: list[int] = []
        self._times: list[Float32Array] = []
        self._known: dict[int, _Key] = {}

    def _refresh(self) -> None:
        """Additions are added; where anything went or changed, all is read again."""
        version = self._catalog.version()
        if version is not None and version == self._version:
            return
        current = self._current()
        if any(current.get(asset_id) != key for asset_id, key in self._known.items()):
            self._clear()
        new = [asset_id for asset_id in current if asset_id not in self._known]
        for asset_id, track in self._lookup.tracks(new, TextSource.SPEECH.value, self._notice).items():
            self._add(asset_id, track)
        self._known = current
        self._version = version

    def _current(self) -> dict[int, _Key]:
        """The assets in which something is said, the first known first, up to the most that are kept."""
        spoken = (
            select(TimedWords.asset_id, func.count().label("utterances"), func.max(TimedWords.version).label("version"))
            .where(TimedWords.expert == TextSource.SPEECH.value)
            .group_by(TimedWords.asset_id)
            .subquery()
        )
        statement = select(Asset.id, Asset.content_hash, spoken.c.version, spoken.c.utterances)
        with self._catalog.engine.connect() as connection:
            rows = connection.execute(statement.join(spoken, spoken.c.asset_id == Asset.id).order_by(Asset.id)).all()
        counts = np.cumsum([row.utterances for row in rows])
        if len(counts) and counts[-1] > UTTERANCES_MOST:
            self._notice(
                f"of {counts[-1]:,} utterances the first {UTTERANCES_MOST:,} are compared by meaning; "
                "by their words all are found"
            )
        return {
            row.id: (row.content_hash, row.version)
            for row, count in zip(rows, counts.tolist(), strict=True)
            if count <= UTTERANCES_MOST
        }

    def _add(self, asset_id: int, track: FeatureTrack) -> None:
        if track.features.shape[1] != self._dim or not len(track):
            return
        vectors = track.features.astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        rows = np.arange(len(self._assets), len(self._assets) + len(track))
        self._index.add(rows, vectors / np.maximum(lengths, 1e-6))
        self._assets += [asset_id] * len(track)
        self._times += list(track.times)
