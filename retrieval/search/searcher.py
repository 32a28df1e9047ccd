"""From a query to an answer: embed it, find the best assets, calibrate, and show their moments."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from retrieval.models.sentence_encoder import SentenceEncoder
from retrieval.search.browsing import newest
from retrieval.search.chances import ImageChances, TextChances
from retrieval.search.evidence import Evidence
from retrieval.search.examples import ExampleVectors
from retrieval.search.finding import Finder, Seeing, WindowFinder
from retrieval.search.fusion import Ranked
from retrieval.search.hits import HitMaker
from retrieval.search.judging import Asked, AssetJudge, Judge
from retrieval.search.leaning import Meaning, meaning_of
from retrieval.search.library_judges import LibraryJudges
from retrieval.search.open_spaces import OpenSpace, OpenSpaces
from retrieval.search.query import By, Query
from retrieval.search.results import SearchResult
from retrieval.search.sight import InsideJudge, all_by_windows, explained
from retrieval.search.snapshot import Snapshot
from retrieval.search.timed_words import EmbedSentences
from retrieval.search.word_evidence import WordEvidence
from retrieval.spaces.language import looks_foreign
from retrieval.spaces.mmt import MmtSpace
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import Space
from retrieval.store.bitmaps import Bitmaps
from retrieval.store.catalog import Catalog
from retrieval.store.faiss_index import Notice
from retrieval.store.file_filter import Bears, OfKind, all_of, demands, leaves_of
from retrieval.store.lookup import LiveAsset, Lookup
from retrieval.store.selection import Selection
from retrieval.store.tags import Tags
from retrieval.types import Float32Array, MediaKind

__all__ = ["EmbedPictures", "Searcher"]

EmbedPictures = Callable[[Space, Sequence[Path]], Float32Array]
"""Decodes pictures and embeds them: ``[n, d] float32``. Raises QueryError for one that can't be used."""


def embed_sentences(texts: Sequence[str]) -> Float32Array:
    """As the speech expert embeds what it hears: MiniLM's vectors ``[n, 384]``, of length 1."""
    return SentenceEncoder.load().encode(texts)


