"""Removes files from the catalog, and with the last file of a content all that is known of it.

Each batch is one transaction, so that a kill leaves every file either known or forgotten, and running again goes on.
Deleted rows are overwritten, not merely unlinked: what was forgotten can't be read from the database file.
"""

from __future__ import annotations

import secrets
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, exists, func, select, update

from retrieval.store.catalog import Catalog
from retrieval.store.conditions import at_or_below, under
from retrieval.store.descriptions import settle_words
from retrieval.store.files import cannot_write
from retrieval.store.schema import (
    Asset,
    Embedding,
    File,
    Label,
    Root,
    Segment,
    Segmentation,
    SegmentTag,
    Setting,
    Sidecar,
    Tag,
    Tagger,
    Trouble,
)
from retrieval.store.text_index import compact_text_index
from retrieval.store.timed_text_index import compact_timed_text_index

__all__ = ["Eraser", "ForgetPlan", "KnownPath", "count_deletion"]

_PEOPLE = "people"
"""The tagger that stands for tags given by hand."""
_FILES_PER_BATCH = 500
_RENDITIONS = ("thumbnails", "previews", "heat")
"""Folders of what the page made of a content, under names that begin with its hash."""
_EXAMPLES_MOST = 5


@dataclass(frozen=True, slots=True)
class KnownPath:
    """A file that the catalog knows."""

    id: int
    path: bytes
    present: bool


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """What would be removed."""

    file_ids: tuple[int, ...]
    examples: tuple[bytes, ...]
    """The first few paths."""
    contents: int
    """Contents that lie in no other file: all that is known of them goes."""
    copies: int
    """Files whose content lies elsewhere too, and stays known."""
    vectors: int
    tags_of_people: int


