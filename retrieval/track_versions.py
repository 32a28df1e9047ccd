"""What of a track's version matters to a model over tracks."""

from __future__ import annotations

from typing import Final

from retrieval.types import TextSource

__all__ = ["are_read_alike", "text_encoder_of"]

_READERS_OF_WORDS: Final = frozenset(source.value for source in TextSource)


def are_read_alike(expert: str, known: str, version: str) -> bool:
    """Whether a model that learned over an ``expert`` at the version ``known`` can read its features at ``version``."""
    encoder = text_encoder_of(expert, known)
    return version == known or (encoder is not None and encoder == text_encoder_of(expert, version))


def text_encoder_of(expert: str, version: str) -> str | None:
    """The end of the ``version`` of an expert that hears or reads words: its features are vectors of them, and are the
    same whoever heard or read the words. None: it is no such expert, or tells no encoder."""
    told, plus, encoder = version.rpartition("+")
    return encoder if expert in _READERS_OF_WORDS and told and plus and encoder else None
