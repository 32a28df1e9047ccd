"""The one file that holds a vector index: a stamp that says what it covers, then the engine's own bytes.

Layout, all numbers little-endian (docs/scale.md):

    8 bytes    the magic ``VIDIVEC2``
    32 bytes   BLAKE3 of everything after these two
    4 bytes    length of the stamp
    ...        the stamp: a JSON object, UTF-8
    ...        the index, as its engine writes it
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from blake3 import blake3

from retrieval.errors import IndexFileError
from retrieval.store.faiss_bytes import Bytes
from retrieval.store.files import replacing

__all__ = ["IndexStamp", "file_identity", "index_path", "open_index_file", "read_stamp", "write_index_file"]

_MAGIC = b"VIDIVEC2"
_DIGEST_BYTES = 32
_LENGTH = struct.Struct("<I")
_STAMP_BYTES_MOST = 1 << 16


@dataclass(frozen=True, slots=True)
class IndexStamp:
    """Which vectors of which catalog an index covers."""

    catalog_id: str
    space_id: int
    space_version: str
    dim: int
    deletions: int
    """The catalog's count of deletions that the index has followed."""
    highest_vector_id: int
    """Every row up to here has been seen; those above are to be added. 0 when none has."""
    count: int
    """Vectors in the index."""
    skipped: int
    """Rows up to the highest that were left out, because they are no vector of finite numbers."""
    epoch: str
    """In which the highest was written: a catalog that was restored from a backup goes on in another one."""
    trained: int = 0
    """Vectors that there were when its lists were trained; 0 when it is exact."""
    probes: tuple[tuple[float, int], ...] = ()
    """(share that a filter allows, lists to look into), as measured; empty when it is exact."""


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


def file_identity(path: Path) -> tuple[int, int, int] | None:
    """What changes whenever a new file takes the name ``path``; None when there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def open_index_file(path: Path) -> tuple[IndexStamp, Bytes]:
    """The stamp, and the engine's bytes where they lie in the file; every one of them has been checked.

    The file is mapped, not read: its pages are the system's cache's, shared with every other process. It is only ever
    replaced by a rename, so what is mapped stays as it is for as long as it is used.

    Raises:
        FileNotFoundError: there is none.
        OSError: it can't be read.
        IndexFileError: it is cut short, damaged or no index file.
    """
    with path.open("rb") as file:
        stamp = _read_stamp(file, path)
        start = file.tell()
        content = np.memmap(file, np.uint8, "r")
    expected = content[len(_MAGIC) : len(_MAGIC) + _DIGEST_BYTES].tobytes()
    checked = content[len(_MAGIC) + _DIGEST_BYTES :]
    if blake3(checked.data, max_threads=blake3.AUTO).digest() != expected:
        raise IndexFileError(f"{path} is cut short or damaged")
    return stamp, content[start:]


def _read_stamp(file: BinaryIO, path: Path) -> IndexStamp:
    head = file.read(len(_MAGIC) + _DIGEST_BYTES + _LENGTH.size)
    if len(head) < len(_MAGIC) + _DIGEST_BYTES + _LENGTH.size or not head.startswith(_MAGIC):
        raise IndexFileError(f"{path} is no vector index of this version")
    (length,) = _LENGTH.unpack(head[-_LENGTH.size :])
    try:
        values = json.loads(file.read(min(length, _STAMP_BYTES_MOST)))
        values["probes"] = tuple((float(share), int(lists)) for share, lists in values["probes"])
        return IndexStamp(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise IndexFileError(f"the stamp of {path} can't be read") from error
