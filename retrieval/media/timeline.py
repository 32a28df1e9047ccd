"""The packets of one video stream on a timeline that starts at 0, never runs back, and ends where the data do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av.container
import av.error
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from retrieval.errors import MediaLimitError

__all__ = ["Beside", "Stretch", "Timeline", "stretches"]

USUAL_RATE = Fraction(25)
NEAR_SECONDS = 10
"""A start told by the header is believed if the first packet lies this near to it."""
STRETCH_BYTES = 32 << 20
STRETCH_PACKETS = 2000


@dataclass(frozen=True, slots=True)
class Beside:
    """Another stream of the same file, and who takes its packets."""

    stream: Stream
    take: Callable[[Packet[Stream]], None]


class Timeline:
    """Reads one stream's packets, mending their timestamps.

    Times come from timestamps, never from frame numbers. The header's own duration is never asked: it may promise ten
    hours for a second of data.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: Stream,
        longest_hold_seconds: float,
        limit_seconds: float,
        beside: Beside | None = None,
    ) -> None:
        """``longest_hold_seconds``: how long one packet may claim to last; ``limit_seconds``: how long all of them.

        ``beside`` takes the packets of another stream, as they come by.
        """
        self._container = container
        self._beside = beside
        self._stream = stream
        self._unit = stream.time_base or Fraction(1, 1000)
        rate = (stream.average_rate or stream.guessed_rate) if isinstance(stream, VideoStream) else None
        rate = rate or USUAL_RATE
        self._step = max(1, round(1 / (rate * self._unit)))
        self._longest_hold = max(self._step, int(longest_hold_seconds / self._unit))
        self._limit_seconds = limit_seconds
        self._shift: int | None = None
        self._latest: int | None = None
        self._end = 0
        self.is_cut_short = False

    @property
    def end_seconds(self) -> float:
        """Where the packets read so far end."""
        return self.seconds(self._end)

    def seconds(self, stamp: int) -> float:
        """A mended timestamp in seconds."""
        return float(stamp * self._unit)

    def packets(self) -> Iterator[Packet[Stream]]:
        """All packets that hold data, in decoding order. An error of the data ends them (``is_cut_short``)."""
        beside = self._beside
        reader = self._container.demux(*([self._stream] if beside is None else [self._stream, beside.stream]))
        while True:
            try:
                packet = next(reader)
            except StopIteration:
                return
            except av.error.MemoryError:
                raise
            except av.error.FFmpegError:
                self.is_cut_short = True
                return
            if beside is not None and packet.stream_index != self._stream.index:
                if packet.size:
                    beside.take(packet)
                continue
            self.is_cut_short = self.is_cut_short or packet.is_corrupt
            if packet.size:
                self._mend(packet)
                yield packet

    def _mend(self, packet: Packet[Stream]) -> None:
        told = packet.pts if packet.pts is not None else packet.dts
        if self._shift is None:
            self._shift = self._first_shift(told or 0)
        stamp = self._end if told is None else told + self._shift
        if packet.is_keyframe and self._latest is not None and stamp <= self._latest:
            # A key frame comes after all that was read before it; if not, the clock was set back, as where recordings
            # were joined: go on from here.
            self._shift += self._end - stamp
            stamp = self._end
        self._latest = stamp if self._latest is None else max(self._latest, stamp)
        if packet.pts is not None or told is None:
            packet.pts = stamp
        packet.dts = None if packet.dts is None else packet.dts + self._shift
        self._end = max(self._end, stamp + min(packet.duration or self._step, self._longest_hold))
        if self.end_seconds > self._limit_seconds:
            raise MediaLimitError(
                f"lasts longer than {self._limit_seconds / 3600:g} hours, the limit; cut it into shorter parts"
            )

    def _first_shift(self, first: int) -> int:
        start = self._container.start_time
        told = first if start is None else round(Fraction(start, 1_000_000) / self._unit)
        return -(told if abs(first - told) * self._unit <= NEAR_SECONDS else first)


@dataclass(slots=True)
class Stretch:
    """Packets in decoding order, from a key frame on, or (``starts_at_key`` false) continuing the one before."""

    packets: list[Packet[Stream]]
    start_seconds: float
    starts_at_key: bool
    size_bytes: int = 0

    def add(self, packet: Packet[Stream]) -> None:
        self.packets.append(packet)
        self.size_bytes += packet.size

    def longest_gap(self) -> int:
        """The longest time between two of its frames, in units of the stream."""
        stamps = sorted(packet.pts if packet.pts is not None else packet.dts or 0 for packet in self.packets)
        return max((later - earlier for earlier, later in pairwise(stamps)), default=0)

    @property
    def is_full(self) -> bool:
        """Whether it must end here, key frame or not, so that memory stays bounded."""
        return self.size_bytes > STRETCH_BYTES or len(self.packets) >= STRETCH_PACKETS


def stretches(timeline: Timeline, interval_seconds: float) -> Iterator[Stretch]:
    """Cut a stream at those key frames that lie about ``interval_seconds`` apart.

    Of key frames closer than that, the nearest to each interval's end is taken, judging by the gap between the last
    two; those between are inside a stretch.
    """
    current: Stretch | None = None
    last_key_seconds, gap_seconds = 0.0, 0.0
    for packet in timeline.packets():
        seconds = max(0.0, timeline.seconds(packet.pts if packet.pts is not None else packet.dts or 0))
        at_key = packet.is_keyframe and not packet.is_discard
        if at_key:
            last_key_seconds, gap_seconds = seconds, seconds - last_key_seconds
        is_due = current is not None and seconds >= current.start_seconds + interval_seconds - gap_seconds / 2
        if current is None or current.is_full or (at_key and is_due):
            if current is not None:
                yield current
            current = Stretch([], seconds, at_key)
        current.add(packet)
    if current is not None:
        yield current
