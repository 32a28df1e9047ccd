"""Decides, once the content of a file is known, whether it needs to be decoded at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from retrieval.store.catalog import SpaceRow
from retrieval.store.intake import Intake, KnownAsset

__all__ = ["Plan", "Verdict", "VerdictKind"]


class VerdictKind(StrEnum):
    """What a file's content calls for."""

    DECODE = "decode"
    LINK = "link"
    """Its asset is finished in the space."""
    EMBED = "embed"
    """Its asset is known, but not finished in the space: its tracks are kept, so nothing is decoded."""
    WAIT = "wait"
    """Another file of the same content is being decoded in this run."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with one file; ``asset_id`` is known to LINK and EMBED."""

    kind: VerdictKind
    asset_id: int | None = None


class Plan:
    """Knows which contents are being decoded, and which files wait for them."""

    def __init__(self, intake: Intake, space: SpaceRow, expert: tuple[str, str]) -> None:
        """``expert`` is the (name, version) of the tracks that ``space`` can be computed from."""
        self._intake = intake
        self._space = space
        self._expert = expert
        self._waiting: dict[bytes, list[int]] = {}

    def judge(self, contents: Sequence[tuple[int, bytes]]) -> dict[int, Verdict]:
        """What is to be done with files, by (file id, content hash).

        A file told to WAIT comes back from :meth:`release`.
        """
        known = self._intake.assets_by_hash([content_hash for _, content_hash in contents], self._space)
        return {file_id: self._verdict(file_id, content, known.get(content)) for file_id, content in contents}

    def _verdict(self, file_id: int, content_hash: bytes, known: KnownAsset | None) -> Verdict:
        if content_hash in self._waiting:
            self._waiting[content_hash].append(file_id)
            return Verdict(VerdictKind.WAIT)
        if known is not None and known.is_finished:
            return Verdict(VerdictKind.LINK, known.id)
        if known is not None and self._intake.read_track(known.id, *self._expert) is not None:
            return Verdict(VerdictKind.EMBED, known.id)
        self._waiting[content_hash] = []
        return Verdict(VerdictKind.DECODE)

    def release(self, content_hash: bytes) -> list[int]:
        """The decoding of a content has ended and its end is committed: the files that waited for it."""
        return self._waiting.pop(content_hash, [])
