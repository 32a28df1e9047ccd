"""Decides, once the content of a file is known, whether it needs to be decoded at all."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum

from retrieval.store.catalog import SpaceRow
from retrieval.store.intake import Intake

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
    """What is to be done with one file."""

    kind: VerdictKind
    content_hash: bytes
    asset_id: int | None = None


class Plan:
    """Asked from the workers' reader threads while the run goes on, hence the lock."""

    def __init__(self, intake: Intake, space: SpaceRow, expert: tuple[str, str]) -> None:
        """``expert`` is the (name, version) of the tracks that ``space`` can be computed from."""
        self._intake = intake
        self._space = space
        self._expert = expert
        self._lock = threading.Lock()
        self._verdicts: dict[int, Verdict] = {}
        self._waiting: dict[bytes, list[int]] = {}

    def decide(self, file_id: int, content_hash: bytes) -> bool:
        """Whether the file is to be decoded; the whole verdict is kept until :meth:`take`."""
        with self._lock:
            verdict = self._judge(file_id, content_hash)
            self._verdicts[file_id] = verdict
            return verdict.kind is VerdictKind.DECODE

    def _judge(self, file_id: int, content_hash: bytes) -> Verdict:
        if content_hash in self._waiting:
            self._waiting[content_hash].append(file_id)
            return Verdict(VerdictKind.WAIT, content_hash)
        known = self._intake.assets_by_hash([content_hash], self._space).get(content_hash)
        if known is not None:
            asset_id, finished = known
            if finished:
                return Verdict(VerdictKind.LINK, content_hash, asset_id)
            if self._intake.read_track(asset_id, *self._expert) is not None:
                return Verdict(VerdictKind.EMBED, content_hash, asset_id)
        self._waiting[content_hash] = []
        return Verdict(VerdictKind.DECODE, content_hash)

    def take(self, file_id: int) -> Verdict | None:
        """The verdict on a file, handed over once; None if its content was never known."""
        with self._lock:
            return self._verdicts.pop(file_id, None)

    def release(self, content_hash: bytes) -> list[int]:
        """The decoding of a content has ended, and its result is committed: the files that waited for it."""
        with self._lock:
            return self._waiting.pop(content_hash, [])
