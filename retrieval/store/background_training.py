"""Trains a vector index in a process of its own, beside a searcher that goes on answering from the old one.

A process, not a thread: it gives its memory back, leaves half of the cores and the interpreter to the searches, and
whatever ends the searcher at any instant does no harm.
"""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np

from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.index_updates import train_index
from retrieval.store.ivf_training import half_the_cores
from retrieval.types import Float32Array

__all__ = ["main", "start_training"]

_NICENESS = 10


def start_training(catalog: Catalog, space: SpaceRow, queries: Float32Array) -> subprocess.Popen[bytes]:
    """Train the index of ``space``, tuned by ``queries`` ``[n, dim]`` beside its own vectors, and return at once.

    The file is swapped in whole when it is done; :meth:`CatalogIndex.refresh` takes it over. What goes wrong costs
    nothing but time: the old index stays.
    """
    values = [
        str(catalog.library),
        str(space.id),
        space.name,
        space.version,
        str(space.dim),
        str(int(space.normalized)),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", __spec__.name, *values],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C at the searcher is not meant for it
    )
    file = BytesIO()
    np.save(file, queries, allow_pickle=False)
    assert process.stdin is not None
    try:
        process.stdin.write(file.getvalue())
        process.stdin.close()
    except BrokenPipeError:  # it could not even start: as harmless as its failing later
        pass
    return process


def main(library: str, space_id: str, name: str, version: str, dim: str, normalized: str) -> int:
    """The inside of the process; 1 when the index could not be trained or is being trained."""
    os.nice(_NICENESS)
    queries = np.load(BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    space = SpaceRow(int(space_id), name, version, int(dim), bool(int(normalized)))
    try:
        with Catalog(Path(library)) as catalog:
            train_index(catalog, space, lambda: queries, half_the_cores())
    except LibraryError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
