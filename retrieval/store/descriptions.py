"""What people wrote into and beside their files, and what follows from it: their tags, and words to search.

An asset's words are those of its own content joined to those of the sidecars of its present files, where a sidecar
goes first: it was written so that the file need not be. Everything here is derived in the transaction that changes one
of these. The caller holds the write lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, insert, select

from retrieval.store.catalog import Catalog
from retrieval.store.conditions import under
from retrieval.store.labels import KEYWORDS_TAGGER, label_ids, label_name, tagger_id
from retrieval.store.schema import Asset, Description, File, Sidecar, Tag
from retrieval.store.text_index import drop_text_index, make_text_index, write_texts
from retrieval.store.timed_text_index import drop_timed_text_index, make_timed_text_index
from retrieval.types import Words

__all__ = [
    "SilentAsset",
    "fill_text_index",
    "rebuild_text_index",
    "row_of",
    "settle_words",
    "silent_assets",
    "words_follow",
    "words_of",
    "write_descriptions",
]

_IDS_PER_QUERY = 500


def write_descriptions(connection: Connection, words: Mapping[int, Words]) -> None:
    """What the contents of assets say, in place of what was kept of it; tags and text index follow."""
    for chunk in _chunks(list(words)):
        connection.execute(delete(Description).where(Description.asset_id.in_(chunk)))
    rows = [{"asset_id": asset_id, **row_of(said)} for asset_id, said in words.items()]
    if rows:
        connection.execute(insert(Description), rows)
    settle_words(connection, words)


def row_of(words: Words) -> dict[str, object]:
    """The columns that hold ``words``, which the tables of descriptions and sidecars share."""
    return {
        "title": words.title,
        "caption": words.caption,
        "rating": words.rating,
        "keywords": list(words.keywords),
        "people": list(words.people),
    }


@contextmanager
def words_follow(connection: Connection, file_ids: Sequence[int]) -> Iterator[None]:
    """What is done inside changes the content or the presence of these files: the words of their sidecars go along."""
    carriers = [
        file_id
        for chunk in _chunks(file_ids)
        for file_id in connection.scalars(select(Sidecar.file_id).where(Sidecar.file_id.in_(chunk)).distinct())
    ]
    before = _assets_of(connection, carriers)
    yield
    settle_words(connection, before | _assets_of(connection, carriers))


def _assets_of(connection: Connection, file_ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for chunk in _chunks(file_ids):
        rows = connection.scalars(select(File.asset_id).where(File.id.in_(chunk)))
        found.update(asset_id for asset_id in rows if asset_id is not None)
    return found


def settle_words(connection: Connection, asset_ids: Iterable[int]) -> None:
    """Derive tags and searched words of these assets anew."""
    for chunk in _chunks(sorted(asset_ids)):
        words = words_of(connection, chunk)
        _write_tags(connection, words)
        write_texts(connection, words)


def words_of(connection: Connection, asset_ids: Sequence[int]) -> dict[int, Words]:
    """What people wrote of each of these assets, in and beside their present files."""
    columns = (Description.asset_id, *_columns(Description))
    own = {
        row[0]: _words(row[1:])
        for row in connection.execute(select(*columns).where(Description.asset_id.in_(asset_ids)))
    }
    beside: dict[int, Words] = {}
    statement = (
        select(File.asset_id, *_columns(Sidecar))
        .join(Sidecar, Sidecar.file_id == File.id)
        .where(File.present, Sidecar.reason.is_(None), File.asset_id.in_(asset_ids))
        .order_by(File.path, Sidecar.path)
    )
    for row in connection.execute(statement):
        beside[row[0]] = beside.get(row[0], Words()).then(_words(row[1:]))
    return {asset_id: beside.get(asset_id, Words()).then(own.get(asset_id, Words())) for asset_id in asset_ids}


def _columns(owner: type[Description] | type[Sidecar]):  # type: ignore[no-untyped-def]  # a tuple of five types
    return owner.title, owner.caption, owner.rating, owner.keywords, owner.people


def _words(row: Sequence[object]) -> Words:
    title, caption, rating, keywords, people = row
    return Words(title, caption, rating, tuple(keywords), tuple(people))  # type: ignore[arg-type]


def _write_tags(connection: Connection, words: Mapping[int, Words]) -> None:
    """Keywords and people's names, each a tag that is certain."""
    names = {
        asset_id: {name for name in (*said.keywords, *said.people) if label_name(name)}
        for asset_id, said in words.items()
    }
    tagger = tagger_id(connection, *KEYWORDS_TAGGER)
    for chunk in _chunks(list(words)):
        connection.execute(delete(Tag).where(Tag.tagger_id == tagger, Tag.asset_id.in_(chunk)))
    ids = label_ids(connection, sorted(set().union(*names.values())))
    rows = [
        {"asset_id": asset_id, "tagger_id": tagger, "label_id": label, "score": 1.0, "refused": False}
        for asset_id, said in names.items()
        for label in sorted({ids[name] for name in said})
    ]
    if rows:
        connection.execute(insert(Tag), rows)


# -- the text index as a whole ---------------------------------------------------------------------------------


def fill_text_index(catalog: Catalog) -> None:
    """Make the indexes of words if there are none yet, and fill them from the catalog."""
    with catalog.engine.begin() as connection:
        _make_and_fill(connection)


def rebuild_text_index(catalog: Catalog) -> None:
    """Make the indexes of words anew from the catalog, whatever they hold."""
    with catalog.engine.begin() as connection:
        drop_text_index(connection)
        drop_timed_text_index(connection)
        _make_and_fill(connection)


def _make_and_fill(connection: Connection) -> None:
    if make_text_index(connection):
        _fill(connection)
    make_timed_text_index(connection)


def _fill(connection: Connection) -> None:
    described = set(connection.scalars(select(Description.asset_id)))
    beside = connection.scalars(select(File.asset_id).join(Sidecar, Sidecar.file_id == File.id))
    described.update(asset_id for asset_id in beside if asset_id is not None)
    for chunk in _chunks(sorted(described)):
        write_texts(connection, words_of(connection, chunk))


# -- assets that were indexed before their words were read ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SilentAsset:
    """An asset whose words were never read, with one of its present files, unchanged since the catalog saw it."""

    asset_id: int
    path: bytes
    kind: str
    """Of the file, by its name: as which it is opened."""
    size_bytes: int
    modified_ns: int


def silent_assets(catalog: Catalog, roots: Sequence[bytes]) -> list[SilentAsset]:
    """Every asset under ``roots`` that a version of vidi indexed that read no words."""
    columns = (Asset.id, File.path, File.kind, File.size_bytes, File.modified_ns)
    described = exists().where(Description.asset_id == Asset.id)
    statement = (
        select(*columns).join(Asset, Asset.id == File.asset_id).where(File.present, ~File.needs_reading, ~described)
    )
    found: dict[int, SilentAsset] = {}
    with catalog.engine.connect() as connection:
        for root in roots:
            for row in connection.execute(statement.where(under(root))):
                found.setdefault(row.id, SilentAsset(*row))
    return list(found.values())


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _IDS_PER_QUERY):
        yield ids[start : start + _IDS_PER_QUERY]
