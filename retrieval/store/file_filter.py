"""Which files may be shown: a tree of conditions joined by all, any and not. Frozen and hashable: filters are keys.

A condition speaks either of the content (:class:`OfContent`: its kind, tags, camera …) or of one file that holds it
(:class:`OfFile`: folder, name, time). A content is found when one of its present files meets the whole tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from retrieval.types import MediaKind, TextSource

__all__ = [
    "EVERYTHING",
    "AddedBy",
    "AllOf",
    "AnyOf",
    "Bears",
    "Below",
    "Camera",
    "Compared",
    "Depicts",
    "FileFilter",
    "FileName",
    "HasPlace",
    "HasSound",
    "HasWords",
    "InFolder",
    "Lens",
    "Near",
    "Not",
    "OfContent",
    "OfFile",
    "OfKind",
    "Quantity",
    "Says",
    "Sign",
    "Spoken",
    "Suffix",
    "Taken",
    "all_of",
    "any_of",
    "demands",
    "file_filter",
    "leaves_of",
    "speaks_of_files",
    "without_not",
]


class FileFilter:
    """A condition that a present file and its asset meet or not. False where it asks for nothing."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return self != EVERYTHING


# -- joined conditions -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AllOf(FileFilter):
    """All of ``parts`` hold; without any it asks for nothing."""

    parts: tuple[FileFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf(FileFilter):
    """One of ``parts`` holds; without any nothing meets it."""

    parts: tuple[FileFilter, ...]


@dataclass(frozen=True, slots=True)
class Not(FileFilter):
    """``part`` does not hold."""

    part: FileFilter


EVERYTHING = AllOf()


# -- of the content ----------------------------------------------------------------------------------------------


class OfContent(FileFilter):
    """The same for every file that holds the content."""

    __slots__ = ()


class OfFile(FileFilter):
    """Of one file: two of these must be met by the same."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class OfKind(OfContent):
    """What the content is, whatever its name says."""

    kind: MediaKind


@dataclass(frozen=True, slots=True)
class Bears(OfContent):
    """It bears this tag, in any case."""

    tag: str


@dataclass(frozen=True, slots=True)
class Depicts(OfContent):
    """People named one who is seen in it: all of the words of ``name``, in their order."""

    name: str


@dataclass(frozen=True, slots=True)
class Camera(OfContent):
    """The camera's name holds this text, in any case of ASCII letters."""

    text: str


@dataclass(frozen=True, slots=True)
class Lens(OfContent):
    """The lens's name holds this text, in any case of ASCII letters."""

    text: str


@dataclass(frozen=True, slots=True)
class Near(OfContent):
    """Taken within ``radius_metres`` of a place, in degrees."""

    latitude: float
    longitude: float
    radius_metres: float


@dataclass(frozen=True, slots=True)
class HasSound(OfContent):
    """It has a sound track."""


@dataclass(frozen=True, slots=True)
class HasPlace(OfContent):
    """It is known where it was taken."""


@dataclass(frozen=True, slots=True)
class HasWords(OfContent):
    """A machine heard words in it (``speech``), or read some on the screen (``ocr``)."""

    source: TextSource


@dataclass(frozen=True, slots=True)
class Spoken(OfContent):
    """One utterance in it holds these words in their order."""

    words: str


@dataclass(frozen=True, slots=True)
class AddedBy(OfContent):
    """The catalog knew it when its newest content had this id."""

    asset_id: int


class Quantity(StrEnum):
    """What is known of a content as a number."""

    DURATION_SECONDS = "duration_seconds"
    WIDTH = "width"
    HEIGHT = "height"
    PIXELS = "pixels"
    RATING = "rating"


class Sign(StrEnum):
    """How a quantity is compared."""

    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Compared(OfContent):
    """``quantity sign number``; never of what has no such quantity."""

    quantity: Quantity
    sign: Sign
    number: float


# -- of one file -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Below(OfFile):
    """In a folder, at any depth, or the file itself. ``path`` is absolute, as the system has it."""

    path: bytes


@dataclass(frozen=True, slots=True)
class InFolder(OfFile):
    """At any depth in a folder, wherever that is, whose path ends in ``name`` (``Holidays``, ``2024/June``)."""

    name: str


@dataclass(frozen=True, slots=True)
class FileName(OfFile):
    """The file's own name holds this text, in any case of ASCII letters; ``*`` stands for anything."""

    text: str


@dataclass(frozen=True, slots=True)
class Suffix(OfFile):
    """The file's name ends in this, without its dot, in any case of ASCII letters."""

    suffix: str


@dataclass(frozen=True, slots=True)
class Says(OfFile):
    """What is written holds these words in their order: people's words, the file's name, or one text on the screen."""

    words: str


@dataclass(frozen=True, slots=True)
class Taken(OfFile):
    """``after <= time < before``, None for no bound, in local time without a zone.

    The time is the one at which a picture or video was taken, or, where it doesn't say, the one at which the file was
    last modified.
    """

    after: datetime | None = None
    before: datetime | None = None


# -- building and reading trees ----------------------------------------------------------------------------------


def all_of(*parts: FileFilter) -> FileFilter:
    """All of ``parts``, as flat as it can be."""
    flat: list[FileFilter] = []
    for part in parts:
        flat += part.parts if isinstance(part, AllOf) else [part]
    distinct = tuple(dict.fromkeys(flat))
    return distinct[0] if len(distinct) == 1 else AllOf(distinct)


def any_of(*parts: FileFilter) -> FileFilter:
    """One of ``parts``, as flat as it can be."""
    flat: list[FileFilter] = []
    for part in parts:
        flat += part.parts if isinstance(part, AnyOf) else [part]
    distinct = tuple(dict.fromkeys(flat))
    return distinct[0] if len(distinct) == 1 else AnyOf(distinct)


def file_filter(
    kind: MediaKind | None = None,
    under: bytes | None = None,
    after: datetime | None = None,
    before: datetime | None = None,
    tags: tuple[str, ...] = (),
) -> FileFilter:
    """All of these; None asks for nothing."""
    parts: list[FileFilter] = [] if kind is None else [OfKind(kind)]
    parts += [Bears(tag) for tag in tags]
    parts += [] if under is None else [Below(under)]
    parts += [] if after is None and before is None else [Taken(after, before)]
    return all_of(*parts)


def leaves_of(wanted: FileFilter) -> Iterator[FileFilter]:
    """Every condition in the tree that is not joined of others, also those under a not."""
    match wanted:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves_of(part)
        case Not(part):
            yield from leaves_of(part)
        case _:
            yield wanted


def demands(wanted: FileFilter, leaf: FileFilter) -> bool:
    """Whether whatever meets ``wanted`` has to meet ``leaf``, as far as can be seen at its top."""
    return leaf in (wanted.parts if isinstance(wanted, AllOf) else (wanted,))


def speaks_of_files(wanted: FileFilter) -> bool:
    """Whether any condition in the tree is of one file."""
    return any(isinstance(leaf, OfFile) for leaf in leaves_of(wanted))


def without_not(wanted: FileFilter, *, negated: bool = False) -> FileFilter:
    """The same (or, ``negated``, its opposite), with every not at a leaf: by De Morgan's rules."""
    match wanted:
        case Not(part):
            return without_not(part, negated=not negated)
        case AllOf(parts):
            inner = [without_not(part, negated=negated) for part in parts]
            return any_of(*inner) if negated else all_of(*inner)
        case AnyOf(parts):
            inner = [without_not(part, negated=negated) for part in parts]
            return all_of(*inner) if negated else any_of(*inner)
        case _:
            return Not(wanted) if negated else wanted
