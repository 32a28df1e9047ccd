"""Tracks of captioned media, each file decoded once: what an expert says of a file is kept for every later run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ModelError
from retrieval.experts.extraction import Extracted, NotExtracted, Testimony, extract_tracks
from retrieval.experts.over_time import TimeExpert
from retrieval.media.files import MediaPath
from retrieval.media.kinds import kind_of
from retrieval.settings import Settings
from retrieval.training.stage_cache import StageCache, file_state
from retrieval.types import FeatureTrack, MediaKind

__all__ = ["MediaTracks", "TrackReader"]

_STAGE: Final = "track"
_TELL_SECONDS: Final = 20.0
_TRIES: Final = 2
"""Of a file at which an expert or the machine failed."""


@dataclass(frozen=True, slots=True, eq=False)
class MediaTracks:
    """What the experts say of each file that could be read; ``left_out`` says of each other why it could not."""

    tracks: Mapping[Path, Mapping[str, FeatureTrack]]
    durations: Mapping[Path, float]
    """Seconds."""
    left_out: Mapping[Path, str]


@dataclass(slots=True, eq=False)
class _Said:
    """What is known of a file so far."""

    state: str
    """Of its path, size and time: a file that changed is another."""
    tracks: dict[str, FeatureTrack] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    """Experts by name that need not be asked again; those without a track here failed at the file twice."""
    duration: float = 0.0
    left_out: str = ""


class TrackReader:
    """Reads media by experts, and keeps what they say: an entry a file and expert."""

    def __init__(
        self, experts: Sequence[TimeExpert], cache: StageCache, settings: Settings, say: Callable[[str], None]
    ) -> None:
        self._experts = tuple(experts)
        self._cache = cache
        self._settings = settings
        self._say = say

    def read(self, paths: Sequence[Path]) -> MediaTracks:
        """The tracks of all ``paths``, from the cache or made. What is made is the same in any order of asking.

        Raises:
            ModelError: an expert's model broke off: what would be learned is less than what is asked for.
            TransientMediaError: media workers can't be started on this machine now.
            UsageError: the cache can't be written.
        """
        said = {path: self._kept(path) for path in dict.fromkeys(paths)}
        self._ask(said)
        names = [expert.name for expert in self._experts]
        known = {path: found for path, found in said.items() if not found.left_out}
        return MediaTracks(
            {
                path: {name: found.tracks[name] for name in names if name in found.tracks}
                for path, found in known.items()
            },
            {path: found.duration for path, found in known.items()},
            {path: found.left_out for path, found in said.items() if found.left_out},
        )

    # -------------------------------------------------------------------------------------------------------- asking

    def _ask(self, said: Mapping[Path, _Said]) -> None:
        """Decode what lacks an answer, for the experts that owe one. What fails twice is left out of this run; kept of
        that is what is the file's own fault."""
        lacking = {path: found for path, found in said.items() if self._owing(found)}
        telling = _Telling(len(said), len(said) - len(lacking), self._say)
        for number in range(_TRIES):
            groups: dict[tuple[TimeExpert, ...], list[Path]] = {}
            for path, found in lacking.items():
                groups.setdefault(self._owing(found), []).append(path)
            for experts, files in groups.items():
                for outcome in self._outcomes(files, experts):
                    path = Path(os.fsdecode(outcome.path))
                    if self._take(said[path], experts, outcome, is_last=number + 1 == _TRIES):
                        del lacking[path]
                        telling.done()

    def _owing(self, found: _Said) -> tuple[TimeExpert, ...]:
        if found.left_out and not found.answered:  # no file that experts can be asked of
            return ()
        return tuple(expert for expert in self._experts if expert.name not in found.answered)

    def _outcomes(self, files: Sequence[Path], experts: Sequence[TimeExpert]) -> Iterator[Extracted | NotExtracted]:
        asked = [(path, _kind(path)) for path in files]
        yield from extract_tracks(asked, experts, settings=self._settings, notice=self._say)

    def _take(
        self, said: _Said, experts: Sequence[TimeExpert], outcome: Extracted | NotExtracted, *, is_last: bool
    ) -> bool:
        """Keep what is final. Whether the file needs no other try."""
        if isinstance(outcome, NotExtracted):
            is_done = outcome.is_permanent or is_last
            said.left_out = outcome.reason if is_done else ""
            for expert in experts if outcome.is_permanent else ():
                self._keep(said, expert)
            return is_done
        said.duration = outcome.facts.duration_seconds or 0.0
        testimony = outcome.testimony
        for note in testimony.failures:
            self._say(f"{os.fsdecode(outcome.path)}: {note}")
        for expert in experts:
            self._take_track(said, expert, testimony, is_last=is_last)
        if testimony.left_out:
            raise _broken_off(outcome.path, testimony)
        return is_last or not testimony.failures

    def _take_track(self, said: _Said, expert: TimeExpert, testimony: Testimony, *, is_last: bool) -> None:
        key = (expert.name, expert.version)
        if (track := testimony.tracks.get(key)) is not None:
            said.tracks[expert.name] = track
        elif key not in testimony.failed or not is_last:
            return  # what a moment without memory, or a model that broke off, left unsaid is no answer to keep
        self._keep(said, expert)

    # ------------------------------------------------------------------------------------------------------- the cache

    def _kept(self, path: Path) -> _Said:
        said = _Said(_state_of(path))
        if why := _unfit(path):
            said.left_out = why
            return said
        for expert in self._experts:
            tensors = self._cache.load(_STAGE, _inputs(said, expert))
            if tensors is None:
                continue
            facts = json.loads(tensors["facts"].tobytes())
            said.answered.add(expert.name)
            said.duration, said.left_out = facts["duration"], said.left_out or facts["left_out"]
            if "times" in tensors:
                said.tracks[expert.name] = FeatureTrack(tensors["times"], tensors["features"])
        if said.left_out and self._owing(said):  # by another set of experts; all are asked again, lest answers differ
            return _Said(said.state)
        return said

    def _keep(self, said: _Said, expert: TimeExpert) -> None:
        facts = {"duration": said.duration, "left_out": said.left_out}
        tensors: dict[str, NDArray[Any]] = {"facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)}
        if (track := said.tracks.get(expert.name)) is not None:
            tensors |= {"times": track.times, "features": track.features}
        self._cache.store(_STAGE, _inputs(said, expert), tensors)
        said.answered.add(expert.name)


class _Telling:
    """How far the reading is, now and then."""

    def __init__(self, total: int, done: int, say: Callable[[str], None]) -> None:
        self._total, self._done, self._made = total, done, 0
        self._say = say
        self._begun = self._told = time.monotonic()

    def done(self) -> None:
        """One more file is."""
        self._done += 1
        self._made += 1
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS or (self._done == self._total and now > self._begun):
            self._told = now
            rate = self._made / (now - self._begun)
            left = (self._total - self._done) / rate
            self._say(f"{self._done:,} of {self._total:,} files read, {rate:.1f} a second, {left:.0f} s left")


def _broken_off(path: MediaPath, testimony: Testimony) -> ModelError:
    names = ", ".join(sorted(name for name, _ in testimony.left_out))
    return ModelError(
        f"{os.fsdecode(path)}: the model of the expert {names} broke off, as was told above; mend it and run again: "
        f"what was read is kept"
    )


def _inputs(said: _Said, expert: TimeExpert) -> list[str]:
    return [expert.name, expert.version, said.state]


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
    return f"{path.absolute()} {file_state(path)}"
