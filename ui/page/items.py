"""All that the catalog knows of one asset, for the page that shows it large."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import aliased

from retrieval.store.asset_facts import AssetReader
from retrieval.store.catalog import Catalog
from retrieval.store.schema import File, Part, Segment, Segmentation
from retrieval.store.tags import KnownTags, Tags
from retrieval.types import MediaKind, TimedText
from ui.page.facts import Fact, facts_of, map_link
from ui.presentation import chance, readable
from ui.wording import clock

__all__ = ["Item", "Items", "ShownTag", "ShownText", "TextsOf"]

TextsOf = Callable[[int], Sequence[TimedText]]
"""What machines heard and read in an asset, in the order of time."""

_STILLS_MOST = 12
_FRAMES = "frames"
_PART_NAMES = {"raw": "raw", "motion": "live clip"}


@dataclass(frozen=True, slots=True)
class ShownText:
    """A line of a transcript, or of what is written on the screen."""

    source: str
    start_seconds: float
    end_seconds: float
    clock: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownTag:
    """A tag, and how sure the machine is that gives it."""

    label: str
    chance: str
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Item:
    """What is shown of an asset beside itself."""

    asset: int
    kind: str
    name: str
    folder: str
    copies: tuple[str, ...]
    """Where else it lies."""
    parts: tuple[tuple[str, str], ...]
    """(name of a file that belongs to it, what it is)."""
    facts: tuple[Fact, ...]
    map_link: str | None
    title: str | None
    caption: str | None
    tags: tuple[ShownTag, ...]
    is_tagged: bool
    """A tagger has seen it; else what the search says of its moment stands for its tags."""
    duration_seconds: float | None
    stills: tuple[float, ...]
    """Seconds of a few kept frames of a video, evenly over it."""
    texts: tuple[ShownText, ...]

    def to_json(self) -> dict[str, Any]:
        """For the page's script."""
        return asdict(self)


def _no_texts(_asset_id: int) -> Sequence[TimedText]:
    return ()


class Items:
    """Looks items up. Safe to share between threads."""

    def __init__(self, catalog: Catalog, texts_of: TextsOf = _no_texts) -> None:
        self._engine = catalog.engine
        self._reader = AssetReader(catalog)
        self._tags = Tags(catalog)
        self._texts_of = texts_of

    def of(self, asset_id: int) -> Item | None:
        """The item; None if the catalog has no such asset with a present file."""
        found = self._reader.of(asset_id)
        files = sorted((file for file in found.files if file.present), key=lambda file: file.path) if found else []
        if found is None or not files:
            return None
        facts, first = found.facts, files[0]
        name = readable(os.path.basename(os.fsdecode(first.path)))
        modified_at = datetime.fromtimestamp(first.modified_ns / 1e9)
        known = self._tags.known([asset_id]).get(asset_id, KnownTags())
        with self._engine.connect() as connection:
            parts = _parts_of(connection, asset_id)
            stills = _stills_of(connection, asset_id) if facts.kind is MediaKind.VIDEO else ()
        return Item(
            asset=asset_id,
            kind=facts.kind.value,
            name=name,
            folder=readable(os.path.dirname(os.fsdecode(first.path))),
            copies=tuple(readable(os.fsdecode(file.path)) for file in files[1:]),
            parts=parts,
            facts=tuple(facts_of(facts, name, first.size_bytes, modified_at)),
            map_link=map_link(facts),
            title=facts.words.title,
            caption=facts.words.caption,
            tags=_shown(known),
            is_tagged=known.is_seen,
            duration_seconds=facts.duration_seconds,
            stills=stills,
            texts=tuple(map(_shown_text, self._texts_of(asset_id))),
        )


def _parts_of(connection: Connection, asset_id: int) -> tuple[tuple[str, str], ...]:
    main = aliased(File)
    statement = (
        select(File.path, Part.role).join(Part, Part.file_id == File.id).join(main, main.id == Part.main_file_id)
    )
    rows = connection.execute(statement.where(main.asset_id == asset_id, File.present).order_by(File.path))
    return tuple((readable(PurePath(os.fsdecode(path)).name), _PART_NAMES.get(role, role)) for path, role in rows)


def _stills_of(connection: Connection, asset_id: int) -> tuple[float, ...]:
    """Of its frames as they were cut last; its windows, which a video has besides, are each half a minute long."""
    cut = (Segmentation.asset_id == asset_id, Segmentation.method == _FRAMES)
    newest = select(Segmentation.id).where(*cut).order_by(Segmentation.id.desc()).limit(1)
    statement = select(Segment.start_seconds).where(Segment.segmentation_id.in_(newest)).order_by(Segment.position)
    times = [seconds for seconds in connection.scalars(statement) if seconds is not None]
    count = min(_STILLS_MOST, len(times))
    return tuple(round(times[n * len(times) // count], 3) for n in range(count))


def _shown(known: KnownTags) -> tuple[ShownTag, ...]:
    return tuple(ShownTag(tag.label, chance(tag.score), tag.source == "people") for tag in known.shown)


def _shown_text(text: TimedText) -> ShownText:
    return ShownText(text.source.value, text.start_seconds, text.end_seconds, clock(text.start_seconds), text.text)
