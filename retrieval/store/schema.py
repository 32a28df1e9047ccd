"""The catalog's tables: the only truth of a library.

Nothing here is special to SQLite beyond what it shares with PostgreSQL. Paths are the bytes that the system
gives; ``display`` is their readable form. Vectors and features are little-endian float16 (docs/storage.md).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Computed,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "REVISION",
    "Asset",
    "Base",
    "Description",
    "Embedding",
    "Epoch",
    "ExpertFailure",
    "Failure",
    "File",
    "Label",
    "Look",
    "Part",
    "Result",
    "Root",
    "SavedSearch",
    "Segment",
    "SegmentTag",
    "Segmentation",
    "Setting",
    "Sidecar",
    "Space",
    "Tag",
    "TagResult",
    "Tagger",
    "TimedWords",
    "Track",
    "Trouble",
]

REVISION = "0007"
"""The migration that these tables correspond to; a test holds the two together."""


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can speak of it on any engine."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Setting(Base):
    """Facts of the library itself: its random id, its count of deletions, the space that a search takes, the
    Whisper model that transcribes."""

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(1024))


class Root(Base):
    """A path that somebody asked to be indexed."""

    __tablename__ = "root"

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[bytes] = mapped_column(LargeBinary(4096), unique=True)


class Look(Base):
    """What the last look at a root met that is no media file by its name, and so has no row of its own."""

    __tablename__ = "look"

    root_id: Mapped[int] = mapped_column(ForeignKey("root.id", ondelete="CASCADE"), primary_key=True)
    others: Mapped[dict[str, int]] = mapped_column(JSON)
    """How many files of each suffix (in lower case, with its dot; empty where there is none)."""
    hidden: Mapped[int]
    """Names that begin with a dot, each counted once, whatever lies below it."""
    looked_at: Mapped[datetime]


class Trouble(Base):
    """A place under the roots that could not be looked into or judged, and why; gone when a later look goes well."""

    __tablename__ = "trouble"

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[bytes] = mapped_column(LargeBinary(4096), unique=True)
    display: Mapped[str] = mapped_column(String(8192))
    reason: Mapped[str] = mapped_column(String(1024))
    found_at: Mapped[datetime]


class Asset(Base):
    """The content of one or more files, known by its hash."""

    __tablename__ = "asset"

    id: Mapped[int] = mapped_column(primary_key=True)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """BLAKE3, 32 bytes."""
    kind: Mapped[str] = mapped_column(String(16))
    width: Mapped[int | None]
    height: Mapped[int | None]
    duration_seconds: Mapped[float | None]
    frame_rate: Mapped[float | None]
    has_sound: Mapped[bool]
    codec: Mapped[str | None] = mapped_column(String(64))
    taken_at: Mapped[datetime | None]
    """Local time of the camera, without a zone, as EXIF gives it."""
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    camera: Mapped[str | None] = mapped_column(String(256))
    lens: Mapped[str | None] = mapped_column(String(256))

    __table_args__ = (
        Index(None, "kind"),
        Index(None, "taken_at"),
        Index(None, "camera"),
        Index(None, "lens"),
        Index(None, "latitude", "longitude"),
    )


class File(Base):
    """A path. ``asset_id`` is null until its content has been read once, and after it failed for good."""

    __tablename__ = "file"

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[bytes] = mapped_column(LargeBinary(4096), unique=True)
    display: Mapped[str] = mapped_column(String(8192))
    folder: Mapped[str | None] = mapped_column(String(8192), Computed("rtrim(display, replace(display, '/', ''))"))
    """What is left of ``display`` without the letters of its own name at the end: it ends in ``/``. Never stored: the
    database works it out."""
    kind: Mapped[str] = mapped_column(String(16))
    """What its name promises; the asset's kind is what it holds."""
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    modified_ns: Mapped[int] = mapped_column(BigInteger)
    inode: Mapped[str] = mapped_column(String(20))
    """Decimal text: an inode number may not fit a signed 64-bit integer."""
    present: Mapped[bool]
    needs_reading: Mapped[bool]
    """It is new, or looks changed: its asset, if it has one, is what it held when it was last read."""
    asset_id: Mapped[int | None] = mapped_column(ForeignKey("asset.id"))

    __table_args__ = (
        Index(None, "asset_id", "present"),  # both: a filter asks for nothing else of most rows
        Index(None, "folder", "present", "asset_id"),
    )