class Searcher:
    """Answers queries over one catalog. Safe to share between threads; what is open stays open for the next query."""

    def __init__(
        self,
        catalog: Catalog,
        embed_pictures: EmbedPictures,
        *,
        spaces: Callable[[str], Space] = get_space,
        embed_sentences: EmbedSentences = embed_sentences,
        notice: Notice = lambda line: None,
    ) -> None:
        """``notice`` is told, in one line, when the vector index had to be rebuilt or a track can't be read."""
        self._lookup = Lookup(catalog)
        self._bitmaps = Bitmaps(catalog, self._lookup)
        self._embed_pictures = embed_pictures
        self._spaces = OpenSpaces(catalog, spaces, notice)
        self._words = WordEvidence(catalog, self._lookup, embed_sentences, notice)
        self._examples = ExampleVectors(self._lookup, embed_pictures)
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
        opened, over = self._opened(query)
        self._tags.check(leaf.tag for leaf in leaves_of(query.wanted) if isinstance(leaf, Bears))
        size = self._lookup.newest_asset()  # ids are never given twice: there are no more contents than that
        query = replace(query, as_of=query.as_of or self._now(opened, over), top=min(query.top, max(1, size)))
        if not query.has_meaning:
            return self._browsed(opened, query, size)
        finds = self._evidence(opened, over, query)
        page = finds.page(size)
        there = self._explained(list(_there(page.ranked)), opened, finds, over, query)
        timing = self._timing(finds.judge, opened, query)
        gone, found = len(page.ranked) - len(there), bool(finds.by_words or over)
        return SearchResult(
            query=query.text,
            space=_asked_space(query, opened, over),
            fits=finds.fits,
            hits=tuple(self._hits.make(list(self._words.quoted(query, there)), timing, finds.judge.fits_from)),
            notices=tuple(_notices(opened.space, query, gone=gone, found=found)),
            as_of=str(query.as_of),
            goes_on=page.goes_on,
        )

    def _opened(self, query: Query) -> tuple[OpenSpace, OpenSpace | None]:
        """The space that is asked, and the windows that join it: those over its frames, for a query in words.

        A space of windows is joined by the frames that it stands upon, unless its embedding alone is to rank.
        """
        opened = self._spaces.open(query.space)
        joins = query.by is By.FUSED and query.text.strip() and not (query.images or query.like or query.unlike)
        if isinstance(opened.space, MmtSpace) and query.by is not By.SPACE and opened.space.pictures is not None:
            return self._spaces.open(opened.space.pictures.name), opened if joins else None
        return opened, self._spaces.windows_over(opened.space.name) if joins else None

    def _timing(self, judge: AssetJudge, opened: OpenSpace, query: Query) -> AssetJudge:
        """Who tells the moments: where windows alone have ranked, the frames that they stand upon."""
        if not isinstance(opened.space, MmtSpace) or opened.space.pictures is None:
            return judge
        seen = self._spaces.open(opened.space.pictures.name)
        return InsideJudge(judge, self._judge(seen, query, self._meaning(seen, query), None))

    def _explained(
        self, page: list[Ranked], opened: OpenSpace, finds: Evidence, over: OpenSpace | None, query: Query
    ) -> list[Ranked]:
        """The page with the shares of experts, where windows have ranked it, alone or beside frames."""
        if isinstance(opened.space, MmtSpace) and query.text.strip():
            return list(explained(page, all_by_windows(page), opened, query.text, self._lookup))
        return list(explained(page, finds.shares, over, query.text, self._lookup))

    def _evidence(self, opened: OpenSpace, over: OpenSpace | None, query: Query) -> Evidence:
        """All that is found, in the frames of ``opened`` and the windows ``over`` them, and by words."""
        refused = self._examples.ids(query.unlike)
        frames = self._finder(opened, query, refused)
        windows = None if over is None else self._windows(over, query)
        seeing = Seeing(frames, windows, partial(self._words.lifted, query), lifts=self._words.may_lift(query))
        return Evidence(query, opened.space, self._words, seeing, refused)

    def _finder(self, opened: OpenSpace, query: Query, refused: Collection[int] = ()) -> Finder:
        """Who finds and judges in one space."""
        meaning, allowed = self._meaning(opened, query), self._allowed(opened, query)
        judge = self._judge(opened, query, meaning, allowed)
        return Finder(self._lookup, opened, meaning.ranked_by, query.allowed, allowed, refused, judge)

    def _meaning(self, opened: OpenSpace, query: Query) -> Meaning:
        return meaning_of(query, opened.space, self._embed_pictures, partial(self._examples.of, opened))

    def _windows(self, over: OpenSpace, query: Query) -> WindowFinder:
        """Who finds videos and sounds by their best windows."""
        sounds = None
        if len(self._bitmaps.of(over.row, OfKind(MediaKind.SOUND))):
            sounds = self._finder(over, replace(query, wanted=all_of(query.wanted, OfKind(MediaKind.SOUND))))
        return WindowFinder(self._lookup, self._finder(over, query), sounds)

    def _browsed(self, opened: OpenSpace, query: Query, size: int) -> SearchResult:
        """All that the filter lets through: nothing is compared."""
        page = newest(self._lookup, query, size)
        there = list(self._words.quoted(query, list(_there(page.ranked))))
        return SearchResult(
            query=query.text,
            space=opened.space.name,
            fits=bool(self._lookup.newest(query.allowed, 1)),
            hits=tuple(self._hits.make(there, None, 0.0)),
            notices=tuple(_notices(opened.space, query, gone=len(page.ranked) - len(there), found=True)),
            as_of=str(query.as_of),
            goes_on=page.goes_on,
        )

    def _now(self, opened: OpenSpace, over: OpenSpace | None) -> Snapshot:
        """The state that the open indexes have, and every content of them."""
        vector_id = max(each.index.stamp.highest_vector_id for each in (opened, over) if each is not None)
        return Snapshot(vector_id, self._lookup.newest_asset(), len(opened.index))

    def _allowed(self, opened: OpenSpace, query: Query) -> Selection | None:
        """The vectors that may be found; None where all of the index may."""
        assert query.as_of is not None
        known = None
        if opened.index.stamp.highest_vector_id > query.as_of.vector_id:
            known = Selection.up_to(query.as_of.vector_id)
        if not query.wanted:
            return known
        wanted = self._bitmaps.of(opened.row, query.wanted)
        return wanted if known is None else wanted & known

    def _judge(self, opened: OpenSpace, query: Query, meaning: Meaning, allowed: Selection | None) -> Judge:
        assert query.as_of is not None
        known = min(query.as_of.vectors, len(opened.index))
        items = known if not query.wanted or allowed is None else len(allowed)

        def of(vector: Float32Array) -> Asked:
            return Asked(vector, self._text_chances(opened, vector, items, is_filtered=bool(query.wanted)))

        if meaning.asked is None:
            asked = None
        else:
            asked = Asked(meaning.asked, ImageChances()) if query.images or query.like else of(meaning.asked)
        unlike = [Asked(vector, ImageChances()) for vector in meaning.unlike]
        return Judge(self._lookup, opened, asked, [*map(of, meaning.against), *unlike])

    def _text_chances(self, opened: OpenSpace, query: Float32Array, items: int, *, is_filtered: bool) -> TextChances:
        """The library's sample is not one of what a filter allows, so that a filtered search goes without."""
        sample = None if is_filtered else self._judges.sample(opened)
        return TextChances(opened.space, query, items, self._judges.of(opened), sample)


def _asked_space(query: Query, opened: OpenSpace, over: OpenSpace | None) -> str:
    """The name of the space that was asked: that of windows where it was named, not where it only joined."""
    is_named = over is not None and query.space not in (None, opened.space.name)
    return over.space.name if over is not None and is_named else opened.space.name


def _there(page: Sequence[Ranked]) -> Iterator[Ranked]:
    """What is still on disk of the page."""
    for each in page:
        if (seen := _on_disk(each.asset)) is not None:
            yield replace(each, asset=seen)


def _on_disk(asset: LiveAsset) -> LiveAsset | None:
    """The asset with those of its files that are still there; None when the catalog doesn't know yet that all went."""
    paths = tuple(path for path in asset.paths if _exists(path))
    return replace(asset, paths=paths) if paths else None


def _exists(path: bytes) -> bool:
    """A link that leads nowhere just now is left out until its drive is back."""
    return os.path.exists(path)


def _notices(space: Space, query: Query, *, gone: int, found: bool) -> Iterator[str]:
    """What keeps the answer from being one to all of the query; ``found`` anything by words."""
    if demands(query.wanted, OfKind(MediaKind.SOUND)) and not (query.by.is_of_words or found):
        yield (
            "sounds are found by words alone here: how they sound is not indexed yet; "
            "run `vidi index` on their folder again"
        )
    if gone:
        yield (
            f"{gone} of the results {'is' if gone == 1 else 'are'} hidden: what was found is gone; "
            "run `vidi index` on its folder again"
        )
    if query.by.is_of_words:
        return  # what the space reads of it does not matter
    if space.is_cut(query.text):
        yield f"the query is longer than {space.name} reads; its end does not count"
    if space.languages == ("en",) and looks_foreign(query.text):
        yield f"{space.name} understands only English"
