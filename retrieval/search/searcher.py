"""From a query to an answer: embed it, find the best assets, calibrate, and show their moments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from retrieval.experts.appearance import CLASSES_EXPERT
from retrieval.search.candidates import Candidates, find_candidates
from retrieval.search.chances import JUDGED, Chances, ImageChances, TextChances
from retrieval.search.library_judges import LibraryJudges
from retrieval.search.open_spaces import OpenSpace, OpenSpaces
from retrieval.search.query import Query
from retrieval.search.ranking import find_moments
from retrieval.search.results import Hit, Reason, SearchResult, Tag
from retrieval.search.tags import ClassTags
from retrieval.spaces.language import looks_foreign
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import Space
from retrieval.store.catalog import Catalog
from retrieval.store.faiss_index import Notice
from retrieval.store.lookup import LiveAsset, Lookup
from retrieval.store.vectors import Int64Array
from retrieval.types import FeatureTrack, Float32Array, MediaKind, Moment

__all__ = ["EmbedPictures", "Searcher"]

EmbedPictures = Callable[[Space, Sequence[Path]], Float32Array]
"""Decodes pictures and embeds them: ``[n, d] float32``. Raises QueryError for one that can't be used."""


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """An asset and its chance, with times [n, 2] (None for a picture) and chances [n] of its segments."""

    asset: LiveAsset
    chance: float
    times: Float32Array | None
    by_segment: Float32Array


class Searcher:
    """Answers queries over one catalog. Safe to share between threads; what is open stays open for the next query."""

    def __init__(
        self,
        catalog: Catalog,
        embed_pictures: EmbedPictures,
        *,
        spaces: Callable[[str], Space] = get_space,
        notice: Notice = lambda line: None,
    ) -> None:
        """``notice`` is told, in one line, when the vector index had to be rebuilt or a track can't be read."""
        self._lookup = Lookup(catalog)
        self._embed_pictures = embed_pictures
        self._notice = notice
        self._spaces = OpenSpaces(catalog, spaces, notice)
        self._judges = LibraryJudges(catalog)
        self._tags = ClassTags()

    def search(self, query: Query) -> SearchResult:
        """The answer.

        Raises:
            QueryError: an image can't be used, or nothing is indexed in the space.
            UnknownSpaceError: no space is called ``query.space``.
            LibraryError: the library is empty, or can't be read.
        """
        opened = self._spaces.open(query.space)
        vector = self._query_vector(opened.space, query)
        allowed = self._lookup.vector_ids(opened.row, query.wanted) if query.wanted else None
        found = find_candidates(self._lookup, opened.index, vector, query.wanted, query.offset + query.top, allowed)

        chances = ImageChances() if query.images else self._text_chances(opened, vector, found.compared, allowed)
        judged = self._judge(opened, vector, found, chances, query.offset)
        page = [
            hit
            for asset in found.assets[query.offset :]
            if (hit := judged.get(asset.id)) is not None and (query.anyway or hit.chance >= chances.fits_from)
        ]
        there = [replace(hit, asset=seen) for hit in page if (seen := _on_disk(hit.asset)) is not None]
        nearest = [judged[asset.id].chance for asset in found.assets[:JUDGED] if asset.id in judged]
        return SearchResult(
            query=query.text,
            space=opened.space.name,
            fits=max(nearest, default=0.0) >= chances.fits_from,
            hits=tuple(self._hits(there, chances)),
            notices=tuple(_notices(opened.space, query, gone=len(page) - len(there))),
        )

    def _text_chances(
        self, opened: OpenSpace, query: Float32Array, items: int, allowed: Int64Array | None
    ) -> TextChances:
        """The library's sample is not one of what a filter allows, so that a filtered search goes without."""
        sample = self._judges.sample(opened) if allowed is None else None
        return TextChances(opened.space, query, items, self._judges.of(opened), sample)

    def _judge(
        self, opened: OpenSpace, query: Float32Array, found: Candidates, chances: Chances, offset: int
    ) -> dict[int, _Judged]:
        """By id, the assets of the page and those that decide whether anything fits."""
        looked_at = {asset.id: asset for asset in (*found.assets[:JUDGED], *found.assets[offset:])}
        segments = self._lookup.segments(opened.row, list(looked_at))
        judged = {}
        for asset_id, own in segments.items():
            scores = own.vectors @ query
            best = own.vectors[[scores.argmax()]]  # its looks stand for those of the whole video
            likely = chances.of(scores, best)
            judged[asset_id] = _Judged(looked_at[asset_id], float(likely.max()), own.times, likely)
        return judged

    def _query_vector(self, space: Space, query: Query) -> Float32Array:
        """``[d]``; a text and its pictures count alike, and the sum has length 1 again."""
        parts = []
        if query.text.strip():
            parts.append(space.embed_text([query.text.strip()])[0])
        if query.images:
            parts.append(_unit(self._embed_pictures(space, query.images).mean(axis=0)))
        return parts[0] if len(parts) == 1 else _unit(sum(map(_unit, parts), np.zeros(space.dim, np.float32)))

    def _hits(self, page: Sequence[_Judged], chances: Chances) -> Iterator[Hit]:
        tracks = self._lookup.tracks([hit.asset.id for hit in page], CLASSES_EXPERT, self._notice)
        for hit in page:
            moments = () if hit.times is None else tuple(find_moments(hit.times, hit.by_segment))
            yield Hit(
                path=_path_of(hit.asset.paths[0]),
                copies=tuple(map(_path_of, hit.asset.paths[1:])),
                kind=hit.asset.kind,
                score=hit.chance,
                fits=hit.chance >= chances.fits_from,
                moments=moments,
                tags=self._tags_of(tracks.get(hit.asset.id), moments),
                why=(Reason("frames", 1.0),),
            )

    def _tags_of(self, track: FeatureTrack | None, moments: tuple[Moment, ...]) -> tuple[Tag, ...]:
        return () if track is None else self._tags.of(track, moments[0] if moments else None)


def _on_disk(asset: LiveAsset) -> LiveAsset | None:
    """The asset with those of its files that are still there; None when the catalog doesn't know yet that all went."""
    paths = tuple(path for path in asset.paths if _exists(path))
    return replace(asset, paths=paths) if paths else None


def _exists(path: bytes) -> bool:
    return os.path.lexists(path)


def _notices(space: Space, query: Query, *, gone: int) -> Iterator[str]:
    """What keeps the answer from being one to all of the query."""
    if query.wanted.kind is MediaKind.SOUND:
        yield "sounds are listed, and can't be searched yet: an audio expert is awaited"
    if gone:
        yield (
            f"{gone} of the results {'is' if gone == 1 else 'are'} hidden: what was found is gone; "
            "run `vidi index` on its folder again"
        )
    if space.is_cut(query.text):
        yield f"the query is longer than {space.name} reads; its end does not count"
    if space.languages == ("en",) and looks_foreign(query.text):
        yield f"{space.name} understands only English"


def _unit(vector: Float32Array) -> Float32Array:
    length = float(np.linalg.norm(vector))
    return vector if length == 0 else np.asarray(vector / length, np.float32)


def _path_of(raw: bytes) -> Path:
    return Path(os.fsdecode(raw))
