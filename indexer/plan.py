"""Decides, once the content of files is known, which of them need to be decoded at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from retrieval.store.catalog import SpaceRow
from retrieval.store.intake import Expert, Intake, KnownAsset

__all__ = ["Plan", "Verdict", "VerdictKind", "Wants"]


class VerdictKind(StrEnum):
    """What a file's content calls for."""

    DECODE = "decode"
    LINK = "link"
    """Its asset is known, and finished in the space or to be finished from its track."""
    WAIT = "wait"
    """Another file of the same content is being decoded in this run."""


@dataclass(frozen=True, slots=True)
class Wants:
    """What is wanted of a content that is decoded."""

    frames: bool = True
    experts: frozenset[Expert] | None = None
    """Of a video or sound, the experts over time that are asked of it; None: all."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with one file; ``asset_id`` is known to LINK."""

    kind: VerdictKind
    asset_id: int | None = None


class Plan:
    """Knows which contents are being decoded, and which files wait for them."""

    def __init__(self, intake: Intake, space: SpaceRow, expert: Expert) -> None:
        """``expert`` is the (name, version) of the tracks that ``space`` can be computed from."""
        self._intake = intake
        self._space = space
        self._expert = expert
        self._twins: dict[bytes, list[int]] = {}
        self._wants: dict[bytes, Wants] = {}

    def judge(self, contents: Sequence[tuple[int, bytes, bool]]) -> dict[int, Verdict]:
        """What is to be done with files, by (file id, content hash, whether it is a video or sound by its name).

        A file told to WAIT comes back from :meth:`release`, or is decoded in its turn after :meth:`promote`.
        """
        hashes = [content_hash for _, content_hash, _ in contents]
        known = self._intake.assets_by_hash(hashes, self._space, self._expert)
        return {
            file_id: self._verdict(file_id, content, known.get(content), is_timed)
            for file_id, content, is_timed in contents
        }

    def _verdict(self, file_id: int, content_hash: bytes, known: KnownAsset | None, is_timed: bool) -> Verdict:
        if content_hash in self._twins:
            self._twins[content_hash].append(file_id)
            return Verdict(VerdictKind.WAIT)
        lacking = known.lacking if known is not None and is_timed else frozenset()
        if known is not None and not known.needs_decoding and not lacking:
            return Verdict(VerdictKind.LINK, known.id)
        if known is not None:
            self._wants[content_hash] = Wants(known.needs_decoding, lacking)
        self._twins[content_hash] = []
        return Verdict(VerdictKind.DECODE)

    def wants(self, content_hash: bytes) -> Wants:
        """What is wanted of a content that is to be decoded."""
        return self._wants.get(content_hash, Wants())

    def release(self, content_hash: bytes) -> list[int]:
        """The decoding of a content has ended: the files that waited for it."""
        return self._twins.pop(content_hash, [])

    def promote(self, content_hash: bytes, files: Sequence[int]) -> int | None:
        """The first of ``files`` is decoded next, and the others wait for it; None if there are none."""
        if not files:
            return None
        first, *others = files
        self._twins[content_hash] = others
        return first
