"""Preview clips: a stretch of a video as small H.264 with AAC in MP4, which every browser plays.

For what browsers can't play (AVI, MKV, HEVC, old codecs). Bounded on all sides: seconds, pixels, frames a second, and
the work that it may take to reach the stretch.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import av.codec
import av.container
import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from retrieval.errors import BadMediaError, MediaLimitError, MissingDecoderError
from retrieval.media.container import DECODE_ERRORS, OpenContainer, open_container, orientation, upright
from retrieval.media.files import OpenMedia, nothing
from retrieval.media.picture import fitted
from retrieval.media.rgb import scaled
from retrieval.media.video import prepare, shape_of
from retrieval.settings import MediaLimits

__all__ = ["LONGEST_SIDE", "SECONDS_MOST", "open_video_preview"]

SECONDS_MOST = 60
"""Length of a clip."""
LONGEST_SIDE = 640
"""Pixels of the longer side of a clip; a smaller video keeps its size."""
_ENCODER = "libx264"
_FRAMES_PER_SECOND_MOST = 30
_WORK_SECONDS_MOST = 120.0
"""Wall-clock time for one clip: a file without an index may have to be decoded from its start."""
_NEAREST_SECONDS = 0.9 / _FRAMES_PER_SECOND_MOST
"""Frames nearer to the last one are left out; less than a frame's time, since stamps are rounded."""
_MIXED_WITHIN_SECONDS = 10
"""Pictures come no later than this after the sounds of their time, or not at all."""
_UNIT = Fraction(1, 90_000)
_SAMPLE_RATE = 48_000
_VIDEO_OPTIONS = {"preset": "superfast", "crf": "26", "maxrate": "2M", "bufsize": "4M"}


def open_video_preview(
    media: OpenMedia,
    start_seconds: float,
    seconds: float,
    limits: MediaLimits,
    on_progress: Callable[[], None] = nothing,
) -> bytes:
    """An MP4 of ``[start_seconds, start_seconds + seconds)`` of the video, upright, with its sound.

    It ends where the video does. Its own time begins at 0.

    Raises:
        BadMediaError: it is no video, or nothing can be decoded there.
        MediaLimitError: more pixels than the limits allow, or too much work.
        MissingDecoderError: this FFmpeg can't write H.264.
    """
    with open_container(media, limits) as source:
        if source.video is None:
            raise BadMediaError("a sound has no picture; expected a video")
        _check_encoder()
        prepare(source.video, limits)
        frames = _Stretch(source, source.video, start_seconds, min(seconds, SECONDS_MOST), on_progress)
        clip = _encoded(source.video, frames)
        if clip is None:
            raise BadMediaError(f"no frame can be decoded at {start_seconds:g} s; choose an earlier moment")
        return clip


def _check_encoder() -> None:
    try:
        av.codec.Codec(_ENCODER, "w")
    except av.codec.codec.UnknownCodecError as error:
        raise MissingDecoderError(
            "this FFmpeg can't write H.264; install PyAV's own wheel: pip install --force-reinstall av"
        ) from error


class _Stretch:
    """Decoded frames and sounds of ``[start, start + seconds)``, their times counted from its start."""

    def __init__(
        self,
        source: OpenContainer,
        video: VideoStream,
        start_seconds: float,
        seconds: float,
        on_progress: Callable[[], None],
    ) -> None:
        self._container = source.container
        self._video = video
        self.audio = _decodable_sound(source.container)
        self._start = (source.container.start_time or 0) / 1e6 + start_seconds
        self._seconds = seconds
        self._on_progress = on_progress
        self._deadline = time.monotonic() + _WORK_SECONDS_MOST
        if start_seconds > 0:
            unit = float(video.time_base or 1e-3)
            self._container.seek(int(self._start / unit), stream=video)

    def __iter__(self) -> Iterator[tuple[float, VideoFrame | AudioFrame]]:
        """(seconds from the start, frame); sounds and pictures as the file mixes them. Damage ends it."""
        for frame in self._decoded():
            self._check_work()
            if frame.time is None:
                continue
            at = frame.time - self._start
            if at < self._seconds:
                yield at, frame
            elif isinstance(frame, VideoFrame) or at >= self._seconds + _MIXED_WITHIN_SECONDS:
                return

    def _decoded(self) -> Iterator[VideoFrame | AudioFrame]:
        """A packet that can't be decoded costs itself; where no more can be read, it ends."""
        streams = [self._video] if self.audio is None else [self._video, self.audio]
        packets = self._container.demux(*streams)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except DECODE_ERRORS:
                return
            try:
                frames = packet.decode()
            except DECODE_ERRORS:
                continue
            yield from (frame for frame in frames if isinstance(frame, VideoFrame | AudioFrame))

    def _check_work(self) -> None:
        self._on_progress()
        if time.monotonic() > self._deadline:
            raise MediaLimitError(
                f"a preview took longer than {_WORK_SECONDS_MOST:g} s; convert the video to H.264 to play it here"
            )


