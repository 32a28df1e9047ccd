"""Sound by a network that hears a window at a time: each row's time lies in the middle of a window of its own."""

from __future__ import annotations

import math
from typing import Final, Protocol

import numpy as np

from retrieval.experts.over_time import Told, track_of
from retrieval.media.pieces import SOUND_RATE, Piece, SoundPiece, Stream, as_floats
from retrieval.types import Float32Array

__all__ = ["SoundNet", "SoundWindows"]

_BATCH: Final = 4
"""Windows that are encoded at once."""
_SHORTEST_SECONDS: Final = 0.1
"""A rest shorter than this gets no row."""


class SoundNet(Protocol):
    """A network for sound."""

    @property
    def dim(self) -> int:
        """Width of a feature."""

    @property
    def window_samples(self) -> int:
        """Samples that it hears at once, at :data:`SOUND_RATE`."""

    @property
    def row_seconds(self) -> int:
        """Time that a row stands for."""

    def load(self) -> None: ...

    def __call__(self, windows: Float32Array, /) -> Float32Array:
        """Features ``[n, d]`` of ``windows [n, window_samples]``, -1 to 1."""


class SoundWindows:
    """The expert; what is before the sound's beginning, after its end and in its gaps is heard as silence."""

    stream: Final = Stream.SOUND

    def __init__(self, name: str, version: str, title: str, net: SoundNet) -> None:
        """``title``: what messages call it."""
        self.name = name
        self.version = version
        self.title = title
        self._net = net

    @property
    def dim(self) -> int:
        """Width of a feature."""
        return self._net.dim

    def load(self) -> None:
        """Load the model now.

        Raises:
            WeightsError: it can't be used.
        """
        self._net.load()

    def begin(self) -> WindowsReading:
        """Begin to read a file."""
        return WindowsReading(self._net)


class _Block:
    """The sound of one row's time ``[n]``, and how far into it something was heard."""

    def __init__(self, size: int) -> None:
        self.sound = np.zeros(size, np.float32)
        self.count = 0
        self.last = 0

    def put(self, place: int, sound: Float32Array) -> None:
        self.sound[place : place + len(sound)] = sound
        self.count += len(sound)
        self.last = max(self.last, place + len(sound))


class WindowsReading:
    """One file, of which it holds a few windows."""

    def __init__(self, net: SoundNet) -> None:
        self._net = net
        self._size = net.row_seconds * SOUND_RATE
        self._margin = max(0, net.window_samples - self._size) / 2
        self._beside = math.ceil(self._margin / self._size)
        """Blocks on either side that reach into a block's window."""
        self._blocks: dict[int, _Block] = {}
        self._next = 0
        """The first block that is not cut yet."""
        self._waiting: list[tuple[float, float, Float32Array]] = []
        self._rows: list[tuple[float, float, Float32Array]] = []

    def add(self, piece: Piece) -> None:
        """Take the next sound."""
        assert isinstance(piece, SoundPiece)
        sound, at = as_floats(piece.samples), round(piece.start_seconds * SOUND_RATE)
        while len(sound):
            number, place = divmod(at, self._size)
            self._cut(before=at)
            some = sound[: self._size - place]
            self._blocks.setdefault(number, _Block(self._size)).put(place, some)
            sound, at = sound[len(some) :], at + len(some)

    def finish(self, duration_seconds: float) -> Told:
        """A row ``[k r, (k + 1) r)`` for each stretch of ``r`` seconds in which something was heard."""
        self._cut(before=math.inf)
        self._encode()
        return Told(track_of(self._rows, self._net.dim, duration_seconds))

    def _cut(self, before: float) -> None:
        """Cut the windows that end ``before`` this sample; blocks that no later one reaches make room."""
        for number in sorted(self._blocks):
            if (number + 1) * self._size + self._margin > before:
                break
            if number >= self._next and self._blocks[number].count >= _SHORTEST_SECONDS * SOUND_RATE:
                start = float(number * self._net.row_seconds)
                end = start + self._blocks[number].last / SOUND_RATE
                self._waiting.append((start, end, self._window(number)))
            self._next = max(self._next, number + 1)
            if len(self._waiting) == _BATCH:
                self._encode()
        for number in [number for number in self._blocks if number < self._next - self._beside]:
            del self._blocks[number]

    def _window(self, number: int) -> Float32Array:
        silence = np.zeros(self._size, np.float32)
        near = [self._blocks.get(other) for other in range(number - self._beside, number + self._beside + 1)]
        sound = np.concatenate([silence if block is None else block.sound for block in near])
        first = (len(sound) - self._net.window_samples) // 2
        return sound[first : first + self._net.window_samples]

    def _encode(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            rows = self._net(np.stack([window for *_, window in waiting]))
            self._rows += [(start, end, row) for (start, end, _), row in zip(waiting, rows, strict=True)]
