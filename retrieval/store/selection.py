"""Which vectors a search may look at: a bit for each id of the catalog."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Int64Array", "Selection"]

Int64Array = NDArray[np.int64]


class Selection:
    """A set of vector ids, packed eight to a byte, as FAISS takes it. Frozen; safe to share between threads."""

    __slots__ = ("_count", "_packed")

    def __init__(self, packed: NDArray[np.uint8]) -> None:
        """``packed`` ``[bytes]``: bit ``i % 8`` of byte ``i // 8``, the lowest first, stands for the id ``i``."""
        self._packed = packed
        self._packed.flags.writeable = False
        self._count = int(np.bitwise_count(packed).sum(dtype=np.int64))

    @classmethod
    def of(cls, ids: Int64Array) -> Selection:
        """The set of ``ids`` ``[n]``, each 0 or more, in any order."""
        bits = np.zeros(int(ids.max(initial=-1)) + 1, bool)
        bits[ids] = True
        return cls(np.packbits(bits, bitorder="little"))

    @classmethod
    def up_to(cls, highest: int) -> Selection:
        """All ids from 0 to ``highest``."""
        return cls.of(np.arange(highest + 1))

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"Selection({self._count} of {8 * len(self._packed)} ids)"

    def __and__(self, other: Selection) -> Selection:
        """The ids that are in both."""
        size = min(len(self._packed), len(other._packed))
        return Selection(self._packed[:size] & other._packed[:size])

    def __or__(self, other: Selection) -> Selection:
        """The ids that are in one of them."""
        longer, shorter = sorted((self._packed, other._packed), key=len, reverse=True)
        joined = longer.copy()
        joined[: len(shorter)] |= shorter
        return Selection(joined)

    def __sub__(self, other: Selection) -> Selection:
        """The ids that are in this one alone."""
        left = self._packed.copy()
        size = min(len(left), len(other._packed))
        left[:size] &= ~other._packed[:size]
        return Selection(left)

    @property
    def packed(self) -> NDArray[np.uint8]:
        """``[bytes] uint8``, not to be written to."""
        return self._packed

    @property
    def size_bytes(self) -> int:
        """Memory that it takes."""
        return self._packed.nbytes

    def ids(self) -> Int64Array:
        """``[n]``, ascending."""
        return np.flatnonzero(np.unpackbits(self._packed, bitorder="little")).astype(np.int64)