def _decodable_sound(container: av.container.InputContainer) -> AudioStream | None:
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def _encoded(video: VideoStream, stretch: _Stretch) -> bytes | None:
    """The whole clip; None where no frame of it was found."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as output:
        pictures = _PictureWriter(output, video)
        sound = _SoundWriter(output) if stretch.audio is not None else None
        early: list[tuple[float, AudioFrame]] = []
        for at, frame in stretch:
            if isinstance(frame, VideoFrame):
                pictures.add(at, frame)
            else:
                early.append((at, frame))
            if sound is not None and pictures.has_begun:  # the size of the pictures stands in the file's beginning
                sound.add(early)
                early = []
        if not pictures.end():
            return None
        if sound is not None:
            sound.add(early)
            sound.end()
    return target.getvalue()


class _PictureWriter:
    """Scales, turns, thins out and encodes frames."""

    def __init__(self, output: av.container.OutputContainer, video: VideoStream) -> None:
        self._output = output
        self._video = video
        self._reformatter = VideoReformatter()
        self._stream = output.add_stream(_ENCODER, rate=_FRAMES_PER_SECOND_MOST, options=dict(_VIDEO_OPTIONS))
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = _UNIT
        self._last: float | None = None
        self._before: VideoFrame | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a frame was written."""
        return self._last is not None

    def add(self, at: float, frame: VideoFrame) -> None:
        """A frame seen from ``at`` on; before 0 it is kept, for it may be what is seen at 0."""
        if at < 0:
            self._before = frame
            return
        self._flush_before(at)
        if self._last is None or at - self._last >= _NEAREST_SECONDS:
            self._write(at, frame)

    def end(self) -> bool:
        """Finish the stream; False where there was no frame."""
        self._flush_before(None)
        if self._last is None:
            return False
        self._output.mux(self._stream.encode(None))
        return True

    def _flush_before(self, next_at: float | None) -> None:
        before, self._before = self._before, None
        if before is not None and self._last is None and (next_at is None or next_at > 0):
            self._write(0.0, before)

    def _write(self, at: float, frame: VideoFrame) -> None:
        turned = orientation(frame)
        width, height = (side - side % 2 for side in fitted(*shape_of(frame, self._video), LONGEST_SIDE))
        pixels = upright(scaled(frame, max(width, 2), max(height, 2), self._reformatter), turned)
        small = VideoFrame.from_ndarray(pixels, format="rgb24")
        if self._last is None:
            self._stream.width, self._stream.height = small.width, small.height
        small = small.reformat(self._stream.width, self._stream.height, "yuv420p")
        small.pts, small.time_base = round(at / _UNIT), _UNIT
        self._last = at
        self._output.mux(self._stream.encode(small))


class _SoundWriter:
    """Resamples to stereo and encodes; a clip that begins inside a block of sound begins at the next."""

    def __init__(self, output: av.container.OutputContainer) -> None:
        self._output = output
        self._stream = output.add_stream("aac", rate=_SAMPLE_RATE, layout="stereo")
        self._resampler = AudioResampler("fltp", "stereo", _SAMPLE_RATE, frame_size=1024)
        self._origin: int | None = None
        self._samples = 0

    def add(self, blocks: list[tuple[float, AudioFrame]]) -> None:
        """Blocks of sound, and where each begins."""
        for at, frame in blocks:
            if at >= 0:
                self._origin = round(at * _SAMPLE_RATE) if self._origin is None else self._origin
                frame.pts = None
                self._encode(self._resampler.resample(frame))

    def end(self) -> None:
        """Finish the stream."""
        if self._origin is not None:
            self._encode(self._resampler.resample(None))
        self._output.mux(self._stream.encode(None))

    def _encode(self, blocks: list[AudioFrame]) -> None:
        for block in blocks:
            block.pts = (self._origin or 0) + self._samples
            block.time_base = Fraction(1, _SAMPLE_RATE)
            self._samples += block.samples
            self._output.mux(self._stream.encode(block))
