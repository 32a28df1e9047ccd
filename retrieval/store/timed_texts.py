"""What machines heard and read in video and sound: written with the tracks, read for people and for a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, select

from retrieval.store.catalog import Catalog
from retrieval.store.remembered import Remembered
from retrieval.store.schema import Asset, File, TimedWords, Track
from retrieval.types import TextSource, TimedText

__all__ = ["AssetTexts", "TimedTexts", "forget_tracks_without_words", "has_words", "write_timed_texts"]

AssetTexts = Mapping[tuple[str, str], Sequence[TimedText]]
"""What was heard and read in one asset, by (expert, version); empty of an expert that found no words."""

_IDS_PER_QUERY = 500


def write_timed_texts(connection: Connection, texts: Mapping[int, AssetTexts]) -> None:
    """What experts found in assets takes the place of what the same experts, at any version, had found.

    Their tracks of other versions go too: who asks for such a version again wants its words, and they are gone.
    """
    for expert, version in sorted({key for found in texts.values() for key in found}):
        seen = [asset_id for asset_id, found in texts.items() if (expert, version) in found]
        for start in range(0, len(seen), _IDS_PER_QUERY):
            chunk = seen[start : start + _IDS_PER_QUERY]
            connection.execute(delete(TimedWords).where(TimedWords.asset_id.in_(chunk), TimedWords.expert == expert))
            others = (Track.asset_id.in_(chunk), Track.expert == expert, Track.version != version)
            connection.execute(delete(Track).where(*others))
    rows = [
        {"asset_id": asset_id, "expert": expert, "version": version, "position": position, **_row_of(text)}
        for asset_id, found in texts.items()
        for (expert, version), said in found.items()
        for position, text in enumerate(said)
    ]
    if rows:
        connection.execute(insert(TimedWords), rows)


def forget_tracks_without_words(catalog: Catalog) -> None:
    """Tracks whose words had to make room for those of another version, in libraries of before that took them along:
    their experts, asked again, give both anew. Needs the write lock."""
    others = exists().where(
        TimedWords.asset_id == Track.asset_id, TimedWords.expert == Track.expert, TimedWords.version != Track.version
    )
    with catalog.engine.begin() as connection:
        connection.execute(delete(Track).where(Track.expert.in_([source.value for source in TextSource]), others))


def _row_of(text: TimedText) -> dict[str, Any]:
    return {
        "start_seconds": text.start_seconds,
        "end_seconds": text.end_seconds,
        "text": text.text,
        "confidence": text.confidence,
        "language": text.language,
    }


def has_words(source: TextSource) -> ColumnElement[bool]:
    """A condition on rows of ``asset``: something is said in it, or written on the screen."""
    return Asset.id.in_(select(TimedWords.asset_id).where(TimedWords.expert == source.value))


class TimedTexts:
    """Reads from a catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._engine = catalog.engine
        self._known = Remembered(catalog)

    def any(self, source: TextSource) -> bool:
        """Whether words of ``source`` were found in anything."""

        def read() -> bool:
            with self._engine.connect() as connection:
                return bool(connection.scalar(select(exists().where(TimedWords.expert == source.value))))

        return self._known.of(source, read)

    def of(self, asset_ids: Sequence[int]) -> dict[int, list[TimedText]]:
        """All words of each asset, in the order of time; one without any is left out."""
        columns = (
            TimedWords.asset_id,
            TimedWords.expert,
            TimedWords.start_seconds,
            TimedWords.end_seconds,
            TimedWords.text,
            TimedWords.confidence,
            TimedWords.language,
        )
        statement = select(*columns).order_by(TimedWords.start_seconds, TimedWords.expert, TimedWords.position)
        found: dict[int, list[TimedText]] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(asset_ids), _IDS_PER_QUERY):
                chunk = asset_ids[start : start + _IDS_PER_QUERY]
                for row in connection.execute(statement.where(TimedWords.asset_id.in_(chunk))):
                    found.setdefault(row.asset_id, []).append(TimedText(TextSource(row.expert), *row[2:]))
        return found

    def of_file(self, path: bytes) -> list[TimedText]:
        """The words of the content of the file at ``path``, in the order of time."""
        with self._engine.connect() as connection:
            asset_id = connection.scalar(select(File.asset_id).where(File.path == path))
        return [] if asset_id is None else self.of([asset_id]).get(asset_id, [])
