"""Video and sound: kept frames with the spans that they stand for, facts, and thumbnails of a moment."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from av.packet import Packet
from av.stream import Stream as AnyStream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from retrieval.errors import BadMediaError
from retrieval.media.clips import ClipMaker, another_decoder
from retrieval.media.container import DECODE_ERRORS, OpenContainer, open_container, orientation, shot_facts, upright
from retrieval.media.descriptions import container_words
from retrieval.media.files import MediaPath, OpenMedia, nothing, open_media
from retrieval.media.looks import Looker, pixel_aspect
from retrieval.media.pairs import PairMaker
from retrieval.media.picture import encode_thumbnail, fitted
from retrieval.media.pieces import MediaPiece, Stream
from retrieval.media.rgb import scaled
from retrieval.media.screens import ScreenMaker
from retrieval.media.sound import SoundReader
from retrieval.media.spans import kept_frames
from retrieval.media.timeline import Beside, Timeline, stretches
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import Frame, MediaFacts, MediaKind, Words

__all__ = [
    "VideoSummary",
    "open_video_thumbnail",
    "probe_open_video",
    "sample_open_video",
    "sample_video",
    "video_thumbnail",
]

MOST_THREADS = 4
"""Threads of one codec: each holds frames of its own in memory."""


def ignore(_piece: MediaPiece) -> None:
    """For callers that want frames alone."""


HEADER_SLACK = 1.05
"""A header may promise this many times what the data hold (and two seconds) before it is worth a word."""


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """What was learnt of a video or sound: facts with the real duration, and what a person should know, if anything."""

    facts: MediaFacts
    note: str | None = None


def sample_video(
    path: MediaPath, sampling: SamplingSettings, limits: MediaLimits, on_progress: Callable[[], None] = nothing
) -> Generator[Frame, None, VideoSummary]:
    """Kept frames in the order of time, in bounded memory; returns the summary, which knows the real duration.

    Pixels are ``[frame_size, frame_size, 3]``, upright, the whole frame squashed; or in the form that the settings
    name, which makes them no other frames. The spans of all frames follow each other from 0 to the duration. A sound
    yields none. ``on_progress`` is called whenever work was done.

    Raises:
        BadMediaError: not a video or sound, cut short before its index, or no frame can be decoded.
        MediaLimitError: more pixels, memory or hours than the limits allow.
        TransientMediaError: vanished, unreadable, or the disk failed.
    """
    with open_media(path) as media:
        return (yield from sample_open_video(media, sampling, limits, on_progress))


def sample_open_video(
    media: OpenMedia,
    sampling: SamplingSettings,
    limits: MediaLimits,
    on_progress: Callable[[], None] = nothing,
    streams: frozenset[Stream] = frozenset({Stream.FRAMES}),
    emit: Callable[[MediaPiece], None] = ignore,
) -> Generator[Frame, None, VideoSummary]:
    """As :func:`sample_video`, for a file that is open already; of the ``streams`` that are wanted, frames are yielded.

    The others are given to ``emit`` as they are met, in the same pass: sound as its packets come by, pairs and screens
    from the frames that are decoded. Clips alone need every frame, of which a second decoder takes care.
    """
    with open_container(media, limits) as source:
        stream = source.video if source.video is not None else source.container.streams.audio[0]
        sound = _sound_reader(source, limits, emit) if Stream.SOUND in streams else None
        beside = (
            None if sound is None or source.video is None else Beside(source.container.streams.audio[0], sound.take)
        )
        timeline = Timeline(source.container, stream, sampling.longest_span_seconds, limits.duration_seconds, beside)
        promised = _promised_seconds(source)
        looker = None
        if source.video is not None and streams - {Stream.SOUND}:
            prepare(source.video, limits)
            looker = _looker(source.video, timeline, sampling, limits, on_progress, streams, emit)
            looks = looker.looks(stretches(timeline, sampling.interval_seconds))
            if Stream.FRAMES in streams:
                yield from kept_frames(looks, sampling, lambda: timeline.end_seconds)
            for _ in looks:
                """Nothing is kept of them."""
            if looker.clips is not None:
                looker.clips.finish(timeline.end_seconds)
            if looker.first is None:
                raise BadMediaError("not one frame can be decoded; copy it again from its source")
        for packet in timeline.packets() if looker is None else ():
            if sound is not None and beside is None:
                sound.take(packet)
            on_progress()
        if sound is not None:
            sound.finish()
        facts = _facts(source, None if looker is None else looker.first, timeline.end_seconds)
        damage = (0 if looker is None else looker.damage, 0 if sound is None else sound.damage)
        return _summary(media, facts, timeline, promised, *damage)


def _looker(
    stream: VideoStream,
    timeline: Timeline,
    sampling: SamplingSettings,
    limits: MediaLimits,
    on_progress: Callable[[], None],
    streams: frozenset[Stream],
    emit: Callable[[MediaPiece], None],
) -> Looker:
    aspect = pixel_aspect(stream)
    return Looker(
        stream,
        timeline,
        sampling.frame_size,
        sampling.interval_seconds,
        on_progress,
        sampling.form,
        pairs=PairMaker(aspect, emit) if Stream.PAIRS in streams else None,
        screens=ScreenMaker(aspect, emit) if Stream.SCREENS in streams else None,
        clips=_clip_maker(stream, timeline, sampling, limits, on_progress, emit) if Stream.CLIPS in streams else None,
    )


def _clip_maker(
    stream: VideoStream,
    timeline: Timeline,
    sampling: SamplingSettings,
    limits: MediaLimits,
    on_progress: Callable[[], None],
    emit: Callable[[MediaPiece], None],
) -> ClipMaker:
    decoder = another_decoder(stream)
    _prepare(decoder, limits)
    return ClipMaker(decoder, timeline.seconds, sampling.clips, pixel_aspect(stream), on_progress, emit)


def _sound_reader(source: OpenContainer, limits: MediaLimits, emit: Callable[[MediaPiece], None]) -> SoundReader | None:
    if not source.has_sound:
        return None
    # Of a sound alone, the timeline mends the packets, so that they start at 0.
    start = 0.0 if source.video is None else (source.container.start_time or 0) / 1e6
    return SoundReader(source.container.streams.audio[0], start, limits.duration_seconds, emit)


def probe_open_video(media: OpenMedia, limits: MediaLimits) -> tuple[Words, float]:
    """What people wrote into a video or sound, and the seconds that its header promises. Nothing is decoded."""
    with open_container(media, limits) as source:
        return container_words(source.container.metadata), _promised_seconds(source)


def video_thumbnail(path: MediaPath, time_seconds: float, longest_side: int, limits: MediaLimits) -> bytes:
    """A JPEG of the frame seen at ``time_seconds``, upright, in the video's own proportions.

    Raises: as :func:`sample_video`.
    """
    with open_media(path) as media:
        return open_video_thumbnail(media, time_seconds, longest_side, limits)


def open_video_thumbnail(media: OpenMedia, time_seconds: float, longest_side: int, limits: MediaLimits) -> bytes:
    """As :func:`video_thumbnail`, for a file that is open already."""
    with open_container(media, limits) as source:
        if source.video is None:
            raise BadMediaError("a sound has no picture; expected a video")
        prepare(source.video, limits)
        frame = _frame_at(source, source.video, time_seconds) or _frame_after_all(source, source.video, time_seconds)
        if frame is None:
            raise BadMediaError(f"no frame can be decoded at {time_seconds:g} s; copy it again from its source")
        width, height = fitted(*shape_of(frame, source.video), longest_side)
        pixels = scaled(frame, width, height, VideoReformatter())
        return encode_thumbnail(Image.fromarray(upright(pixels, orientation(frame))))


def prepare(stream: VideoStream, limits: MediaLimits) -> None:
    _prepare(stream.codec_context, limits)


def _prepare(decoder: VideoCodecContext, limits: MediaLimits) -> None:
    # Several threads cost no more processor time than one, and use the cores that a lone video would leave idle.
    decoder.thread_count = min(os.cpu_count() or 1, MOST_THREADS)
    decoder.thread_type = "FRAME"
    decoder.options = {"max_pixels": str(limits.pixels)}  # a stream may grow after its header


def _frame_at(source: OpenContainer, stream: VideoStream, time_seconds: float) -> VideoFrame | None:
    """The frame on the screen at ``time_seconds`` from the start, or the last before the data end."""
    start = (source.container.start_time or 0) / 1e6
    wanted = start + time_seconds
    unit = float(stream.time_base or 1e-3)
    if time_seconds > 0:
        source.container.seek(int(wanted / unit), stream=stream)
    found = None
    try:
        for frame in source.container.decode(stream):
            if found is not None and frame.time is not None and frame.time > wanted + unit:
                break
            found = frame
    except DECODE_ERRORS:
        return found
    return found


def _frame_after_all(source: OpenContainer, stream: VideoStream, time_seconds: float) -> VideoFrame | None:
    """As :func:`_frame_at` of a file whose clock was set back, which can't be sought in: read from its start."""
    source.container.seek(0)
    stream.codec_context.flush_buffers()
    timeline = Timeline(source.container, stream, SamplingSettings().longest_span_seconds, float("inf"))
    group: list[Packet[AnyStream]] = []
    for packet in timeline.packets():
        if packet.is_keyframe and packet.pts is not None:
            if group and timeline.seconds(packet.pts) > time_seconds:
                break
            group.clear()
        group.append(packet)
    found = None
    try:
        for frame in (frame for packet in (*group, None) for frame in stream.codec_context.decode(packet)):
            if found is not None and frame.pts is not None and timeline.seconds(frame.pts) > time_seconds:
                break
            found = frame
    except DECODE_ERRORS:
        return found
    return found


