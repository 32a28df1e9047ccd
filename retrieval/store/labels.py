"""The names of tags and of those who say them, each kept once.

Both functions work in the caller's transaction; the caller holds the write lock.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from retrieval.store.schema import Label, Tagger

__all__ = ["KEYWORDS_TAGGER", "LABEL_MOST", "PEOPLE_TAGGER", "label_ids", "label_name", "tagger_id"]

PEOPLE_TAGGER = ("people", "1")
"""(name, version) of what people say by hand."""
KEYWORDS_TAGGER = ("keywords", "1")
"""(name, version) of keywords and names of people that were read from files."""
LABEL_MOST = 256
"""Letters of a label; what is longer is cut."""

_NAMES_PER_QUERY = 500


def label_name(text: str) -> str:
    """``text`` as labels are kept: one printable line without outer spaces, cut to ``LABEL_MOST``; may be empty."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(printable.split())[:LABEL_MOST].rstrip()


def label_ids(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The id of each of ``names``; new ones are made. Names that :func:`label_name` makes equal share one id.

    Raises:
        ValueError: a name is empty.
    """
    wanted = {name: label_name(name) for name in names}
    if "" in wanted.values():
        raise ValueError("expected labels with a letter in them, got an empty one")
    kept = list(dict.fromkeys(wanted.values()))
    ids: dict[str, int] = {}
    for start in range(0, len(kept), _NAMES_PER_QUERY):
        ids |= _known_or_made(connection, kept[start : start + _NAMES_PER_QUERY])
    return {name: ids[label] for name, label in wanted.items()}


def _known_or_made(connection: Connection, names: list[str]) -> dict[str, int]:
    rows = connection.execute(select(Label.name, Label.id).where(Label.name.in_(names)))
    known = {row.name: row.id for row in rows}
    new = [{"name": name} for name in names if name not in known]
    if not new:
        return known
    made = connection.execute(insert(Label).returning(Label.name, Label.id), new)
    return known | {row.name: row.id for row in made}


def tagger_id(connection: Connection, name: str, version: str) -> int:
    """The id of the tagger called ``name`` at ``version``; made when it is new."""
    known = connection.scalar(select(Tagger.id).where(Tagger.name == name, Tagger.version == version))
    if known is not None:
        return known
    made = insert(Tagger).values(name=name, version=version).returning(Tagger.id)
    return connection.execute(made).scalar_one()
