"""What every space offers.

A space is a joint embedding of text and media, compared by inner product. Vectors of two spaces, or of two
versions of one, are never compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from retrieval.experts.expert import Rows
from retrieval.types import Float32Array

__all__ = ["Space"]


@runtime_checkable
class Space(Protocol):
    """Its facts are known without loading a model; each side loads when it is first used.

    Shapes: n texts or segments · d the space's ``dim``.
    """

    @property
    def name(self) -> str:
        """What ``--space`` takes."""

    @property
    def version(self) -> str:
        """A digest of all that shapes a vector: towers, heads, preprocessing."""

    @property
    def dim(self) -> int:
        """Width of a vector."""

    @property
    def normalized(self) -> bool:
        """Whether all vectors have length 1, so that scores are cosines."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the experts whose output it reads."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that it understands, as ISO 639-1 codes; ``mul`` where they are many."""

    @property
    def fits_from(self) -> float:
        """The chance from which a hit is said to fit."""

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        """Vectors of ``texts``: [n, d] float32."""

    def is_cut(self, text: str) -> bool:
        """Whether ``text`` is longer than the space reads, so that its end does not count."""

    def embed_segments(self, rows: Rows) -> Float32Array:
        """Vectors of segments by what the experts that it needs say of each: [n, d] float32."""

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """The calibrated chance, 0 to 1, that each of ``scores`` [n] is a fit.

        ``scores`` are inner products with ``query`` [d] of the best among ``items`` that were compared.
        """
