"""Tags as people see them, and tags by hand. What people say outranks what machines say.

A tag that a person refused is hidden, whoever says it. Names are compared without regard to case.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, delete, exists, func, insert, or_, select
from sqlalchemy.orm import aliased

from retrieval.errors import QueryError, UnknownTagError
from retrieval.store.catalog import Catalog
from retrieval.store.conditions import under
from retrieval.store.driver_rows import IDS, rows_of_ids
from retrieval.store.labels import KEYWORDS_TAGGER, PEOPLE_TAGGER, label_ids, label_name, tagger_id
from retrieval.store.schema import Asset, File, Label, SegmentTag, Tag, Tagger, TagResult

__all__ = ["KnownTags", "ShownTag", "TaggedFile", "Tags", "bearing", "has_tag"]

_IDS_PER_QUERY = 500
_BY_PEOPLE = (PEOPLE_TAGGER[0], KEYWORDS_TAGGER[0])
_SAID = (
    select(Tag.asset_id, Label.name, Tagger.name.label("tagger"), Tag.score, Tag.refused)
    .join(Label, Label.id == Tag.label_id)
    .join(Tagger, Tagger.id == Tag.tagger_id)
    .where(Tag.asset_id.in_(IDS))
)
_SEEN = select(TagResult.asset_id).where(TagResult.asset_id.in_(IDS))


@dataclass(frozen=True, slots=True)
class ShownTag:
    """A tag of an asset: of several who say it, people first, then the surest."""

    label: str
    score: float
    source: str
    """``people``, or the name of a tagger."""


@dataclass(frozen=True, slots=True)
class KnownTags:
    """All that is known of the tags of an asset."""

    shown: tuple[ShownTag, ...] = ()
    """People's first, then the surest first."""
    refused: frozenset[str] = frozenset()
    """Names that a person refused, case folded."""
    is_seen: bool = False
    """A machine has looked at it, whatever it said."""


@dataclass(frozen=True, slots=True)
class TaggedFile:
    """A present file, and the asset that it holds."""

    path: bytes
    asset_id: int


def has_tag(name: str) -> ColumnElement[bool]:
    """A condition on rows of ``asset``: somebody says ``name`` of it, and nobody refused it."""
    said = exists().where(Tag.asset_id == Asset.id, Tag.label_id.in_(_label_ids(name)), Tag.refused.is_(False))
    refusing = aliased(Tag)
    refused = exists().where(refusing.asset_id == Asset.id, refusing.label_id.in_(_label_ids(name)), refusing.refused)
    return said & ~refused


def bearing(name: str) -> Select[int]:
    """The ids of all assets that meet :func:`has_tag`: the way to them, where that is to see whether one does."""
    refused = func.max(case((Tag.refused, 1), else_=0))
    return select(Tag.asset_id).where(Tag.label_id.in_(_label_ids(name))).group_by(Tag.asset_id).having(refused == 0)


def _label_ids(name: str) -> Any:
    """The labels that are ``name`` in any case. SQLite lowers ASCII alone: of others the usual cases are tried."""
    wanted = label_name(name)
    cases = {wanted, wanted.lower(), wanted.upper(), wanted.capitalize(), wanted.title()}
    return select(Label.id).where(or_(func.lower(Label.name) == wanted.lower(), Label.name.in_(cases)))


