"""A filter as a condition on rows of ``file`` joined to their ``asset``.

No condition is ever null: what is not known of a content does not meet it, and so meets its opposite.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, Select, and_, false, func, not_, or_, select, true
from sqlalchemy.orm import aliased

from retrieval.store.conditions import under
from retrieval.store.file_filter import (
    AddedBy,
    AllOf,
    AnyOf,
    Bears,
    Below,
    Camera,
    Compared,
    Depicts,
    FileFilter,
    FileName,
    HasPlace,
    HasSound,
    HasWords,
    InFolder,
    Lens,
    Near,
    Not,
    OfKind,
    Quantity,
    Says,
    Sign,
    Spoken,
    Suffix,
    Taken,
    leaves_of,
    speaks_of_files,
)
from retrieval.store.parts import is_shown_by_main
from retrieval.store.schema import Asset, Description, File, Sidecar
from retrieval.store.tags import bearing, has_tag
from retrieval.store.text_index import holds_phrase
from retrieval.store.timed_text_index import holds_timed_phrase
from retrieval.store.timed_texts import has_words
from retrieval.types import TextSource

__all__ = ["assets_meeting", "conditions_of", "nanoseconds_of"]

_BIGGEST = 2**63 - 1
_OF_PATHS = (Below, InFolder, FileName, Suffix)
"""For these a file's own row is enough."""
_FOLDERS_MOST = 10_000
"""As many folders are gone through in about 30 ms."""
_EARTH_METRES = 6_371_009.0
"""Its mean radius."""
_COMPARE = {
    Sign.BELOW: operator.lt,
    Sign.AT_MOST: operator.le,
    Sign.ABOVE: operator.gt,
    Sign.AT_LEAST: operator.ge,
}


def conditions_of(wanted: FileFilter, connection: Connection) -> Iterator[ColumnElement[bool]]:
    """What a row of ``file`` joined to its ``asset`` must satisfy to be shown."""
    yield from _shown()
    yield _condition(wanted, connection)


def assets_meeting(wanted: FileFilter, connection: Connection) -> Select[int]:
    """A statement: the ids of all contents that have a present file which meets ``wanted``, once for each such file.

    What speaks of the content alone is answered by contents first and then their files: by an index, where there is
    one, and else by looking at every content, which is still less than every file joined to its own.
    """
    files: Select[Any] = select(File.asset_id).where(*_shown())
    if speaks_of_files(wanted):
        if not all(isinstance(leaf, _OF_PATHS) for leaf in leaves_of(wanted)):
            files = files.join(Asset, Asset.id == File.asset_id)
        return files.where(File.asset_id.is_not(None), *_by_folders(wanted, connection))
    if isinstance(wanted, Bears):
        return files.where(File.asset_id.in_(bearing(wanted.tag)))
    if wanted:
        return files.where(File.asset_id.in_(select(Asset.id).where(_condition(wanted, connection))))
    return files.where(File.asset_id.is_not(None))


def _by_folders(wanted: FileFilter, connection: Connection) -> Iterator[ColumnElement[bool]]:
    """What a file must satisfy, one part of ``wanted`` after another; folders that are named are looked up first."""
    parts = wanted.parts if isinstance(wanted, AllOf) else (wanted,)
    names = [part.name for part in parts if isinstance(part, InFolder)]
    folders = _folders_named(names, connection) if names else None
    if folders is not None:
        yield File.folder.in_(folders)
    yield from (_condition(part, connection) for part in parts if folders is None or not isinstance(part, InFolder))


def _folders_named(names: Sequence[str], connection: Connection) -> list[str] | None:
    """The folders of files that lie in one of each of these names, at any depth; None where there are so many folders
    that to look at every file is quicker. An index leads from each folder to the next."""
    values = aliased(File).folder
    known = _distinct(values)
    met = and_(*(_holds(known.c.value, _as_folder(name), connection) for name in names))
    rows = connection.execute(select(known.c.value, met).limit(_FOLDERS_MOST + 1)).all()
    return None if len(rows) > _FOLDERS_MOST else [folder for folder, is_met in rows if is_met]


def _as_folder(name: str) -> str:
    return f"/{name.strip('/')}/"


def _shown() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return File.present.is_(True), ~is_shown_by_main()


def _condition(wanted: FileFilter, connection: Connection) -> ColumnElement[bool]:
    match wanted:
        case AllOf(parts):
            return and_(true(), *(_condition(part, connection) for part in parts))
        case AnyOf(parts):
            return or_(false(), *(_condition(part, connection) for part in parts))
        case Not(part):
            return not_(_condition(part, connection))
        case Depicts(name):
            return holds_phrase(connection, Asset.id, name, of_people=True)
        case Says(words):
            on_screen = holds_timed_phrase(connection, Asset.id, TextSource.OCR, words)
            return or_(holds_phrase(connection, Asset.id, words), on_screen, _is_like(_own_name(), words))
        case Spoken(words):
            return holds_timed_phrase(connection, Asset.id, TextSource.SPEECH, words)
        case _:
            of_content = _of_content(wanted)
            return _of_file(wanted, connection) if of_content is None else of_content


def _of_content(wanted: FileFilter) -> ColumnElement[bool] | None:
    match wanted:
        case OfKind(kind):
            return Asset.kind == kind.value
        case Bears(tag):
            return has_tag(tag)
        case Camera(text):
            return _is_named(Asset.camera, text)
        case Lens(text):
            return _is_named(Asset.lens, text)
        case Compared(quantity, sign, number):
            return _known(_COMPARE[sign](_column(quantity), number))
        case Near():
            return _near(wanted)
        case HasSound():
            return Asset.has_sound.is_(True)
        case HasWords(source):
            return has_words(source)
        case AddedBy(asset_id):
            return Asset.id <= asset_id
        case HasPlace():
            return and_(Asset.latitude.is_not(None), Asset.longitude.is_not(None))
        case _:
            return None


