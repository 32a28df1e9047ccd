"""The words of assets, for full-text search: a table that is derived from the catalog, and lies in its database.

It is SQLite's FTS5, so it is none of the schema's tables: it is made when it is missing, by whoever writes, and other
engines have none. Then nothing is found by words: whoever reads asks :func:`has_text_index` first. What is derived from
an asset's rows goes in by the same transaction as these, and a trigger removes the words of an asset that is forgotten.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    column,
    delete,
    false,
    insert,
    literal_column,
    select,
    table,
    text,
)

from retrieval.types import Words

__all__ = [
    "RANKED_MOST",
    "all_of",
    "any_of",
    "compact_text_index",
    "drop_text_index",
    "find_assets",
    "find_some",
    "has_text_index",
    "holds_anything",
    "holds_phrase",
    "is_outdated",
    "make_text_index",
    "phrase_of",
    "quotes",
    "share_among",
    "write_texts",
]

RANKED_MOST = 5000
"""So many that hold the same words are ranked by them, in some ten milliseconds."""
_NAME = "text_index_2"
"""Raise the number where columns or letters change: the old table is then another, and the new one is filled."""
_OLD_NAMES = ("text_index_1",)
_BETWEEN_NAMES = "\ue000"
"""A letter that nobody writes: to FTS5 a word of its own, so that a phrase never runs from one name into the next."""
_TEXTS = table(_NAME, column("rowid"), column("title"), column("caption"), column("keywords"), column("people"))
_COLUMNS = ("title", "caption", "keywords", "people")
# Endings are cut as in English, so that "dogs" finds "dog"; accents don't count.
_FTS = f"fts5({', '.join(_COLUMNS)}, tokenize = 'porter unicode61 remove_diacritics 2')"
_MADE = (
    f"CREATE VIRTUAL TABLE {_NAME} USING {_FTS}",
    f"CREATE TRIGGER {_NAME}_forget AFTER DELETE ON asset BEGIN DELETE FROM {_NAME} WHERE rowid = old.id; END",
)
_IDS_PER_QUERY = 500
_QUOTE_TOKENS = 32


def has_text_index(connection: Connection) -> bool:
    """Whether there are words to search."""
    if connection.dialect.name != "sqlite":
        return False
    wanted = "SELECT count(*) FROM sqlite_master WHERE name IN (:table, :trigger)"
    return bool(connection.scalar(text(wanted), {"table": _NAME, "trigger": f"{_NAME}_forget"}) == len(_MADE))


def is_outdated(connection: Connection) -> bool:
    """Whether it is still that of an earlier version, in which nothing is looked for."""
    if connection.dialect.name != "sqlite":
        return False
    names = {f"name{place}": name for place, name in enumerate(_OLD_NAMES)}
    listed = ", ".join(f":{name}" for name in names)
    found = connection.scalar(text(f"SELECT count(*) FROM sqlite_master WHERE name IN ({listed})"), names)
    return bool(found) and not has_text_index(connection)


def holds_anything(connection: Connection) -> bool:
    """Whether any asset has words."""
    return has_text_index(connection) and connection.scalar(select(_TEXTS.c.rowid).limit(1)) is not None


def make_text_index(connection: Connection) -> bool:
    """Make it empty, if this database can hold one and has none. Whether it was made, and is to be filled."""
    if connection.dialect.name != "sqlite" or has_text_index(connection):
        return False
    if not connection.scalar(text("SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'")):
        return False
    drop_text_index(connection)
    for statement in _MADE:
        connection.execute(text(statement))
    return True


def drop_text_index(connection: Connection) -> None:
    """Remove it, whole or not, and those of earlier versions."""
    if connection.dialect.name == "sqlite":
        for name in (_NAME, *_OLD_NAMES):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {name}_forget"))
            connection.execute(text(f"DROP TABLE IF EXISTS {name}"))


def compact_text_index(connection: Connection) -> None:
    """Rewrite it without what was deleted: FTS5 only marks words as deleted, and keeps them where they stood."""
    if has_text_index(connection):
        connection.execute(text(f"INSERT INTO {_NAME}({_NAME}) VALUES ('optimize')"))


def write_texts(connection: Connection, words: Mapping[int, Words]) -> None:
    """The words of assets take the place of what was there; those without any have no row."""
    if not has_text_index(connection):
        return
    for chunk in _chunks(list(words)):
        connection.execute(delete(_TEXTS).where(_TEXTS.c.rowid.in_(chunk)))
    rows = [_row(asset_id, said) for asset_id, said in words.items() if _is_text(said)]
    if rows:
        connection.execute(insert(_TEXTS), rows)


def _is_text(words: Words) -> bool:
    return bool(words.title or words.caption or words.keywords or words.people)


def _row(asset_id: int, words: Words) -> dict[str, object]:
    between = f" {_BETWEEN_NAMES} "
    lists = {"keywords": between.join(words.keywords), "people": between.join(words.people)}
    return {"rowid": asset_id, "title": words.title or "", "caption": words.caption or "", **lists}


def find_assets(
    connection: Connection,
    words: Sequence[str],
    *,
    without: Sequence[Sequence[str]] = (),
    up_to: int | None = None,
    among: Select[int] | None = None,
) -> list[int]:
    """The assets whose words hold all of ``words``, and not all of one of ``without``; best first by BM25.

    Each word is plain, never syntax. ``up_to`` an id, and ``among`` those that a statement gives, where they are not
    None. Of more than ``RANKED_MOST`` the newest are ranked: what so many hold tells little, and scoring takes a
    hundred times as long as finding.
    """
    if not words:
        return []
    barred = "".join(f" NOT ({all_of(others)})" for others in without if others)
    return _ranked(connection, f"({all_of(words)}){barred}", up_to, among)


def find_some(connection: Connection, words: Sequence[str], *, up_to: int | None = None) -> list[int]:
    """The assets whose words hold any of ``words``; best first, as :func:`find_assets`."""
    return _ranked(connection, any_of(words), up_to, None) if words else []


def _ranked(connection: Connection, matching: str, up_to: int | None, among: Select[int] | None) -> list[int]:
    rank: ColumnElement[float] = literal_column("rank")
    met = select(_TEXTS.c.rowid, rank.label("score")).where(_matches(matching))
    if up_to is not None:
        met = met.where(_TEXTS.c.rowid <= up_to)
    if among is not None:  # the sum keeps FTS5 from being asked for each of them one by one
        met = met.where((_TEXTS.c.rowid + 0).in_(among))
    newest = met.order_by(_TEXTS.c.rowid.desc()).limit(RANKED_MOST).subquery()
    return list(connection.scalars(select(newest.c.rowid).order_by(newest.c.score, newest.c.rowid)))


def holds_phrase(connection: Connection, asset_id: Any, words: str, *, of_people: bool = False) -> ColumnElement[bool]:
    """That the asset of the column ``asset_id`` says ``words`` in their order (``of_people``: as the name of one)."""
    if not has_text_index(connection):
        return false()
    wanted = phrase_of(words) if not of_people else f"people : {phrase_of(words)}"
    met: ColumnElement[bool] = asset_id.in_(select(_TEXTS.c.rowid).where(_matches(wanted)))
    return met


def share_among(connection: Connection, words: Sequence[str], asset_ids: Sequence[int]) -> dict[int, float]:
    """Of those of ``asset_ids`` that hold any of ``words``, which share of them they hold.

    A common word stands in half of a library, so a small index is made of these assets alone; for 200 it takes
    some milliseconds, however big the library is.
    """
    if not words:
        return {}
    columns = [_TEXTS.c.rowid, *(_TEXTS.c[name] for name in _COLUMNS)]
    rows = [
        tuple(row)
        for chunk in _chunks(asset_ids)
        for row in connection.execute(select(*columns).where(_TEXTS.c.rowid.in_(chunk)))
    ]
    if not rows:
        return {}
    held: Counter[int] = Counter()
    with closing(sqlite3.connect(":memory:")) as small:
        small.execute(f"CREATE VIRTUAL TABLE among USING {_FTS}")
        small.executemany(f"INSERT INTO among (rowid, {', '.join(_COLUMNS)}) VALUES (?, ?, ?, ?, ?)", rows)
        for word in words:
            held.update(
                row[0] for row in small.execute("SELECT rowid FROM among WHERE among MATCH ?", [phrase_of(word)])
            )
    return {asset_id: count / len(words) for asset_id, count in held.items()}


def quotes(connection: Connection, words: Sequence[str], asset_ids: Sequence[int]) -> dict[int, str]:
    """Of each asset the part of its words, on one line, that ``words`` are best found in."""
    if not words:
        return {}
    snippet: ColumnElement[str] = literal_column(f"snippet({_NAME}, -1, '', '', '…', {_QUOTE_TOKENS})")
    statement = select(_TEXTS.c.rowid, snippet).where(_matches(any_of(words)))
    found: dict[int, str] = {}
    for chunk in _chunks(asset_ids):
        for asset_id, quote in connection.execute(statement.where(_TEXTS.c.rowid.in_(chunk))):
            found[asset_id] = " ".join(quote.replace(_BETWEEN_NAMES, "·").split())
    return found


def all_of(words: Sequence[str]) -> str:
    """What FTS5 is asked for rows that hold all of ``words``, each of which is plain, never syntax."""
    return " AND ".join(map(phrase_of, words))


def any_of(words: Sequence[str]) -> str:
    """The same for rows that hold some of them."""
    return " OR ".join(map(phrase_of, words))


def phrase_of(words: str) -> str:
    """In quotes they are a phrase to FTS5, whatever signs are in them."""
    return '"' + words.replace('"', '""').replace("\0", " ") + '"'


def _matches(matching: str) -> ColumnElement[bool]:
    return literal_column(_NAME).op("MATCH")(matching)


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _IDS_PER_QUERY):
        yield ids[start : start + _IDS_PER_QUERY]
