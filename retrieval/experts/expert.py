"""What every expert offers.

An expert turns decoded media into features over time (Gabeur et al. 2020, "Multi-modal Transformer for
Video Retrieval"). What it gives is kept, so that later heads, taggers and transformers never decode again.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["Expert"]


@runtime_checkable
class Expert(Protocol):
    """A name and a version under which its features are kept; how it is called is the expert's own."""

    @property
    def name(self) -> str:
        """One word, such as ``appearance``; spaces name the experts that they need by it."""

    @property
    def version(self) -> str:
        """Changes whenever the same input would give other features. Known without loading the model."""

    @property
    def dim(self) -> int:
        """Width of a feature."""

    def encode(self, inputs: Any, /) -> Any:
        """Features of a batch of decoded media, in the order given."""
