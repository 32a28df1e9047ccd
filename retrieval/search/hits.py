"""From a ranked page to hits: their moments, tags and parts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from retrieval.experts.appearance import CLASSES_EXPERT
from retrieval.search.fusion import Ranked
from retrieval.search.judging import AssetJudge
from retrieval.search.ranking import MOMENTS_MOST
from retrieval.search.results import Hit, Tag
from retrieval.search.tags import ClassTags
from retrieval.store.catalog import Catalog
from retrieval.store.faiss_index import Notice
from retrieval.store.lookup import Lookup
from retrieval.store.parts import Parts
from retrieval.store.tags import KnownTags, Tags
from retrieval.types import FeatureTrack, Moment

__all__ = ["HitMaker"]


class HitMaker:
    """Tells of each ranked asset all that a person is shown. Safe to share between threads."""

    def __init__(self, catalog: Catalog, lookup: Lookup, notice: Notice) -> None:
        """``notice`` is told, in one line, when a track can't be read."""
        self._lookup = lookup
        self._notice = notice
        self._parts = Parts(catalog)
        self._tags = Tags(catalog)
        self._class_tags = ClassTags()

    def make(self, page: Sequence[Ranked], judge: AssetJudge | None, fits_from: float) -> Iterator[Hit]:
        """The hits of ``page``, in its order; without a judge no moments are known."""
        ids = [each.asset.id for each in page]
        judged = {} if judge is None else judge.of(each.asset for each in page)
        parts = self._parts.of_assets(ids)
        tags = self._tags.known(ids)
        untagged = [asset_id for asset_id in ids if asset_id not in tags or not tags[asset_id].is_seen]
        tracks = self._lookup.tracks(untagged, CLASSES_EXPERT, self._notice)
        for each in page:
            asset = each.asset
            moments = _joined(each.moments, judged[asset.id].moments if asset.id in judged else ())
            yield Hit(
                path=_path_of(asset.paths[0]),
                copies=tuple(map(_path_of, asset.paths[1:])),
                kind=asset.kind,
                score=each.chance,
                fits=each.chance >= fits_from,
                moments=moments,
                tags=self._tags_of(tags.get(asset.id, KnownTags()), tracks.get(asset.id), moments),
                why=each.why,
                parts=tuple(map(_path_of, parts.get(asset.id, ()))),
                asset_id=asset.id,
                folded=each.folded,
            )

    def _tags_of(self, known: KnownTags, track: FeatureTrack | None, moments: tuple[Moment, ...]) -> tuple[Tag, ...]:
        """What the catalog knows; of what no machine has tagged yet, also what the classifier says of the moment."""
        tags = [Tag(tag.label, tag.score, tag.source) for tag in known.shown]
        if track is not None:
            settled = {tag.label.casefold() for tag in tags} | known.refused
            said = self._class_tags.of(track, moments[0] if moments else None)
            tags += [tag for tag in said if tag.label.casefold() not in settled]
        return tuple(tags)


def _joined(of_words: Sequence[Moment], of_frames: Sequence[Moment]) -> tuple[Moment, ...]:
    """What is said first, then those moments of the frames that don't hold the same."""
    others = (
        moment
        for moment in of_frames
        if not any(
            moment.start_seconds < words.end_seconds and words.start_seconds < moment.end_seconds for words in of_words
        )
    )
    return (*of_words, *others)[:MOMENTS_MOST]


def _path_of(raw: bytes) -> Path:
    return Path(os.fsdecode(raw))
