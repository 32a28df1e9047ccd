"""From a query to an answer: embed it, find the best assets, calibrate, and show their moments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from retrieval.search.browsing import newest
from retrieval.search.candidates import find_candidates
from retrieval.search.captions import JOINED_MOST, Captions, Ranked, join
from retrieval.search.chances import JUDGED, ImageChances, TextChances
from retrieval.search.hits import HitMaker
from retrieval.search.judging import Asked, Judge
from retrieval.search.leaning import Meaning, meaning_of
from retrieval.search.library_judges import LibraryJudges
from retrieval.search.open_spaces import OpenSpace, OpenSpaces
from retrieval.search.query import By, Query
from retrieval.search.results import SearchResult
from retrieval.spaces.language import looks_foreign
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import Space
from retrieval.store.bitmaps import Bitmaps
from retrieval.store.catalog import Catalog
from retrieval.store.faiss_index import Notice
from retrieval.store.file_filter import Bears, OfKind, demands, leaves_of
from retrieval.store.lookup import LiveAsset, Lookup
from retrieval.store.selection import Selection
from retrieval.store.tags import Tags
from retrieval.types import Float32Array, MediaKind

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
        self._bitmaps = Bitmaps(catalog, self._lookup)
        self._embed_pictures = embed_pictures
        self._spaces = OpenSpaces(catalog, spaces, notice)
        self._captions = Captions(catalog, self._lookup, notice)
        self._judges = LibraryJudges(catalog)
        self._tags = Tags(catalog)
        self._hits = HitMaker(catalog, self._lookup, notice)

    def search(self, query: Query) -> SearchResult:
        """The answer.

        Raises:
            QueryError: an image can't be used, nothing is indexed in the space, or nothing has a tag that is asked for.
            UnknownSpaceError: no space is called ``query.space``.
            LibraryError: the library is empty, or can't be read.
        """
        opened = self._spaces.open(query.space)
        self._tags.check(leaf.tag for leaf in leaves_of(query.wanted) if isinstance(leaf, Bears))
        if not query.has_meaning:
            return self._browsed(opened, query)
        meaning = meaning_of(query, opened.space, self._embed_pictures)
        allowed = self._bitmaps.of(opened.row, query.wanted) if query.wanted else None
        said = self._captions.find(query)
        count = max(query.offset + query.top, JOINED_MOST if said else JUDGED)
        found = find_candidates(self._lookup, opened.index, meaning.ranked_by, query.wanted, count, allowed)

        judge = self._judge(opened, query, meaning, found.compared, allowed)
        fits = bool(said) or (query.by is not By.TEXT and _any_fits(found.assets, judge, judge.fits_from))
        page = self._page(query, found.assets, said, judge, judge.fits_from) if fits or query.anyway else []
        there = list(_there(page))
        return SearchResult(
            query=query.text,
            space=opened.space.name,
            fits=fits,
            hits=tuple(self._hits.make(list(self._captions.quoted(query, there)), judge, judge.fits_from)),
            notices=tuple(_notices(opened.space, query, gone=len(page) - len(there))),
        )

    def _browsed(self, opened: OpenSpace, query: Query) -> SearchResult:
        """All that the filter lets through: nothing is compared."""
        page = newest(self._lookup, query)
        there = list(_there(page))
        return SearchResult(
            query=query.text,
            space=opened.space.name,
            fits=bool(self._lookup.newest(query.wanted, 1)),
            hits=tuple(self._hits.make(there, None, 0.0)),
            notices=tuple(_notices(opened.space, query, gone=len(page) - len(there))),
        )

    def _judge(self, opened: OpenSpace, query: Query, meaning: Meaning, items: int, allowed: Selection | None) -> Judge:
        def of(vector: Float32Array) -> Asked:
            return Asked(vector, self._text_chances(opened, vector, items, allowed))

        if meaning.asked is None:
            asked = None
        else:
            asked = Asked(meaning.asked, ImageChances()) if query.images else of(meaning.asked)
        return Judge(self._lookup, opened, asked, list(map(of, meaning.against)))

    def _text_chances(
        self, opened: OpenSpace, query: Float32Array, items: int, allowed: Selection | None
    ) -> TextChances:
        """The library's sample is not one of what a filter allows, so that a filtered search goes without."""
        sample = self._judges.sample(opened) if allowed is None else None
        return TextChances(opened.space, query, items, self._judges.of(opened), sample)

    def _page(
        self, query: Query, found: Sequence[LiveAsset], said: Sequence[LiveAsset], judge: Judge, fits_from: float
    ) -> list[Ranked]:
        """What is shown, best first: of all that was found by frames, by words, or by both."""
        page = slice(query.offset, query.offset + query.top)
        if query.by is By.TEXT:
            ranked = self._captions.ranked(query, fits_from)
        elif said:
            ranked = join(found, _chances_of(found, judge), said, fits_from)
        else:
            found = found[page] if query.anyway else _fitting_first(found, judge, fits_from)[page]
            ranked, page = join(found, _chances_of(found, judge), (), fits_from), slice(query.top)
        return [each for each in ranked if query.anyway or each.chance >= fits_from][page]


def _there(page: Sequence[Ranked]) -> Iterator[Ranked]:
    """What is still on disk of the page."""
    for each in page:
        if (seen := _on_disk(each.asset)) is not None:
            yield replace(each, asset=seen)


def _chances_of(assets: Sequence[LiveAsset], judge: Judge) -> dict[int, float]:
    return {asset_id: judged.chance for asset_id, judged in judge.of(assets).items()}


def _any_fits(found: Sequence[LiveAsset], judge: Judge, fits_from: float) -> bool:
    """Whether one of the nearest does: those further down are likelier to seem so by chance."""
    return max(_chances_of(found[:JUDGED], judge).values(), default=0.0) >= fits_from


def _fitting_first(found: Sequence[LiveAsset], judge: Judge, fits_from: float) -> list[LiveAsset]:
    """``found``, where of the nearest, which decide whether anything fits, those come first that do: so a page of one
    hit is not empty because the very nearest is none, and pages of any size follow one another."""
    likely = _chances_of(found[:JUDGED], judge)
    nearest = sorted(found[:JUDGED], key=lambda asset: likely.get(asset.id, 0.0) < fits_from)  # stable
    return [*nearest, *found[JUDGED:]]


def _on_disk(asset: LiveAsset) -> LiveAsset | None:
    """The asset with those of its files that are still there; None when the catalog doesn't know yet that all went."""
    paths = tuple(path for path in asset.paths if _exists(path))
    return replace(asset, paths=paths) if paths else None


def _exists(path: bytes) -> bool:
    """A link that leads nowhere just now is left out until its drive is back."""
    return os.path.exists(path)


def _notices(space: Space, query: Query, *, gone: int) -> Iterator[str]:
    """What keeps the answer from being one to all of the query."""
    if demands(query.wanted, OfKind(MediaKind.SOUND)) and query.by is not By.TEXT:
        yield "sounds are listed, and can't be searched yet: an audio expert is awaited"
    if gone:
        yield (
            f"{gone} of the results {'is' if gone == 1 else 'are'} hidden: what was found is gone; "
            "run `vidi index` on its folder again"
        )
    if query.by is By.TEXT:
        return  # what the space reads of it does not matter
    if space.is_cut(query.text):
        yield f"the query is longer than {space.name} reads; its end does not count"
    if space.languages == ("en",) and looks_foreign(query.text):
        yield f"{space.name} understands only English"
