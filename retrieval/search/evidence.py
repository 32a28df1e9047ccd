"""All that one query finds, by sight and by words, in one order; and which page of it is shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from retrieval.search.chances import JUDGED
from retrieval.search.finding import Seeing
from retrieval.search.folding import FOLDED_MOST, LOOKED_PAST, alike_from, fold
from retrieval.search.fusion import JOINED_MOST, Ranked, Ranking, fuse
from retrieval.search.judging import AssetJudge
from retrieval.search.paging import Page, Ranks, page_of
from retrieval.search.query import Query
from retrieval.search.word_evidence import WordEvidence
from retrieval.spaces.space import Space
from retrieval.store.lookup import LiveAsset

__all__ = ["Evidence"]


class Evidence:
    """What is found for one query. What stands at a place depends on no page, whichever is asked for first."""

    def __init__(
        self, query: Query, space: Space, words: WordEvidence, seeing: Seeing, refused: Collection[int]
    ) -> None:
        """``refused`` are assets that a person marked as not meant: nothing finds them."""
        self._query = query
        self._space = space
        self._words = words
        self._refused = refused
        self._seeing = seeing
        self.judge: AssetJudge = seeing.judge

    @cached_property
    def by_words(self) -> list[Ranking]:
        """What words alone find, the first 200 of each kind."""
        return self._found_by_words(JOINED_MOST)

    @cached_property
    def fits(self) -> bool:
        """Whether anything does: by its words, or one of those nearest; further down they are likelier to seem so."""
        if any(ranking.fitting for ranking in self.by_words):
            return True
        if self._query.by.is_of_words:
            return False
        return max(_chances_of(self._deciding, self.judge).values(), default=0.0) >= self.judge.fits_from

    def page(self, size: int) -> Page:
        """What is shown, best first, of a library of ``size`` contents: beyond these there is nothing to look for."""
        query = self._query
        if query.offset >= size or not (self.fits or query.anyway):
            return Page()
        page = page_of(query.offset, query.top, self._ranks, self._folded)
        return page if query.by.is_of_words else replace(page, ranked=self._judged(page.ranked))

    @property
    def shares(self) -> Mapping[int, Mapping[str, float]]:
        """As :class:`retrieval.search.sight.Sight` has them, of what was looked at."""
        return self._seeing.shares

    @cached_property
    def _deciding(self) -> list[LiveAsset]:
        query = self._query
        # As deep as its page will look, so that one look is enough; but not far down before it is known to be of use.
        self._seeing.to(query.offset + query.top + LOOKED_PAST if query.offset < JOINED_MOST else 0)
        return self._seeing.nearest()

    def _ranks(self, depth: int) -> Ranks:
        """What may be shown, the first ``depth`` at least: the first of them are judged, the others not yet."""
        if self._query.by.is_of_words:
            return self._ranks_by_words(depth)
        sight = self._seeing.to(max(depth, JOINED_MOST) if self.by_words else depth)
        if not self.by_words:
            order = sight.ranking.assets if self._query.anyway else self._fitting_first(sight.ranking.assets)
            return Ranks(fuse([replace(sight.ranking, assets=order)], self.judge.fits_from), sight.is_all)
        near, below = sight.ranking.assets[:JOINED_MOST], sight.ranking.assets[JOINED_MOST:]
        seen = replace(sight.ranking, chances=_chances_of(near, self.judge))
        fused = fuse([seen, *self.by_words], self.judge.fits_from)
        unjudged = {asset.id for asset in below}
        shown = [each for each in fused if self._is_shown(each) or each.asset.id in unjudged]
        return Ranks(shown, sight.is_all)

    def _ranks_by_words(self, depth: int) -> Ranks:
        most = max(depth, JOINED_MOST)
        words = self.by_words if most == JOINED_MOST else self._found_by_words(most)
        ranked = fuse(words, self.judge.fits_from)
        is_all = all(len(ranking.assets) < most for ranking in words)
        if is_all and self._query.anyway:
            known = {each.asset.id for each in ranked}
            nearest = self._shown(self._words.nearest(self._query, self._asked(most), self.judge.fits_from))
            ranked += [each for each in fuse(nearest, self.judge.fits_from) if each.asset.id not in known]
            is_all = all(len(ranking.assets) < most for ranking in nearest)
        return Ranks(ranked, is_all) if is_all else Ranks(ranked[:most], is_all)

    def _found_by_words(self, most: int) -> list[Ranking]:
        return self._shown(self._words.find(self._query, self._asked(most)))

    def _asked(self, most: int) -> int:
        """How many to ask for, so that without what is refused ``most`` are left, or all."""
        return most + len(self._refused)

    def _shown(self, rankings: Sequence[Ranking]) -> list[Ranking]:
        left = (ranking.without(self._refused) for ranking in rankings)
        return [ranking for ranking in left if ranking.assets]

    def _fitting_first(self, order: Sequence[LiveAsset]) -> list[LiveAsset]:
        """``order``, where of its first and of those that decide whether anything fits those come first that do: so a
        page of one hit is not empty because the very first is none, and pages of any size follow one another."""
        looked_at = {asset.id: asset for asset in (*order[:JUDGED], *self._deciding)}
        likely = _chances_of(list(looked_at.values()), self.judge)
        fitting = {asset_id for asset_id, chance in likely.items() if chance >= self.judge.fits_from}
        return sorted(order, key=lambda asset: asset.id not in fitting)  # stable

    def _folded(self, ranked: Sequence[Ranked]) -> list[Ranked]:
        if self._query.unfolded or not self._space.normalized:
            return list(ranked)
        near = ranked[:FOLDED_MOST]
        vectors = self.judge.pictures([each.asset for each in near])
        return [*fold(near, vectors, alike_from(self._space)), *ranked[FOLDED_MOST:]]

    def _judged(self, page: Sequence[Ranked]) -> list[Ranked]:
        """Only the page is judged, which costs more than ranking it. What no judge and no words know of is gone."""
        likely = _chances_of([each.asset for each in page], self.judge)
        known = [each for each in page if each.asset.id in likely or each.chance]
        judged = [replace(each, chance=max(each.chance, likely.get(each.asset.id, 0.0))) for each in known]
        return [each for each in judged if self._is_shown(each)]

    def _is_shown(self, ranked: Ranked) -> bool:
        return self._query.anyway or ranked.chance >= self.judge.fits_from


def _chances_of(assets: Sequence[LiveAsset], judge: AssetJudge) -> Mapping[int, float]:
    return {asset_id: judged.chance for asset_id, judged in judge.of(assets).items()}
