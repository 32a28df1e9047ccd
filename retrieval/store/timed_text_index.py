"""Full-text search over what machines heard and read: a table that is derived from ``timed_text``, beside it.

It is SQLite's FTS5, and none of the schema's tables, as that of people's words (``text_index.py``). It keeps no text of
its own: it reads the rows that it points to, and triggers keep it with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, column, exists, false, literal_column, select, table, text

from retrieval.store.schema import TimedWords
from retrieval.store.text_index import RANKED_MOST, all_of, any_of, phrase_of
from retrieval.types import TextSource

__all__ = [
    "Quote",
    "compact_timed_text_index",
    "drop_timed_text_index",
    "find_timed",
    "has_timed_text_index",
    "holds_timed",
    "holds_timed_phrase",
    "make_timed_text_index",
    "phrase_quotes",
    "timed_quotes",
]

_NAME = "timed_text_index_1"
"""Raise the number where columns or letters change: the old table is then another, and the new one is filled."""
_TEXTS = table(_NAME, column("rowid"), column("text"))
_MADE = (
    f"CREATE VIRTUAL TABLE {_NAME} USING fts5("
    "text, content = 'timed_text', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2')",
    f"CREATE TRIGGER {_NAME}_learn AFTER INSERT ON timed_text BEGIN "
    f"INSERT INTO {_NAME} (rowid, text) VALUES (new.id, new.text); END",
    f"CREATE TRIGGER {_NAME}_forget AFTER DELETE ON timed_text BEGIN "
    f"INSERT INTO {_NAME} ({_NAME}, rowid, text) VALUES ('delete', old.id, old.text); END",
)
_IDS_PER_QUERY = 500
_QUOTE_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Quote:
    """Words on one line, said or shown in ``[start_seconds, end_seconds)``; the times of people's words are None."""

    start_seconds: float | None
    end_seconds: float | None
    text: str


def has_timed_text_index(connection: Connection) -> bool:
    """Whether there are words to search."""
    if connection.dialect.name != "sqlite":
        return False
    wanted = "SELECT count(*) FROM sqlite_master WHERE name IN (:name, :learn, :forget)"
    names = {"name": _NAME, "learn": f"{_NAME}_learn", "forget": f"{_NAME}_forget"}
    return bool(connection.scalar(text(wanted), names) == len(_MADE))


def make_timed_text_index(connection: Connection) -> None:
    """Make it from the rows that there are, if this database can hold one and has none."""
    if connection.dialect.name != "sqlite" or has_timed_text_index(connection):
        return
    if not connection.scalar(text("SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'")):
        return
    drop_timed_text_index(connection)
    for statement in _MADE:
        connection.execute(text(statement))
    connection.execute(text(f"INSERT INTO {_NAME} ({_NAME}) VALUES ('rebuild')"))


def drop_timed_text_index(connection: Connection) -> None:
    """Remove it, whole or not."""
    if connection.dialect.name == "sqlite":
        for trigger in ("learn", "forget"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {_NAME}_{trigger}"))
        connection.execute(text(f"DROP TABLE IF EXISTS {_NAME}"))


def compact_timed_text_index(connection: Connection) -> None:
    """Rewrite it without what was deleted, as FTS5 only marks words as deleted."""
    if has_timed_text_index(connection):
        connection.execute(text(f"INSERT INTO {_NAME} ({_NAME}) VALUES ('optimize')"))


def holds_timed(connection: Connection, source: TextSource) -> bool:
    """Whether any words of ``source`` can be searched."""
    anything = select(exists().where(TimedWords.expert == source.value))
    return has_timed_text_index(connection) and bool(connection.scalar(anything))


def find_timed(
    connection: Connection,
    source: TextSource,
    words: Sequence[str],
    *,
    without: Sequence[Sequence[str]] = (),
    up_to: int | None = None,
    among: Select[int] | Sequence[int] | None = None,
) -> list[int]:
    """The asset of each utterance, or text on the screen, that holds all of ``words``; best first by BM25.

    ``up_to``, ``among`` and how many are ranked are as with :func:`retrieval.store.text_index.find_assets`; an asset is
    left out that holds all of one of ``without`` in one text.
    """
    if not words:
        return []
    rank: ColumnElement[float] = literal_column("rank")
    met = _unordered(source, all_of(words), TimedWords.id, TimedWords.asset_id, rank.label("score"))
    for others in without:
        if others:
            met = met.where(TimedWords.asset_id.not_in(_unordered(source, all_of(others), TimedWords.asset_id)))
    if up_to is not None:
        met = met.where(TimedWords.asset_id <= up_to)
    if among is not None:
        met = met.where(TimedWords.asset_id.in_(among))
    newest = met.order_by(_TEXTS.c.rowid.desc()).limit(RANKED_MOST).subquery()
    return list(connection.scalars(select(newest.c.asset_id).order_by(newest.c.score, newest.c.id)))


def timed_quotes(
    connection: Connection, source: TextSource, words: Sequence[str], asset_ids: Sequence[int], most: int
) -> dict[int, list[Quote]]:
    """Of each asset the ``most`` best places where it says all of ``words``; where none does, those that say some."""
    if not words:
        return {}
    found: dict[int, list[Quote]] = {}
    for matching in (all_of(words), any_of(words)):
        wanted = [asset_id for asset_id in asset_ids if asset_id not in found]
        found |= _quotes(connection, source, matching, wanted, most)
    return found


def phrase_quotes(
    connection: Connection, source: TextSource, phrase: str, asset_ids: Sequence[int], most: int
) -> dict[int, list[Quote]]:
    """Of each asset the ``most`` best places where it says ``phrase``."""
    return _quotes(connection, source, phrase_of(phrase), asset_ids, most)


def _quotes(
    connection: Connection, source: TextSource, matching: str, asset_ids: Sequence[int], most: int
) -> dict[int, list[Quote]]:
    snippet: ColumnElement[str] = literal_column(f"snippet({_NAME}, -1, '', '', '…', {_QUOTE_TOKENS})")
    times = (TimedWords.start_seconds, TimedWords.end_seconds)
    statement = _matching(source, matching, TimedWords.asset_id, *times, snippet)
    found: dict[int, list[Quote]] = {}
    for start in range(0, len(asset_ids), _IDS_PER_QUERY):
        chunk = asset_ids[start : start + _IDS_PER_QUERY]
        for asset_id, begin, end, said in connection.execute(statement.where(TimedWords.asset_id.in_(chunk))):
            quotes = found.setdefault(asset_id, [])
            if len(quotes) < most:
                quotes.append(Quote(begin, end, " ".join(said.split())))
    return found


def holds_timed_phrase(connection: Connection, asset_id: Any, source: TextSource, words: str) -> ColumnElement[bool]:
    """That one utterance, or text on the screen, of the asset of the column ``asset_id`` says ``words`` in order."""
    if not has_timed_text_index(connection):
        return false()
    met: ColumnElement[bool] = asset_id.in_(_unordered(source, phrase_of(words), TimedWords.asset_id))
    return met


def _matching(source: TextSource, matching: str, *columns):  # type: ignore[no-untyped-def]  # any columns
    """The rows that match, best first by BM25, then in the order in which they were written."""
    return _unordered(source, matching, *columns).order_by(literal_column("rank"), TimedWords.id)


def _unordered(source: TextSource, matching: str, *columns):  # type: ignore[no-untyped-def]
    joined = select(*columns).select_from(_TEXTS).join(TimedWords, TimedWords.id == _TEXTS.c.rowid)
    met: ColumnElement[bool] = literal_column(_NAME).op("MATCH")(matching)
    return joined.where(met, TimedWords.expert == source.value)
