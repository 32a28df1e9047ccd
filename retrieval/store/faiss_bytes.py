"""FAISS indexes as bytes: written piece by piece, and read in place, without a copy, or into memory of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import IndexFileError

__all__ = ["Bytes", "owned_index", "viewed_index", "write_faiss"]

Bytes = NDArray[np.uint8]
_PIECE_BYTES = 1 << 20


def viewed_index(content: Bytes) -> Any:
    """The index that ``content`` ``[bytes]`` holds, whose vectors stay where they are: opening costs next to nothing.

    It must never be changed (FAISS would end the process), and ``content`` must outlive it.

    Raises:
        IndexFileError: these are not the bytes of an index.
    """
    faiss = _faiss()
    return _read(faiss.ZeroCopyIOReader(faiss.swig_ptr(content), len(content)))


def owned_index(content: Bytes) -> Any:
    """The same, copied, so that it can be added to and removed from.

    Raises:
        IndexFileError: these are not the bytes of an index.
    """
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        at += size
        return content[at - size : at].tobytes()

    return _read(_faiss().PyCallbackIOReader(read, _PIECE_BYTES))


def _read(reader: Any) -> Any:
    try:
        return _faiss().read_index(reader)
    except RuntimeError as error:
        raise IndexFileError("FAISS can't read the index") from error


def write_faiss(index: Any, write: Callable[[bytes], Any]) -> None:
    """Hand all of ``index`` to ``write``, piece by piece; what ``write`` raises is raised."""
    faiss = _faiss()
    faiss.write_index(index, faiss.PyCallbackIOWriter(write, _PIECE_BYTES))


def _faiss() -> Any:
    """The module, whose published types know nothing of its Python callbacks."""
    import faiss

    return faiss
