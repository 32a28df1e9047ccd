"""Looking at a video about every interval and at each shot cut, decoding as little as that needs.

Between two key frames about an interval apart nothing is decoded, unless they differ as two shots do: then the frames
between are decoded to find the cut. Between key frames far apart, frames are decoded up to the last look needed; those
that no other frame refers to are skipped (on H.264 half of them), and so are all after that look. Seeking is never
cheaper: at an interval of a second, every group of pictures is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from retrieval.media.attention import Attention, Reason
from retrieval.media.clips import ClipMaker
from retrieval.media.container import DECODE_ERRORS, orientation, upright
from retrieval.media.pairs import GAP_LEAST_SECONDS, GAP_MOST_SECONDS, PairMaker
from retrieval.media.rgb import formed, reformatted, scaled
from retrieval.media.screens import ScreenMaker
from retrieval.media.shots import SIGNATURE_SIZE, Signature, may_cut, signature
from retrieval.media.spans import Look
from retrieval.media.timeline import Stretch, Timeline
from retrieval.types import PictureForm

__all__ = ["Looker", "pixel_aspect"]

DENSE_SHARE = 0.125
"""Frames closer than this share of the interval follow closely."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A decoded frame, not yet converted in full."""

    time_seconds: float
    frame: VideoFrame
    signature: Signature


