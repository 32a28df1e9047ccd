"""The one file that holds a vector index: a stamp that says what it covers, then the engine's own bytes.

Layout, all numbers little-endian (docs/search.md):

    8 bytes    the magic ``VIDIVEC1``
    32 bytes   BLAKE3 of everything after these two
    4 bytes    length of the stamp
    ...        the stamp: a JSON object, UTF-8
    ...        the index, as its engine writes it
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from blake3 import blake3

from retrieval.errors import IndexFileError
from retrieval.store.files import replacing

__all__ = ["IndexStamp", "index_path", "open_index_file", "read_stamp", "write_index_file"]

_MAGIC = b"VIDIVEC1"
_DIGEST_BYTES = 32
_LENGTH = struct.Struct("<I")
_STAMP_BYTES_MOST = 1 << 16
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class IndexStamp:
    """Which vectors of which catalog an index covers."""

    catalog_id: str
    space_id: int
    space_version: str
    dim: int
    deletions: int
    """The catalog's count of deletions when the index was made: another count makes it stale."""
    highest_vector_id: int
    """Every row up to here has been seen; those above are to be added. 0 when none has."""
    count: int
    """Vectors in the index."""
    skipped: int
    """Rows up to the highest that were left out, because they are no vector of finite numbers."""
    epoch: str
    """In which the highest was written: a catalog that was restored from a backup goes on in another one."""


def index_path(library: Path, space_id: int, space_name: str) -> Path:
    """Where the index of a space lies: ``vectors/<name>-<id>.faiss``, the name made safe for a file."""
    safe = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in space_name)
    return library / "vectors" / f"{safe[:80]}-{space_id}.faiss"


def write_index_file(path: Path, stamp: IndexStamp, write_index: Callable[[Callable[[bytes], Any]], None]) -> None:
    """Write, sync and rename; ``write_index`` hands the index over piece by piece, so that it is never held twice.

    The caller holds the library's index lock: parts that a killed writer left behind are removed.

    Raises:
        LibraryError: the disk is full or can't be written; what ``path`` held is untouched.
    """
    for orphan in path.parent.glob(f".{path.name}.*.part"):
        orphan.unlink(missing_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        _write(file, stamp, write_index)


def _write(file: BinaryIO, stamp: IndexStamp, write_index: Callable[[Callable[[bytes], Any]], None]) -> None:
    digest = blake3()

    def write(piece: bytes) -> int:
        digest.update(piece)
        return file.write(piece)

    header = json.dumps(asdict(stamp)).encode()
    file.write(_MAGIC + bytes(_DIGEST_BYTES))
    write(_LENGTH.pack(len(header)) + header)
    write_index(write)
    file.seek(len(_MAGIC))
    file.write(digest.digest())


def read_stamp(path: Path) -> IndexStamp:
    """The stamp alone, of a file that nothing else was checked of.

    Raises:
        OSError: there is none, or it can't be read.
        IndexFileError: it is no index file.
    """
    with path.open("rb") as file:
        return _read_stamp(file, path)


@contextmanager
def open_index_file(path: Path) -> Iterator[tuple[IndexStamp, BinaryIO]]:
    """The stamp, and the file standing where the engine's bytes begin; every byte has been checked.

    Raises:
        FileNotFoundError: there is none.
        IndexFileError: it is cut short, damaged or no index file.
    """
    with path.open("rb") as file:
        stamp = _read_stamp(file, path)
        start = file.tell()
        _check_digest(file, path)
        file.seek(start)
        yield stamp, file


def _read_stamp(file: BinaryIO, path: Path) -> IndexStamp:
    head = file.read(len(_MAGIC) + _DIGEST_BYTES + _LENGTH.size)
    if len(head) < len(_MAGIC) + _DIGEST_BYTES + _LENGTH.size or not head.startswith(_MAGIC):
        raise IndexFileError(f"{path} is no vector index of this version")
    (length,) = _LENGTH.unpack(head[-_LENGTH.size :])
    try:
        return IndexStamp(**json.loads(file.read(min(length, _STAMP_BYTES_MOST))))
    except (ValueError, TypeError) as error:
        raise IndexFileError(f"the stamp of {path} can't be read") from error


def _check_digest(file: BinaryIO, path: Path) -> None:
    file.seek(len(_MAGIC))
    expected, digest = file.read(_DIGEST_BYTES), blake3()
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
    if digest.digest() != expected:
        raise IndexFileError(f"{path} is cut short or damaged")