def shape_of(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Width and height as stored, with pixels made square."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return (round(frame.width * aspect), frame.height) if 0.1 < aspect < 10 else (frame.width, frame.height)


def _facts(source: OpenContainer, frame: VideoFrame | None, duration_seconds: float) -> MediaFacts:
    shot = shot_facts(source.container)
    facts = MediaFacts(
        kind=MediaKind.SOUND,
        duration_seconds=duration_seconds,
        has_sound=source.has_sound,
        taken_at=shot.taken_at,
        latitude=shot.latitude,
        longitude=shot.longitude,
        camera=shot.camera,
        words=container_words(source.container.metadata),
    )
    if source.video is None:
        return replace(facts, codec=source.container.streams.audio[0].codec.canonical_name)
    width, height = (0, 0) if frame is None else shape_of(frame, source.video)
    if frame is not None and orientation(frame)[0] % 2:
        width, height = height, width
    rate = source.video.average_rate or source.video.guessed_rate
    return replace(
        facts,
        kind=MediaKind.VIDEO,
        width=width or None,
        height=height or None,
        frame_rate=float(rate) if rate else None,
        codec=source.video.codec.canonical_name,
    )


def _promised_seconds(source: OpenContainer) -> float:
    stream = source.video if source.video is not None else source.container.streams.audio[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # Without a duration of the stream, that of the whole: Matroska counts it from 0, whenever the first frame comes.
    return ((source.container.duration or 0) - (source.container.start_time or 0)) / 1e6


def _summary(
    media: OpenMedia, facts: MediaFacts, timeline: Timeline, promised: float, lost: int, misplaced: int
) -> VideoSummary:
    """``lost`` packets of the picture could not be decoded, ``misplaced`` frames of the sound bear no time that can
    be."""
    found = facts.duration_seconds or 0.0
    if timeline.is_cut_short:
        media.check_readable()
    if timeline.is_cut_short or promised > found * HEADER_SLACK + 2:
        return VideoSummary(facts, f"cut short or damaged: {promised:.1f} s promised, {found:.1f} s found and used")
    damage = [f"{lost} packets could not be decoded, the rest was used"] if lost else []
    if misplaced:
        damage.append(
            f"{misplaced} pieces of sound bear a time that can't be, and were taken to follow what came before"
        )
    return VideoSummary(facts, f"damaged: {'; '.join(damage)}" if damage else None)