class Tags:
    """Reads tags from a catalog, and writes those that people give. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._engine = catalog.engine

    def check(self, names: Iterable[str]) -> None:
        """See that each of ``names`` is the tag of something.

        Raises:
            QueryError: one is empty.
            UnknownTagError: one is not; the message names the nearest that there is.
        """
        with self._engine.connect() as connection:
            for name in names:
                if not label_name(name):
                    raise QueryError("the tag is empty; give a name such as dog")
                if not _is_borne(connection, name):
                    raise UnknownTagError(f"nothing has the tag {name!r}; {_hint(connection, name)}", name)

    def not_borne(self, names: Iterable[str], asset_ids: Sequence[int]) -> list[str]:
        """Those of ``names`` that nobody says of any of the assets."""
        with self._engine.connect() as connection:
            return [name for name in names if not _is_borne(connection, name, asset_ids)]

    def of(self, asset_ids: Sequence[int]) -> dict[int, list[ShownTag]]:
        """The tags of each asset, people's first, then the surest first. One that nobody has tagged is left out."""
        return {asset_id: list(known.shown) for asset_id, known in self.known(asset_ids).items()}

    def known(self, asset_ids: Sequence[int]) -> dict[int, KnownTags]:
        """What is known of each asset that a tagger has seen, or a person tagged."""
        tags: defaultdict[int, list[ShownTag]] = defaultdict(list)
        refused: defaultdict[int, set[str]] = defaultdict(set)
        with self._engine.connect() as connection:
            for asset_id, label, tagger, score, is_refused in rows_of_ids(connection, _SAID, asset_ids):
                if is_refused:
                    refused[asset_id].add(label.casefold())
                else:
                    tags[asset_id].append(ShownTag(label, score, "people" if tagger in _BY_PEOPLE else tagger))
            seen = {asset_id for (asset_id,) in rows_of_ids(connection, _SEEN, asset_ids)}
        return {key: _known(tags[key], refused[key], key in seen) for key in seen | tags.keys() | refused.keys()}

    def files(self, roots: Sequence[bytes] = ()) -> list[TaggedFile]:
        """The present files whose content is known (under ``roots``, if there are any), in the order of their paths."""
        statement = select(File.path, File.asset_id).where(File.present, File.asset_id.is_not(None))
        if roots:
            statement = statement.where(or_(*map(under, roots)))
        with self._engine.connect() as connection:
            rows = connection.execute(statement.order_by(File.path))
            return [TaggedFile(row.path, row.asset_id) for row in rows]

    def taggers_of(self, path: bytes, label: str) -> list[str]:
        """The names of the machines that give the file at ``path`` this tag, the surest first, refused or not."""
        said = (
            select(Tagger.name)
            .join(Tag, Tag.tagger_id == Tagger.id)
            .join(File, File.asset_id == Tag.asset_id)
            .where(File.path == path, Tag.label_id.in_(_label_ids(label)), Tagger.name.not_in(_BY_PEOPLE))
        )
        with self._engine.connect() as connection:
            return list(connection.scalars(said.order_by(Tag.score.desc(), Tagger.name)))

    def counts(self, asset_ids: Sequence[int]) -> list[tuple[str, int]]:
        """How many of the assets bear each tag in any case, by its most frequent spelling; the most frequent first."""
        counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for tags in self.of(asset_ids).values():
            for tag in tags:
                counted[tag.label.casefold()][tag.label] += 1
        summed = [(_usual(spellings), spellings.total()) for spellings in counted.values()]
        return sorted(summed, key=lambda pair: (-pair[1], pair[0].casefold()))

    # -- by hand; the caller holds the write lock ----------------------------------------------------------------

    def add(self, labels: Sequence[str], asset_ids: Sequence[int]) -> None:
        """People say that the assets bear these tags."""
        self._say(labels, asset_ids, refused=False)

    def remove(self, labels: Sequence[str], asset_ids: Sequence[int]) -> None:
        """People say that the assets don't bear these tags: no one's tag of such a name is shown any more."""
        self._say(labels, asset_ids, refused=True)

    def withdraw(self, source: str) -> int:
        """Take away all that the machine ``source`` said, at every version, in one transaction; how many tags.

        To that machine everything is unseen again. What people say stays.

        Raises:
            QueryError: no machine of that name has said anything; the message names the nearest.
        """
        with self._engine.begin() as connection:
            ids = list(connection.scalars(select(Tagger.id).where(Tagger.name == source, *_machine_that_spoke())))
            if not ids:
                raise QueryError(f"no tagger is called {source!r}; {_tagger_hint(connection, source)}")
            connection.execute(delete(SegmentTag).where(SegmentTag.tagger_id.in_(ids)))
            connection.execute(delete(TagResult).where(TagResult.tagger_id.in_(ids)))
            return connection.execute(delete(Tag).where(Tag.tagger_id.in_(ids))).rowcount

    def _say(self, labels: Sequence[str], asset_ids: Sequence[int], *, refused: bool) -> None:
        with self._engine.begin() as connection:
            people = tagger_id(connection, *PEOPLE_TAGGER)
            for label in labels:
                known = list(connection.scalars(_label_ids(label)))
                label_id = known[0] if known else label_ids(connection, [label])[label]
                for chunk in _chunks(asset_ids):
                    same = Tag.label_id.in_([label_id, *known])
                    connection.execute(delete(Tag).where(Tag.tagger_id == people, same, Tag.asset_id.in_(chunk)))
                    said = {"tagger_id": people, "label_id": label_id, "score": 1.0, "refused": refused}
                    rows = [{"asset_id": asset_id} | said for asset_id in chunk]
                    connection.execute(insert(Tag.__table__), rows)  # type: ignore[arg-type]


def _known(tags: Sequence[ShownTag], refused: Set[str], is_seen: bool) -> KnownTags:
    best: dict[str, ShownTag] = {}
    for tag in sorted(tags, key=lambda tag: (tag.source != "people", -tag.score, tag.label)):
        if (key := tag.label.casefold()) not in refused:
            best.setdefault(key, tag)
    return KnownTags(tuple(best.values()), frozenset(refused), is_seen)


def _usual(spellings: Counter[str]) -> str:
    """The most frequent; of equals the first in order, whatever order they were counted in."""
    return min(spellings, key=lambda name: (-spellings[name], name))


def _is_borne(connection: Connection, name: str, asset_ids: Sequence[int] | None = None) -> bool:
    """Whether somebody says ``name`` of something, or of one of the assets; what people refuse is not said."""
    said = select(Tag.asset_id).where(Tag.label_id.in_(_label_ids(name)), Tag.refused.is_(False)).limit(1)
    statements = [said] if asset_ids is None else [said.where(Tag.asset_id.in_(ids)) for ids in _chunks(asset_ids)]
    return any(connection.scalar(statement) is not None for statement in statements)


def _hint(connection: Connection, name: str) -> str:
    known = {
        label.casefold(): label
        for label in connection.scalars(
            select(Label.name).where(Label.id.in_(select(Tag.label_id).where(Tag.refused.is_(False))))
        )
    }
    if not known:
        return "nothing has been tagged yet: run `vidi tag`"
    near = get_close_matches(name.casefold(), known, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(known[each] for each in near)}?"
    return "`vidi tag` shows the tags that there are"


def _machine_that_spoke() -> tuple[ColumnElement[bool], ...]:
    """Conditions on rows of ``tagger``."""
    return Tagger.name.not_in(_BY_PEOPLE), or_(
        Tagger.id.in_(select(Tag.tagger_id)), Tagger.id.in_(select(TagResult.tagger_id))
    )


def _tagger_hint(connection: Connection, source: str) -> str:
    known = sorted(set(connection.scalars(select(Tagger.name).where(*_machine_that_spoke()))))
    if near := get_close_matches(source, known, n=1, cutoff=0.5):
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(known)}" if known else "nothing has been tagged yet: run `vidi tag`"


def _chunks(values: Sequence[int]) -> Iterable[list[int]]:
    listed = list(dict.fromkeys(values))
    for start in range(0, len(listed), _IDS_PER_QUERY):
        yield listed[start : start + _IDS_PER_QUERY]