class Part(Base):
    """A file that belongs to another: the raw beside its JPEG, the clip of a live photograph.

    It is never embedded for itself while its main file is present and can be read.
    """

    __tablename__ = "part"

    file_id: Mapped[int] = mapped_column(ForeignKey("file.id", ondelete="CASCADE"), primary_key=True)
    main_file_id: Mapped[int] = mapped_column(ForeignKey("file.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(16))
    """``raw`` or ``motion``."""

    __table_args__ = (Index(None, "main_file_id"),)


class Description(Base):
    """What people wrote into the content itself (EXIF, IPTC, XMP)."""

    __tablename__ = "description"

    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    title: Mapped[str | None] = mapped_column(String(1024))
    caption: Mapped[str | None] = mapped_column(Text)
    rating: Mapped[int | None]
    """Stars, 0 to 5; -1 is rejected, as XMP has it."""
    keywords: Mapped[list[str]] = mapped_column(JSON)
    people: Mapped[list[str]] = mapped_column(JSON)


class Sidecar(Base):
    """What people wrote beside a file, in an XMP file of its own. One that can't be read is kept with its reason."""

    __tablename__ = "sidecar"

    id: Mapped[int] = mapped_column(primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("file.id", ondelete="CASCADE"))
    path: Mapped[bytes] = mapped_column(LargeBinary(4096))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    modified_ns: Mapped[int] = mapped_column(BigInteger)
    title: Mapped[str | None] = mapped_column(String(1024))
    caption: Mapped[str | None] = mapped_column(Text)
    rating: Mapped[int | None]
    keywords: Mapped[list[str]] = mapped_column(JSON)
    people: Mapped[list[str]] = mapped_column(JSON)
    reason: Mapped[str | None] = mapped_column(String(1024))
    """Why it could not be read."""

    __table_args__ = (UniqueConstraint("file_id", "path"),)


class Failure(Base):
    """Why a file could not be used."""

    __tablename__ = "failure"

    file_id: Mapped[int] = mapped_column(ForeignKey("file.id", ondelete="CASCADE"), primary_key=True)
    stage: Mapped[str] = mapped_column(String(64))
    """``look``, ``identify``, ``decode``, ``encode`` or ``store``."""
    reason: Mapped[str] = mapped_column(String(1024))
    permanent: Mapped[bool]
    """Of the file (kept until content, limits or decoder change), or of the moment (tried at the next run)."""
    tried_with: Mapped[str] = mapped_column(String(256))
    """Versions of the decoders and of our own code, and the limits, at that time."""
    failed_at: Mapped[datetime]


class Segmentation(Base):
    """One way to cut an asset into segments."""

    __tablename__ = "segmentation"

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"))
    method: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(64))

    __table_args__ = (UniqueConstraint("asset_id", "method", "version"),)


class Segment(Base):
    """What is searched: a picture whole (times are null) or ``[start_seconds, end_seconds)`` of a video."""

    __tablename__ = "segment"

    id: Mapped[int] = mapped_column(primary_key=True)
    segmentation_id: Mapped[int] = mapped_column(ForeignKey("segmentation.id", ondelete="CASCADE"))
    position: Mapped[int]
    start_seconds: Mapped[float | None]
    end_seconds: Mapped[float | None]
    time_seconds: Mapped[float | None]
    """Of the frame that stands for the segment."""

    __table_args__ = (UniqueConstraint("segmentation_id", "position"),)


class Track(Base):
    """Features of one expert over the time of one asset: float16 ``[count, dim]`` with times ``[count, 2]``."""

    __tablename__ = "track"

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"))
    expert: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(128))
    count: Mapped[int]
    dim: Mapped[int]
    times: Mapped[bytes | None]
    features: Mapped[bytes | None]
    path: Mapped[str | None] = mapped_column(String(256))
    """Of the safetensors file that holds a long track, relative to the library; then the two above are null."""

    __table_args__ = (UniqueConstraint("asset_id", "expert", "version"),)


