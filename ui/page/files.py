"""The catalog's files, opened by asset: the one way from the page to what lies on disk."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy import select

from retrieval.errors import MediaError
from retrieval.media.files import FileStat, OpenMedia, open_media
from retrieval.store.catalog import Catalog
from retrieval.store.schema import Asset, File
from retrieval.types import MediaKind

__all__ = ["CatalogFiles", "OpenFile", "content_type_of"]

_HEAD_BYTES = 16
_UNKNOWN_TYPE = "application/octet-stream"
_MARKS = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    *((4, b"ftyp" + brand, "image/avif") for brand in (b"avif", b"avis")),
    *((4, b"ftyp" + brand, "image/heic") for brand in (b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1")),
    (4, b"ftypcrx ", _UNKNOWN_TYPE),  # Canon's RAW: no browser shows it
    *((4, b"ftyp" + brand, "audio/mp4") for brand in (b"M4A ", b"M4B ")),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (4, b"moov", "video/quicktime"),
    (4, b"mdat", "video/quicktime"),
    (4, b"wide", "video/quicktime"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),  # Matroska too: browsers know it by this name alone
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x00\x00\x01\xb3", "video/mpeg"),
    (0, b"OggS", "video/ogg"),  # with sound alone, too: players of either look inside
    (0, b"ID3", "audio/mpeg"),
    *((0, b"\xff" + kind, "audio/mpeg") for kind in (b"\xfa", b"\xfb", b"\xf2", b"\xf3")),
    *((0, b"\xff" + kind, "audio/aac") for kind in (b"\xf0", b"\xf1", b"\xf8", b"\xf9")),
    (0, b"fLaC", "audio/flac"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AIFF", "audio/aiff"),
    (8, b"AIFC", "audio/aiff"),
)
"""(offset, bytes, type). Nothing in it runs or renders as a document, so no file of a person's can."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenFile:
    """A file of an asset, open for reading. Whoever receives it calls ``close``."""

    file: BinaryIO
    path: bytes
    kind: MediaKind
    stat: FileStat
    """Of the very file that is open."""
    content_hash: str
    """Hexadecimal."""
    content_type: str
    _opened: ExitStack

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return self.stat.size_bytes

    def close(self) -> None:
        """Let go of the file."""
        self._opened.close()


class CatalogFiles:
    """Looks assets up in the catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._engine = catalog.engine

    def path_of(self, asset_id: int) -> bytes | None:
        """The first of the asset's present files; None if there is none."""
        wanted = select(File.path).where(File.asset_id == asset_id, File.present).order_by(File.id).limit(1)
        with self._engine.connect() as connection:
            return connection.scalar(wanted)

    def open(self, asset_id: int) -> OpenFile | None:
        """The first of the asset's present files that is still the one that was indexed; None if there is none."""
        columns = (File.path, File.size_bytes, File.modified_ns, Asset.kind, Asset.content_hash)
        wanted = select(*columns).join(Asset, Asset.id == File.asset_id).where(Asset.id == asset_id, File.present)
        with self._engine.connect() as connection:
            rows = connection.execute(wanted.order_by(File.id)).all()
        for path, size_bytes, modified_ns, kind, content_hash in rows:
            opened = _open_unchanged(path, size_bytes, modified_ns)
            if opened is not None:
                stack, media = opened
                content_type = content_type_of(os.pread(media.file.fileno(), _HEAD_BYTES, 0))
                return OpenFile(media.file, path, MediaKind(kind), media.stat, content_hash.hex(), content_type, stack)
        return None


def _open_unchanged(path: bytes, size_bytes: int, modified_ns: int) -> tuple[ExitStack, OpenMedia] | None:
    """The file, if nothing was put in its place since it was indexed: what is served is what the catalog knows.

    The inode may differ: a disk that was mounted again may number its files anew.
    """
    with ExitStack() as stack:
        try:
            media = stack.enter_context(open_media(path))
        except MediaError:
            return None
        if (media.stat.size_bytes, media.stat.mtime_ns) != (size_bytes, modified_ns):
            return None
        return stack.pop_all(), media


def content_type_of(head: bytes) -> str:
    """The type of a file by its first bytes; a name proves nothing."""
    for offset, mark, content_type in _MARKS:
        if head[offset : offset + len(mark)] == mark:
            return content_type
    return _UNKNOWN_TYPE
