"""What a library itself tells of its scores: a sample of its vectors, and who judges the hits of a space that ships no
calibration: one made from the library, kept beside its index."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock

from retrieval.search.open_spaces import OpenSpace
from retrieval.spaces.library_calibration import SAMPLE, LibraryCalibration
from retrieval.spaces.space import JudgedByLibrary, JudgesHits
from retrieval.store.catalog import Catalog
from retrieval.store.index_file import index_path
from retrieval.store.lookup import Lookup
from retrieval.types import Float32Array

__all__ = ["LibraryJudges"]


class LibraryJudges:
    """Makes them when they are first needed, anew when the library has doubled. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._library = catalog.library
        self._lookup = Lookup(catalog)
        self._lock = Lock()
        self._made: dict[int, tuple[int, LibraryCalibration]] = {}
        self._samples: dict[int, tuple[int, Float32Array]] = {}

    def sample(self, opened: OpenSpace) -> Float32Array:
        """Vectors of the library, [n, d], at most 2,000."""
        row, size = opened.row, len(opened.index).bit_length()
        with self._lock:
            known = self._samples.get(row.id)
            if known is None or known[0] != size:
                self._samples[row.id] = known = size, self._lookup.sample(row, SAMPLE)
            return known[1]

    def of(self, opened: OpenSpace) -> JudgesHits | None:
        """None where the space judges for itself, or nothing is indexed."""
        space, row, size = opened.space, opened.row, len(opened.index).bit_length()
        if not (size and isinstance(space, JudgedByLibrary) and space.judged_by_library):
            return None
        with self._lock:
            known = self._made.get(row.id)
            if known is None or known[0] != size:
                self._made[row.id] = known = size, self._make(opened, f"{space.version} {size}", known)
            return known[1]

    def _make(self, opened: OpenSpace, key: str, known: tuple[int, LibraryCalibration] | None) -> LibraryCalibration:
        path = index_path(self._library, opened.row.id, opened.row.name).with_suffix(".calibration.safetensors")
        kept = LibraryCalibration.load(path, key)
        if kept is not None:
            return kept
        sample = self._lookup.sample(opened.row, SAMPLE)
        made = known[1].over(sample) if known else LibraryCalibration.make(sample, opened.space.embed_text)
        with suppress(OSError):  # a library that can't be written is searched all the same; the next process makes it
            made.save(path, key)
        return made
