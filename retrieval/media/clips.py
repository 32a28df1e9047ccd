"""Small frames of a whole film at an even rate, for experts that see motion in clips.

Looking at a film decodes as little as it can, forth and back between key frames; clips need every frame. So they have a
decoder of their own, which is given the same packets, and neither disturbs the other: what is looked at, and kept, is
the same whether clips are asked or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from retrieval.media.container import DECODE_ERRORS
from retrieval.media.pieces import CLIP_RATE, ClipFrames
from retrieval.media.rgb import formed
from retrieval.types import ClipForm, PictureForm

__all__ = ["ClipMaker", "another_decoder"]

_PIECE_BYTES_MOST: Final = 600_000
"""Of one piece: many may wait for whoever takes them."""
_EARLY_SECONDS: Final = 1e-3
"""A frame that comes so little after a moment counts as seen at it: timestamps are rounded."""


def another_decoder(stream: VideoStream) -> VideoCodecContext:
    """A second decoder of a stream's packets."""
    first = stream.codec_context
    decoder = av.CodecContext.create(first.codec.name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = first.extradata
    decoder.width, decoder.height = first.width, first.height
    decoder.codec_tag = first.codec_tag
    if first.pix_fmt:
        decoder.pix_fmt = first.pix_fmt
    decoder.bits_per_coded_sample = first.bits_per_coded_sample
    return decoder


class ClipMaker:
    """Takes the packets of one stream, and gives its frames, up to a second of them at a time."""

    def __init__(
        self,
        decoder: VideoCodecContext,
        seconds: Callable[[int], float],
        form: ClipForm,
        aspect: float,
        on_progress: Callable[[], None],
        emit: Callable[[ClipFrames], None],
    ) -> None:
        """``seconds`` of a timestamp; ``aspect`` of a pixel, width by height; ``on_progress`` is called a packet."""
        self._decoder = decoder
        self._seconds = seconds
        self._resized = form.resized
        self._kept = PictureForm(form.height, form.width)
        self._frames_a_piece = max(1, min(CLIP_RATE, _PIECE_BYTES_MOST // (form.height * form.width * 3)))
        self._aspect = aspect
        self._on_progress = on_progress
        self._emit = emit
        self._reformatter = VideoReformatter()
        self._turn = (0, False)
        self._frame: VideoFrame | None = None
        """On the screen until the next one is."""
        self._pixels: NDArray[np.uint8] | None = None
        """Of that frame, once a moment needs it."""
        self._held: list[NDArray[np.uint8]] = []
        self._count = 0
        """Moments that have their frame."""

    def take(self, packets: Iterable[Packet[Stream]], turn: tuple[int, bool]) -> None:
        """Take the next packets; ``turn`` shows frames upright (:func:`retrieval.media.container.orientation`)."""
        self._turn = turn
        for packet in packets:
            self._decode(packet)

    def finish(self, end_seconds: float) -> None:
        """The stream has ended: the last frame stays until ``end_seconds``, and has a moment however short it is."""
        self._decode(None)
        self._fill(max(end_seconds, (self._count == 0) / CLIP_RATE))
        self._give()

    def _decode(self, packet: Packet[Stream] | None) -> None:
        self._on_progress()
        try:
            frames = self._decoder.decode(packet)
        except MemoryError:
            raise
        except DECODE_ERRORS:
            return  # what is damaged was counted by who looks
        for frame in frames:
            if not frame.is_corrupt:
                self._show(frame)

    def _show(self, frame: VideoFrame) -> None:
        stamp = frame.pts if frame.pts is not None else frame.dts
        if self._frame is not None and stamp is not None:
            self._fill(self._seconds(stamp) - _EARLY_SECONDS)
        self._frame, self._pixels = frame, None

    def _fill(self, until_seconds: float) -> None:
        """Moments before ``until_seconds`` see the frame that is on the screen."""
        while self._frame is not None and self._count / CLIP_RATE < until_seconds:
            if self._pixels is None:
                self._pixels = formed(
                    self._frame, self._resized, self._kept, self._aspect, self._turn, self._reformatter
                )
            self._held.append(self._pixels)
            self._count += 1
            if len(self._held) == self._frames_a_piece:
                self._give()

    def _give(self) -> None:
        held, self._held = self._held, []
        if held:
            self._emit(ClipFrames((self._count - len(held)) / CLIP_RATE, np.stack(held)))