class Eraser:
    """The forgetting side of the catalog. Reading needs no lock; whoever removes holds the write lock."""

    def __init__(self, catalog: Catalog) -> None:
        self._library = catalog.library
        self._engine = catalog.engine
        self._catalog = catalog

    def known(self, places: Sequence[bytes] | None, *, missing: bool = False) -> Iterator[KnownPath]:
        """Files at or below ``places`` (None: everywhere), in the order of their paths; only ``missing`` ones."""
        found: dict[int, KnownPath] = {}
        columns = select(File.id, File.path, File.present)
        if missing:
            columns = columns.where(~File.present)
        with self._engine.connect() as connection:
            for place in [None] if places is None else places:
                statement = columns if place is None else columns.where(under(place))
                found.update({row.id: KnownPath(*row) for row in connection.execute(statement)})
        yield from sorted(found.values(), key=lambda file: file.path)

    def plan(self, files: Sequence[KnownPath]) -> ForgetPlan:
        """What forgetting ``files`` would remove."""
        chosen = {file.id for file in files}
        with self._engine.connect() as connection:
            owners = dict(_assets_of(connection, sorted(chosen)))
            dying = set(owners.values())
            dying -= {asset for asset, file_id in _files_of(connection, sorted(dying)) if file_id not in chosen}
            listed = sorted(dying)
            return ForgetPlan(
                file_ids=tuple(file.id for file in files),
                examples=tuple(file.path for file in files[:_EXAMPLES_MOST]),
                contents=len(dying),
                copies=sum(asset not in dying for asset in owners.values()),
                vectors=sum(_count_vectors(connection, chunk) for chunk in _chunks(listed)),
                tags_of_people=sum(_count_tags_of_people(connection, chunk) for chunk in _chunks(listed)),
            )

    def forget(self, file_ids: Sequence[int]) -> int:
        """Remove these files, and what is known of contents that lie in no other; how many of them were there.

        Without any, what a killed run left of words that it forgot is cleared away.
        """
        count = sum(self._forget_batch(chunk) for chunk in _chunks(file_ids))
        with self._erasing() as connection:
            compact_text_index(connection)
            compact_timed_text_index(connection)
        return count

    def forget_places(self, places: Sequence[bytes]) -> None:
        """That these were asked to be indexed, or could not be looked into, is forgotten too."""
        with self._erasing() as connection:
            for place in places:
                connection.execute(delete(Root).where(at_or_below(Root.path, place)))
                connection.execute(delete(Trouble).where(at_or_below(Trouble.path, place)))

    def drop_derived(self, but: Container[Path]) -> None:
        """All that was derived from vectors goes, ``but`` these files, and is made again when it is wanted.

        Raises:
            LibraryError: one can't be removed.
        """
        with self._catalog.index_lock(wait=True):
            _remove(path for path in self._library.glob("vectors/[!.]*") if path not in but)

    def _forget_batch(self, file_ids: Sequence[int]) -> int:
        with self._erasing() as connection:
            assets = sorted({asset for _, asset in _assets_of(connection, file_ids)})
            known = list(connection.scalars(select(File.id).where(File.id.in_(file_ids))))
            spoken_of = _spoken_of(connection, known)
            connection.execute(delete(File).where(File.id.in_(known)))
            living = {found for found, _ in _files_of(connection, assets)}
            dying = [asset for asset in assets if asset not in living]
            _take_back_words(connection, spoken_of & living)
            hashes = list(connection.scalars(select(Asset.content_hash).where(Asset.id.in_(dying))))
            # Before the rows: a rendition that is missing is made again, one that no row leads to would stay.
            self._remove_renditions(hashes)
            _forget_assets(connection, dying)
        self._remove_renditions(hashes)  # a page may have made one meanwhile
        return len(known)

    @contextmanager
    def _erasing(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            yield connection

    def _remove_renditions(self, hashes: Iterable[bytes]) -> None:
        for content_hash in hashes:
            name = content_hash.hex()
            for folder in _RENDITIONS:
                _remove((self._library / folder / name[:2]).glob(f"{name}*"))


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error


def _forget_assets(connection: Connection, asset_ids: Sequence[int]) -> None:
    """With all that rows say of them; names of tags that nothing bears any more go too."""
    if not asset_ids:
        return
    labels = _labels_of(connection, asset_ids)
    if _count_vectors(connection, asset_ids):
        count_deletion(connection)
    connection.execute(delete(Asset).where(Asset.id.in_(asset_ids)))
    _forget_unborne(connection, labels)


def _spoken_of(connection: Connection, file_ids: Sequence[int]) -> set[int]:
    """The assets of those of these files that have sidecars."""
    statement = select(File.asset_id).join(Sidecar, Sidecar.file_id == File.id).where(File.id.in_(file_ids))
    return {asset_id for asset_id in connection.scalars(statement) if asset_id is not None}


def _take_back_words(connection: Connection, asset_ids: Iterable[int]) -> None:
    """Contents that stay known lose what the sidecars of the forgotten copies said."""
    listed = sorted(asset_ids)
    labels = _labels_of(connection, listed)
    settle_words(connection, listed)
    _forget_unborne(connection, labels)


def _labels_of(connection: Connection, asset_ids: Sequence[int]) -> list[int]:
    return list(connection.scalars(select(Tag.label_id).where(Tag.asset_id.in_(asset_ids)).distinct()))


def _forget_unborne(connection: Connection, label_ids: Sequence[int]) -> None:
    for chunk in _chunks(label_ids):
        borne = exists().where(Tag.label_id == Label.id)
        unborne = list(connection.scalars(select(Label.id).where(Label.id.in_(chunk), ~borne)))
        borne_by_segment = exists().where(SegmentTag.label_id == Label.id)
        connection.execute(delete(Label).where(Label.id.in_(unborne), ~borne_by_segment))


def count_deletion(connection: Connection) -> None:
    """Past any count that another state of this catalog, kept as a backup, may have come to by itself."""
    key = Setting.key == "deletions"
    count = int(connection.scalar(select(Setting.value).where(key)) or 0)
    connection.execute(update(Setting).where(key).values(value=str(count + 1 + secrets.randbelow(1 << 32))))


def _assets_of(connection: Connection, file_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(file id, asset id) of each file that has one."""
    for chunk in _chunks(file_ids):
        columns = select(File.id, File.asset_id).where(File.id.in_(chunk))
        yield from ((row[0], row[1]) for row in connection.execute(columns) if row[1] is not None)


def _files_of(connection: Connection, asset_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(asset id, file id) of every file, missing ones too."""
    for chunk in _chunks(asset_ids):
        columns = select(File.asset_id, File.id).where(File.asset_id.in_(chunk))
        yield from ((row[0], row[1]) for row in connection.execute(columns) if row[0] is not None)


def _count_vectors(connection: Connection, asset_ids: Sequence[int]) -> int:
    statement = (
        select(func.count())
        .select_from(Embedding)
        .join(Segment, Segment.id == Embedding.segment_id)
        .join(Segmentation, Segmentation.id == Segment.segmentation_id)
        .where(Segmentation.asset_id.in_(asset_ids))
    )
    return connection.scalar(statement) or 0


def _count_tags_of_people(connection: Connection, asset_ids: Sequence[int]) -> int:
    tags = select(func.count()).select_from(Tag).join(Tagger, Tagger.id == Tag.tagger_id)
    return connection.scalar(tags.where(Tagger.name == _PEOPLE, Tag.asset_id.in_(asset_ids))) or 0


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _FILES_PER_BATCH):
        yield ids[start : start + _FILES_PER_BATCH]
