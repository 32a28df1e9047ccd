"""The vectors of an exact index copied to a GPU, which finds the likeliest in a blink; they are then scored as ever.

A GPU compares in float16, so that equal and nearly equal scores may change places: more are found than are asked for,
and their own codes on this machine say the rest. It takes no filters and finds 2,048 at most; for those, and whenever
anything goes wrong, there is the CPU. What it needs is in FAISS's own package for GPUs, and in none other.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import numpy as np

from retrieval.store.vectors import Int64Array
from retrieval.types import Float32Array

__all__ = ["GPU_FOUND_MOST", "WORTH_COPYING", "GpuCopy"]

GPU_FOUND_MOST: Final = 2048
_MARGIN: Final = 32
_SCRATCH_BYTES: Final = 64 << 20
WORTH_COPYING: Final = 10_000_000
"""Numbers to compare, a few ms on one core: below, a GPU wins nothing that a person could feel."""

logger = logging.getLogger("vidi.index")


class GpuCopy:
    """Codes of an index as they were when they were copied, under the ids ``[n]`` that they had."""

    def __init__(self, codes: Any, ids: Int64Array, on_gpu: Any, resources: Any) -> None:
        """Use :meth:`of`. ``resources`` must outlive ``on_gpu``."""
        self._codes = codes
        self._ids = ids
        self._on_gpu = on_gpu
        self._resources = resources

    @classmethod
    def of(cls, codes: Any, ids: Int64Array) -> GpuCopy | None:
        """A copy of ``codes``, FAISS's own; None where there is no GPU, no room on it, or nothing to win."""
        if codes.ntotal * codes.d < WORTH_COPYING:
            return None
        import faiss

        try:
            if faiss.get_num_gpus() < 1:
                return None
            resources = faiss.StandardGpuResources()
            resources.setTempMemory(_SCRATCH_BYTES)
            return cls(codes, ids, faiss.index_cpu_to_gpu(resources, 0, codes), resources)
        except Exception as error:  # noqa: BLE001 drivers fail in their own ways, and the CPU answers as well
            logger.info("vidi: searches leave the GPU alone: %s", error)
            return None

    def search(self, queries: Float32Array, k: int) -> tuple[Float32Array, Int64Array] | None:
        """The ``k`` best of each query ``[n, dim]``, no more than there are: scores and ids ``[n, k]``, best first.

        None where it can't: then the CPU must.
        """
        wanted = min(k + _MARGIN, len(self._ids))
        if self._on_gpu is None or wanted > GPU_FOUND_MOST:
            return None
        try:
            _, places = self._on_gpu.search(queries, wanted)
            if not ((places >= 0) & (places < len(self._ids))).all():  # FAISS itself would read beyond its memory
                raise ValueError(f"it gave places outside of {len(self._ids):,}")
            vectors = self._codes.reconstruct_batch(places.reshape(-1)).reshape(*places.shape, -1)
        except Exception as error:  # noqa: BLE001 as above
            logger.info("vidi: searches leave the GPU alone: %s", error)
            self._on_gpu = None
            return None
        scores = np.einsum("nd,nkd->nk", queries, vectors)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, axis=1), self._ids[np.take_along_axis(places, best, axis=1)]
