"""From a query to an answer: embed it, find the best assets, calibrate, and show their moments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from retrieval.experts.appearance import CLASSES_EXPERT
from retrieval.search.candidates import find_candidates
from retrieval.search.captions import JOINED_MOST, Captions, Ranked, join
from retrieval.search.chances import Chances, ImageChances, TextChances
from retrieval.search.open_spaces import OpenSpace, OpenSpaces
from retrieval.search.query import By, Query
from retrieval.search.ranking import find_moments
from retrieval.search.results import Hit, SearchResult, Tag
from retrieval.search.tags import ClassTags
from retrieval.spaces.language import looks_foreign
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import Space
from retrieval.store.catalog import Catalog
from retrieval.store.faiss_index import Notice
from retrieval.store.lookup import AssetSegments, LiveAsset, Lookup
from retrieval.store.parts import Parts
from retrieval.store.tags import KnownTags, Tags
from retrieval.types import FeatureTrack, Float32Array, MediaKind, Moment

__all__ = ["EmbedPictures", "Searcher"]

EmbedPictures = Callable[[Space, Sequence[Path]], Float32Array]
"""Decodes pictures and embeds them: ``[n, d] float32``. Raises QueryError for one that can't be used."""


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
        self._captions = Captions(catalog, self._lookup, notice)
        self._parts = Parts(catalog)
        self._tags = Tags(catalog)
        self._class_tags = ClassTags()

    def search(self, query: Query) -> SearchResult:
        """The answer.

        Raises:
            QueryError: an image can't be used, nothing is indexed in the space, or nothing has a tag that is asked for.
            UnknownSpaceError: no space is called ``query.space``.
            LibraryError: the library is empty, or can't be read.
        """
        opened = self._spaces.open(query.space)
        self._tags.check(query.wanted.tags)
        vector = self._query_vector(opened.space, query)
        allowed = self._lookup.vector_ids(opened.row, query.wanted) if query.wanted else None
        said = self._captions.find(query)
        count = max(query.offset + query.top, JOINED_MOST if said else 0)
        found = find_candidates(self._lookup, opened.index, vector, query.wanted, count, allowed)

        chances = ImageChances() if query.images else TextChances(opened.space, vector, found.compared)
        likely = chances.of(found.scores)
        if query.by is By.TEXT:
            ranked = self._captions.ranked(query, chances.fits_from)
        else:
            ranked = join(found.assets, likely, said, chances.fits_from)
        shown = [each for each in ranked if query.anyway or each.chance >= chances.fits_from]
        page = shown[query.offset : query.offset + query.top]
        there = [replace(each, asset=seen) for each in page if (seen := _on_disk(each.asset)) is not None]
        there = list(self._captions.quoted(query, there))
        return SearchResult(
            query=query.text,
            space=opened.space.name,
            fits=any(each.chance >= chances.fits_from for each in ranked),
            hits=tuple(self._hits(opened, vector, there, chances)),
            notices=tuple(_notices(opened.space, query, gone=len(page) - len(there))),
        )

    def _query_vector(self, space: Space, query: Query) -> Float32Array:
        """``[d]``; a text and its pictures count alike, and the sum has length 1 again."""
        parts = []
        if query.text.strip():
            parts.append(space.embed_text([query.text.strip()])[0])
        if query.images:
            parts.append(_unit(self._embed_pictures(space, query.images).mean(axis=0)))
        return parts[0] if len(parts) == 1 else _unit(sum(map(_unit, parts), np.zeros(space.dim, np.float32)))

    def _hits(
        self,
        opened: OpenSpace,
        vector: Float32Array,
        page: Sequence[Ranked],
        chances: Chances,
    ) -> Iterator[Hit]:
        ids = [each.asset.id for each in page]
        videos = [each.asset.id for each in page if each.asset.kind is MediaKind.VIDEO]
        parts = self._parts.of_assets(ids)
        segments = self._lookup.segments(opened.row, videos)
        tags = self._tags.known(ids)
        unseen = [each for each in ids if each not in tags or not tags[each].is_seen]
        tracks = self._lookup.tracks(unseen, CLASSES_EXPERT, self._notice)
        for asset, chance, why in ((each.asset, each.chance, each.why) for each in page):
            moments = _moments(segments.get(asset.id), vector, chances)
            yield Hit(
                path=_path_of(asset.paths[0]),
                copies=tuple(map(_path_of, asset.paths[1:])),
                kind=asset.kind,
                score=chance,
                fits=chance >= chances.fits_from,
                moments=moments,
                tags=self._tags_of(tags.get(asset.id, KnownTags()), tracks.get(asset.id), moments),
                why=why,
                parts=tuple(map(_path_of, parts.get(asset.id, ()))),
            )

    def _tags_of(self, known: KnownTags, track: FeatureTrack | None, moments: tuple[Moment, ...]) -> tuple[Tag, ...]:
        """What the catalog knows; of what no machine has tagged yet, also what the classifier says of the moment."""
        tags = [Tag(tag.label, tag.score, tag.source) for tag in known.shown]
        if track is not None:
            settled = {tag.label.casefold() for tag in tags} | known.refused
            said = self._class_tags.of(track, moments[0] if moments else None)
            tags += [tag for tag in said if tag.label.casefold() not in settled]
        return tuple(tags)


def _moments(segments: AssetSegments | None, vector: Float32Array, chances: Chances) -> tuple[Moment, ...]:
    if segments is None or segments.times is None:
        return ()
    return tuple(find_moments(segments.times, chances.of(segments.vectors @ vector)))


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
