"""Opening video and sound with FFmpeg (PyAV), read-only and closed off: one file, no network, no playlists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import av
import av.container
import av.error
import av.logging
import numpy as np
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from retrieval.errors import BadMediaError, MediaLimitError
from retrieval.media.exif import Shot, camera_name, sensible_place, sensible_time
from retrieval.media.files import OpenMedia
from retrieval.settings import MediaLimits

__all__ = ["DECODE_ERRORS", "OpenContainer", "open_container", "orientation", "shot_facts", "upright"]

FORMATS = (
    "mov,matroska,avi,mpeg,mpegvideo,mpegts,asf,flv,ogg,mxf,h264,hevc,m4v,"
    "mp3,wav,w64,flac,aac,aiff,amr,amrnb,amrwb,ac3,eac3,dts,caf,ape,wv,tta"
)
"""FFmpeg's demuxers that read one plain file. Playlists (HLS, concat, DASH) name other files and addresses: a video
that is one in disguise could fetch or disclose them."""
NOT_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
DECODE_ERRORS = (av.error.FFmpegError, ValueError)
UNSET_YEAR = 1971
"""Cameras that know no date write the zero of their clock: 1904, 1970."""
PLACE = re.compile(r"^([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)")
"""ISO 6709, annex H: degrees north, then east."""


@dataclass(frozen=True, slots=True)
class OpenContainer:
    """An open file; ``video`` is None where it holds sound alone (cover art is not video)."""

    container: av.container.InputContainer
    video: VideoStream | None
    has_sound: bool


@contextmanager
def open_container(media: OpenMedia, limits: MediaLimits) -> Iterator[OpenContainer]:
    """Open what FFmpeg reads. FFmpeg's errors inside the block are translated.

    Raises:
        BadMediaError: damaged, cut short before its index, or of no format that is read.
        MediaLimitError: more pixels or memory than the limits allow.
    """
    av.logging.set_level(None)
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        with av.open(media.by_descriptor, options=options, metadata_errors="replace") as container:
            video = _best_video(container)
            _check_size(video, limits)
            yield OpenContainer(container, video, bool(container.streams.audio))
    except (MemoryError, av.error.MemoryError) as exc:
        raise MediaLimitError("decoding needs more memory than the limits allow; make a smaller copy") from exc
    except (av.error.FFmpegError, ValueError, IndexError) as exc:
        media.check_readable()  # what FFmpeg calls an I/O error or forbidden may be the data's fault, or the disk's
        raise BadMediaError(
            "not a video or sound that can be read, or cut short before its index; copy it again from its source"
        ) from exc


def _best_video(container: av.container.InputContainer) -> VideoStream | None:
    """The moving picture with the most pixels. Cover art and thumbnails stand for the sound, and are none."""
    moving = [stream for stream in container.streams.video if not stream.disposition & NOT_VIDEO]
    if not moving and not container.streams.audio:
        raise BadMediaError("holds neither moving pictures nor sound; expected a video or sound")
    if not moving:
        if container.streams.audio[0].codec_context is None:
            raise BadMediaError("its sound codec can't be decoded here; convert it to AAC or FLAC and index again")
        return None
    best: VideoStream = max(moving, key=_pixels)
    if best.codec_context is None:
        raise BadMediaError("its video codec can't be decoded here; convert it to H.264 and index again")
    return best


def _pixels(stream: VideoStream) -> int:
    context = stream.codec_context
    return 0 if context is None else context.width * context.height


def _check_size(video: VideoStream | None, limits: MediaLimits) -> None:
    if video is None:
        return
    if _pixels(video) > limits.pixels:
        width, height = video.codec_context.width, video.codec_context.height
        raise MediaLimitError(
            f"{width} x {height} pixels ({width * height / 1e6:.0f} million); "
            f"at most {limits.pixels / 1e6:.0f} million are decoded; make a smaller copy"
        )


def shot_facts(container: av.container.InputContainer) -> Shot:
    """When, where and with what a video was taken: the phone's local time where it is told, else UTC."""
    tags = {name.lower(): text for name, text in container.metadata.items()}
    local = _time(tags.get("com.apple.quicktime.creationdate"))
    universal = _time(tags.get("creation_time"))
    latitude, longitude = _place(tags.get("com.apple.quicktime.location.iso6709") or tags.get("location"))
    make = tags.get("com.apple.quicktime.make") or tags.get("com.android.manufacturer") or tags.get("make")
    model = tags.get("com.apple.quicktime.model") or tags.get("com.android.model") or tags.get("model")
    return Shot(
        taken_at=local.replace(tzinfo=None)
        if local
        else universal.astimezone(UTC).replace(tzinfo=None)
        if universal
        else None,
        latitude=latitude,
        longitude=longitude,
        camera=camera_name(make, model),
    )


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    return sensible_time(zoned) if zoned.year >= UNSET_YEAR else None


def _place(text: str | None) -> tuple[float | None, float | None]:
    found = PLACE.match(text or "")
    return sensible_place(float(found[1]), float(found[2])) if found else (None, None)


def orientation(frame: VideoFrame) -> tuple[int, bool]:
    """How a frame is turned to be seen: quarter turns counterclockwise, after a mirroring left to right or none.

    From the display matrix ``[[a, b, u], [c, d, v], [x, y, w]]`` (ISO/IEC 14496-12, 8.3.2), whose point (p, q) is seen
    at (a p + c q, b p + d q), in a picture whose q points down. Other angles are taken for the nearest quarter.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(data, SideData):
        return 0, False
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(data), np.int32)[:5])
    mirrored = a * d - b * c < 0
    if mirrored:  # the matrix is "mirror, then turn": undo the mirroring of p
        a, b = -a, -b
    return round(np.degrees(np.arctan2(-b, a)) / 90) % 4, mirrored


def upright(pixels: NDArray[np.uint8], orientation: tuple[int, bool]) -> NDArray[np.uint8]:
    """Turn ``[height, width, 3]`` pixels as :func:`orientation` says."""
    turns, mirrored = orientation
    flipped = pixels[:, ::-1] if mirrored else pixels
    return np.ascontiguousarray(np.rot90(flipped, turns))