class ExpertFailure(Base):
    """Why an expert has no track of an asset: it failed at it, and isn't asked again by itself."""

    __tablename__ = "expert_failure"

    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    expert: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[str] = mapped_column(String(128), primary_key=True)
    reason: Mapped[str] = mapped_column(String(1024))
    tried_with: Mapped[str] = mapped_column(String(256))
    """Versions of the decoders and of our own code, and the limits, at that time."""
    failed_at: Mapped[datetime]


class TimedWords(Base):
    """Words that an expert heard or read in ``[start_seconds, end_seconds)`` of an asset.

    Of each expert an asset has those of one version, in the order of time by ``position``.
    """

    __tablename__ = "timed_text"

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"))
    expert: Mapped[str] = mapped_column(String(64))
    """``speech`` or ``ocr``."""
    version: Mapped[str] = mapped_column(String(128))
    position: Mapped[int]
    start_seconds: Mapped[float]
    end_seconds: Mapped[float]
    text: Mapped[str] = mapped_column(Text)
    confidence: Mapped[float]
    """The machine's own, 0 to 1; not calibrated."""
    language: Mapped[str | None] = mapped_column(String(16))

    __table_args__ = (
        UniqueConstraint("asset_id", "expert", "version", "position"),
        Index(None, "expert", "asset_id"),
    )


class Space(Base):
    """A joint embedding of text and media, at one version of its weights."""

    __tablename__ = "space"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(1024))
    """Of weights in a file, their path is part of it."""
    version: Mapped[str] = mapped_column(String(128))
    dim: Mapped[int]
    normalized: Mapped[bool]

    __table_args__ = (UniqueConstraint("name", "version"),)


class Embedding(Base):
    """The vector of one segment in one space: float16 ``[dim]``. A ``vector_id`` is never used twice."""

    __tablename__ = "embedding"

    vector_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"))
    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"))
    vector: Mapped[bytes]

    __table_args__ = (
        UniqueConstraint("segment_id", "space_id"),
        Index(None, "space_id", "vector_id"),
        {"sqlite_autoincrement": True},
    )


class Epoch(Base):
    """One stretch of writing vectors, under a random name. A catalog that was restored from a backup goes on under
    another name, so that an index made before is known to cover vectors that are no longer these."""

    __tablename__ = "epoch"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    first_vector_id: Mapped[int]
    """Vectors from this id up to the next epoch's were written in it."""


class Result(Base):
    """An asset is finished in a space. A pair without a row is work."""

    __tablename__ = "result"

    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    finished_at: Mapped[datetime]


class Tagger(Base):
    """Who says tags: people (``people`` by hand, ``keywords`` read from files), or a classifier at one version."""

    __tablename__ = "tagger"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(128))
    version: Mapped[str] = mapped_column(String(128))

    __table_args__ = (UniqueConstraint("name", "version"),)


class Label(Base):
    """The name of a tag, once."""

    __tablename__ = "label"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(256), unique=True)


class Tag(Base):
    """What a tagger calls an asset; of a video, the best of its segments."""

    __tablename__ = "tag"

    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    tagger_id: Mapped[int] = mapped_column(ForeignKey("tagger.id"), primary_key=True)
    label_id: Mapped[int] = mapped_column(ForeignKey("label.id"), primary_key=True)
    score: Mapped[float]
    """The calibrated chance, 0 to 1, that it is right; 1 of people."""
    refused: Mapped[bool]
    """A person said that it is not so: no machine's tag of this name is shown."""

    __table_args__ = (Index(None, "label_id", "asset_id"),)


class SegmentTag(Base):
    """What a tagger calls one segment of a video."""

    __tablename__ = "segment_tag"

    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True)
    tagger_id: Mapped[int] = mapped_column(ForeignKey("tagger.id"), primary_key=True)
    label_id: Mapped[int] = mapped_column(ForeignKey("label.id"), primary_key=True)
    score: Mapped[float]


class TagResult(Base):
    """A tagger has seen an asset. A pair without a row is work."""

    __tablename__ = "tag_result"

    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    tagger_id: Mapped[int] = mapped_column(ForeignKey("tagger.id"), primary_key=True)
    finished_at: Mapped[datetime]


class SavedSearch(Base):
    """A search that somebody keeps under a name: what was asked, as the arguments of a search."""

    __tablename__ = "saved_search"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(256), unique=True)
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    saved_at: Mapped[datetime]
