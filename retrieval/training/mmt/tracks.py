"""Tracks of captioned media, each file decoded once: what is extracted is kept, chunk by chunk, for every later run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.extraction import Extracted, extract_tracks
from retrieval.experts.over_time import TimeExpert
from retrieval.media.kinds import kind_of
from retrieval.settings import Settings
from retrieval.training.stage_cache import StageCache
from retrieval.types import FeatureTrack, MediaKind

__all__ = ["MediaTracks", "TrackReader"]

_FILES_A_CHUNK: Final = 128
_TRIES: Final = 2
"""Of a file at which an expert or the machine failed."""


@dataclass(frozen=True, slots=True, eq=False)
class MediaTracks:
    """What the experts say of each file that could be read; ``left_out`` says of each other why it could not."""

    tracks: Mapping[Path, Mapping[str, FeatureTrack]]
    durations: Mapping[Path, float]
    """Seconds."""
    left_out: Mapping[Path, str]
    incomplete: frozenset[Path] = frozenset()
    """Files of which an expert was not asked, since its model can't be had."""


class TrackReader:
    """Reads media by experts, and keeps what they say."""

    def __init__(
        self, experts: Sequence[TimeExpert], cache: StageCache, settings: Settings, say: Callable[[str], None]
    ) -> None:
        self._experts = tuple(experts)
        self._cache = cache
        self._settings = settings
        self._say = say

    def read(self, paths: Sequence[Path]) -> MediaTracks:
        """The tracks of all ``paths``, from the cache or made.

        Raises:
            TransientMediaError: media workers can't be started on this machine now.
            UsageError: the cache can't be written.
        """
        tracks: dict[Path, Mapping[str, FeatureTrack]] = {}
        durations: dict[Path, float] = {}
        left_out: dict[Path, str] = {}
        incomplete: set[Path] = set()
        wanted = list(dict.fromkeys(paths))
        begun, made = time.monotonic(), 0
        for start in range(0, len(wanted), _FILES_A_CHUNK):
            some = wanted[start : start + _FILES_A_CHUNK]
            inputs = [expert.version for expert in self._experts] + [_state_of(path) for path in some]
            kept = self._cache.load("tracks", inputs)
            if kept is None:
                found = self._extract(some)
                if not found.incomplete:  # what a model that fails to load left unsaid is no answer to keep
                    self._cache.store("tracks", inputs, _packed(some, found))
                made += len(some)
                rate = made / (time.monotonic() - begun)
                done = min(start + _FILES_A_CHUNK, len(wanted))
                self._say(f"{done:,} of {len(wanted):,} files read, {rate:.1f} a second, "
                          f"{(len(wanted) - done) / rate:.0f} s left")  # fmt: skip
            else:
                found = _unpacked(some, kept)
            tracks |= found.tracks
            durations |= found.durations
            left_out |= found.left_out
            incomplete |= found.incomplete
        return MediaTracks(tracks, durations, left_out, frozenset(incomplete))

    def _extract(self, paths: Sequence[Path]) -> MediaTracks:
        """Tracks; what fails twice is taken to fail for good, lest one file has its whole chunk decoded at each run."""
        left_out = {path: why for path in paths if (why := _unfit(path))}
        found = MediaTracks({}, {}, left_out)
        wanted = [path for path in paths if path not in left_out]
        for _ in range(_TRIES):
            wanted, found = self._tried(wanted, found)
        return found

    def _tried(self, paths: Sequence[Path], before: MediaTracks) -> tuple[list[Path], MediaTracks]:
        """What is worth another try, and ``before`` with what was found now."""
        tracks, durations, left_out = dict(before.tracks), dict(before.durations), dict(before.left_out)
        incomplete = set(before.incomplete)
        again: list[Path] = []
        for outcome in self._outcomes([(path, _kind(path)) for path in paths]):
            path = Path(os.fsdecode(outcome.path))
            left_out.pop(path, None)
            incomplete.discard(path)
            if isinstance(outcome, Extracted):
                tracks[path] = {name: track for (name, _), track in outcome.testimony.tracks.items()}
                durations[path] = outcome.facts.duration_seconds or 0.0
                for note in outcome.testimony.failed.values():
                    self._say(f"{path}: {note}")
                if outcome.testimony.left_out:
                    incomplete.add(path)
                again += [path] if outcome.testimony.failed else []
            else:
                left_out[path] = outcome.reason
                again += [] if outcome.is_permanent else [path]
        return again, MediaTracks(tracks, durations, left_out, frozenset(incomplete))

    def _outcomes(self, files: Sequence[tuple[Path, MediaKind]]) -> Iterator[Any]:
        if files:
            yield from extract_tracks(files, self._experts, settings=self._settings, notice=self._say)


def _kind(path: Path) -> MediaKind:
    kind = kind_of(path)
    assert kind is not None
    return kind


def _unfit(path: Path) -> str | None:
    if not path.exists():
        return "there is no such file; check the table"
    if kind_of(path) not in (MediaKind.VIDEO, MediaKind.SOUND):
        return "it is no video or sound; an MMT learns from these alone"
    return None


def _state_of(path: Path) -> str:
    try:
        state = os.stat(path)
    except OSError:
        return f"{path} absent"
    return f"{path} {state.st_size} {state.st_mtime_ns}"


def _packed(paths: Sequence[Path], found: MediaTracks) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for row, path in enumerate(paths):
        for name, track in found.tracks.get(path, {}).items():
            tensors[f"{row}.{name}.times"] = track.times
            tensors[f"{row}.{name}.features"] = track.features
    facts = {
        "durations": [found.durations.get(path, 0.0) for path in paths],
        "left_out": [found.left_out.get(path, "") for path in paths],
    }
    return tensors | {"facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)}


def _unpacked(paths: Sequence[Path], tensors: Mapping[str, NDArray[Any]]) -> MediaTracks:
    facts = json.loads(tensors["facts"].tobytes())
    left_out = {path: why for path, why in zip(paths, facts["left_out"], strict=True) if why}
    durations = {path: s for path, s in zip(paths, facts["durations"], strict=True) if path not in left_out}
    tracks: dict[Path, dict[str, FeatureTrack]] = {path: {} for path in durations}
    for key in tensors:
        row, _, rest = key.partition(".")
        name, _, part = rest.rpartition(".")
        if part == "times":
            tracks[paths[int(row)]][name] = FeatureTrack(tensors[key], tensors[f"{row}.{name}.features"])
    return MediaTracks(tracks, durations, left_out)