def _of_file(wanted: FileFilter, connection: Connection) -> ColumnElement[bool]:
    match wanted:
        case Below(path):
            return under(path)
        case InFolder(name):
            return _holds(File.display, _as_folder(name), connection)
        case FileName(text):
            return _is_like(_own_name(), text)
        case Suffix(suffix):
            return File.display.iendswith(f".{suffix.lstrip('.')}", autoescape=True)
        case Taken(after, before):
            return _taken(after, before)
        case _:
            raise TypeError(f"{type(wanted).__name__} is no condition that the catalog can be asked")


def _is_named(column: Any, text: str) -> ColumnElement[bool]:
    """``column`` holds ``text``, in any case of ASCII letters: it is one of those of its values that do.

    There are few different ones.
    """
    known = _distinct(getattr(aliased(Asset), column.key))
    alike = select(known.c.value).where(known.c.value.icontains(text, autoescape=True))
    return and_(column.is_not(None), column.in_(alike))


def _distinct(values: Any) -> CTE:
    """Every value of an indexed column once, ascending, then a null, as ``value``: the index leads from each to the
    next."""
    known = select(func.min(values).label("value")).cte(recursive=True)
    after = select(func.min(values)).where(values > known.c.value).correlate(known).scalar_subquery()
    return known.union_all(select(after).where(known.c.value.is_not(None)))


def _known(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Not met, rather than null, where a column is."""
    return func.coalesce(condition, false())


def _column(quantity: Quantity) -> Any:
    match quantity:
        case Quantity.DURATION_SECONDS:
            return Asset.duration_seconds
        case Quantity.WIDTH:
            return Asset.width
        case Quantity.HEIGHT:
            return Asset.height
        case Quantity.PIXELS:
            return Asset.width * Asset.height
        case Quantity.RATING:
            return _rating()


def _rating() -> Any:
    """As the words of an asset are joined: the first sidecar of a present file that has one, else the content's own."""
    holder = aliased(File)
    beside = (
        select(Sidecar.rating)
        .join(holder, holder.id == Sidecar.file_id)
        .where(holder.asset_id == Asset.id, holder.present, Sidecar.reason.is_(None), Sidecar.rating.is_not(None))
        .order_by(holder.path, Sidecar.path)
        .limit(1)
        .correlate(Asset)
        .scalar_subquery()
    )
    own = select(Description.rating).where(Description.asset_id == Asset.id).correlate(Asset).scalar_subquery()
    return func.coalesce(beside, own)


def _near(place: Near) -> ColumnElement[bool]:
    """By the haversine formula. A belt of latitudes first: it needs no trigonometry."""
    latitude, longitude = math.radians(place.latitude), math.radians(place.longitude)
    reach = min(place.radius_metres / _EARTH_METRES, math.pi)
    belt = math.degrees(reach) + 1e-9
    half_north = func.sin((Asset.latitude - place.latitude) * (math.pi / 360))
    half_east = func.sin((Asset.longitude - math.degrees(longitude)) * (math.pi / 360))
    chord = half_north * half_north + (
        func.cos(Asset.latitude * (math.pi / 180)) * math.cos(latitude) * half_east * half_east
    )
    inside = chord <= math.sin(reach / 2) ** 2
    in_belt = Asset.latitude.between(place.latitude - belt, place.latitude + belt)
    return and_(Asset.latitude.is_not(None), Asset.longitude.is_not(None), in_belt, inside)


def _own_name() -> Any:
    """The last part of a file's path, in its readable form."""
    return func.substr(File.display, func.length(File.folder) + 1)


def _holds(column: Any, text: str, connection: Connection) -> ColumnElement[bool]:
    """``column`` holds ``text``, in any case of ASCII letters; SQLite's LIKE doesn't know cases anyway."""
    is_blind = connection.dialect.name == "sqlite"
    met: ColumnElement[bool] = (column.contains if is_blind else column.icontains)(text, autoescape=True)
    return met


def _is_like(column: Any, text: str) -> ColumnElement[bool]:
    """``column`` holds ``text``, in which ``*`` stands for anything."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return func.lower(column).like(func.lower(f"%{escaped}%"), escape="\\")


def _taken(after: datetime | None, before: datetime | None) -> ColumnElement[bool]:
    """By the content's own time, which an index finds; where it has none, by the file's."""
    own: list[ColumnElement[bool]] = [Asset.taken_at.is_not(None)]
    modified: list[ColumnElement[bool]] = [Asset.taken_at.is_(None)]
    if after is not None:
        own.append(Asset.taken_at >= after)
        modified.append(File.modified_ns >= nanoseconds_of(after))
    if before is not None:
        own.append(Asset.taken_at < before)
        modified.append(File.modified_ns < nanoseconds_of(before))
    return or_(and_(*own), and_(*modified))


def nanoseconds_of(local: datetime) -> int:
    """A local time without a zone as files' times are kept."""
    nanoseconds = int(local.replace(microsecond=0).timestamp()) * 1_000_000_000 + local.microsecond * 1000
    return max(-_BIGGEST, min(_BIGGEST, nanoseconds))  # past the year 2262 they don't fit the column