class Looker:
    """Looks at one stream. After the last look, ``damage`` and ``first`` tell what was met."""

    def __init__(
        self,
        stream: VideoStream,
        timeline: Timeline,
        size: int,
        interval_seconds: float,
        on_progress: Callable[[], None],
        form: PictureForm | None = None,
        pairs: PairMaker | None = None,
        screens: ScreenMaker | None = None,
        clips: ClipMaker | None = None,
    ) -> None:
        """``pairs`` and ``screens`` are shown what is decoded; for a pair's sake a few frames more are. ``clips``
        decodes for itself: what is looked at stays the same."""
        self._decoder = stream.codec_context
        self._form = form
        self._pairs = pairs
        self._screens = screens
        self.clips = clips
        self._aspect = pixel_aspect(stream)
        self._timeline = timeline
        self._size = size
        self._interval = interval_seconds
        self._on_progress = on_progress
        self._small, self._full, self._formed = VideoReformatter(), VideoReformatter(), VideoReformatter()
        self._attention = Attention(interval_seconds)
        self.damage = 0
        """How many packets could not be decoded."""
        self.first: VideoFrame | None = None
        """The first frame that was decoded."""

    def looks(self, parts: Iterator[Stretch]) -> Iterator[Look]:
        """Looks in the order of time."""
        part = next(parts, None)
        key = self._key(part) if part is not None else None
        while part is not None:
            following = next(parts, None)
            # The decoder is free for the next key frame only if neither part leans on what came before it.
            can_peek = following is not None and following.starts_at_key and part.starts_at_key
            next_key = self._key(following) if following is not None and can_peek else None
            if key is not None:
                yield from self._considered(key, is_wanted=True)
            yield from self._inside(part, following, next_key)
            if self.clips is not None:
                self.clips.take(part.packets, orientation(self.first) if self.first is not None else (0, False))
            part, key = following, next_key
            if key is None and part is not None and part.starts_at_key:
                key = self._key(part)

    def _inside(self, part: Stretch, following: Stretch | None, next_key: _Seen | None) -> Iterator[Look]:
        """Looks between a part's key frame and the next part."""
        if self._is_enough(following, next_key):
            self._find_neighbour(part)
            return
        for seen in self._frames(part, is_last=following is None or following.starts_at_key):
            if seen.time_seconds <= self._attention.last_look:
                continue
            near_next = next_key is not None and next_key.time_seconds - seen.time_seconds < self._interval / 2
            yield from self._considered(seen, is_wanted=not near_next and seen.time_seconds >= self._attention.due)
            if self._is_enough(following, next_key) and not self._awaits_neighbour:
                return

    def _is_enough(self, following: Stretch | None, next_key: _Seen | None) -> bool:
        """Whether nothing that is needed lies between the last frame seen and the next key frame."""
        last = self._attention.shots.last
        if following is None or next_key is None or last is None or self._attention.owes_cut:
            return False
        left = next_key.time_seconds - self._attention.last_look
        return left <= 1.5 * self._interval and not may_cut(last, next_key.signature)

    @property
    def _awaits_neighbour(self) -> bool:
        return self._pairs is not None and self._pairs.first_seconds is not None

    def _find_neighbour(self, part: Stretch) -> None:
        """Of a part that need not be decoded, decode what shows a neighbour of its key frame: often two packets."""
        first = self._pairs.first_seconds if self._pairs is not None else None
        if self._pairs is None or first is None:
            return
        count = _packets_to(part, first, self._timeline)
        if not count:
            self._pairs.give_up()
            return
        self._decoder.flush_buffers()
        self._decoder.skip_frame = "DEFAULT"
        for packet in (*part.packets[:count], None):
            for seen in map(self._seen, self._decoded(packet)):
                self._pairs.take(seen.time_seconds, seen.frame, seen.signature)
        self._decoder.flush_buffers()
        self._pairs.give_up()

    def _considered(self, seen: _Seen, is_wanted: bool) -> Iterator[Look]:
        if self._pairs is not None:
            self._pairs.take(seen.time_seconds, seen.frame, seen.signature)
        reason = self._attention.judge(seen.time_seconds, seen.signature, is_wanted=is_wanted)
        if reason is None:
            return
        if self._screens is not None:
            self._screens.take(seen.time_seconds, seen.frame, is_cut=reason is Reason.CUT)
        pixels = upright(scaled(seen.frame, self._size, self._size, self._full), orientation(seen.frame))
        shown = None
        if self._form is not None:
            turn = orientation(seen.frame)
            shown = formed(seen.frame, self._form, self._form, self._aspect, turn, self._formed)
        yield Look(max(0.0, seen.time_seconds), pixels, reason is Reason.CUT, shown)

    def _key(self, part: Stretch | None) -> _Seen | None:
        """The key frame that a part starts with, alone."""
        if part is None or not part.starts_at_key:
            return None
        self._decoder.flush_buffers()
        self._decoder.skip_frame = "DEFAULT"
        frames = self._decoded(part.packets[0]) + self._decoded(None)
        self._decoder.flush_buffers()
        return self._seen(frames[0]) if frames else None

    def _frames(self, part: Stretch, is_last: bool) -> Iterator[_Seen]:
        """A part's frames, less (where they follow closely) those that no other refers to.

        ``is_last``: the next part stands on its own.
        """
        if part.starts_at_key:
            self._decoder.flush_buffers()
        # Where frames stand for long, as in a recorded screen, each is wanted.
        is_dense = self._timeline.seconds(part.longest_gap()) <= self._interval * DENSE_SHARE
        self._decoder.skip_frame = "NONREF" if is_dense else "DEFAULT"
        for packet in part.packets:
            yield from map(self._seen, self._decoded(packet))
        if is_last:
            yield from map(self._seen, self._decoded(None))
            self._decoder.flush_buffers()

    def _decoded(self, packet: Packet[Stream] | None) -> list[VideoFrame]:
        self._on_progress()
        try:
            frames = self._decoder.decode(packet)
        except MemoryError:
            raise
        except DECODE_ERRORS:
            self.damage += packet is not None
            return []
        sound = [frame for frame in frames if not frame.is_corrupt]
        self.damage += len(frames) - len(sound)
        return sound

    def _seen(self, frame: VideoFrame) -> _Seen:
        if self.first is None:
            self.first = frame
        small = reformatted(frame, *SIGNATURE_SIZE, self._small, Interpolation.FAST_BILINEAR)
        stamp = frame.pts if frame.pts is not None else frame.dts
        time = self._timeline.seconds(stamp) if stamp is not None else self._attention.last_look + self._interval
        return _Seen(time, frame, signature(small))


def pixel_aspect(stream: VideoStream) -> float:
    """Width of a pixel by its height; 1 where the stream says nothing sensible."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 0.1 < aspect < 10 else 1.0


def _packets_to(part: Stretch, first_seconds: float, timeline: Timeline) -> int:
    """How many packets are decoded until a neighbour of the frame at ``first_seconds`` is seen; 0: there is none."""
    for count, packet in enumerate(part.packets, start=1):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            gap = timeline.seconds(stamp) - first_seconds
            if GAP_LEAST_SECONDS <= gap <= GAP_MOST_SECONDS:
                return count
    return 0
