"""Cameras' RAW files by the preview that the camera put into them, through LibRaw (rawpy).

Developing a RAW file costs a hundred times as much as its preview, which looks as the photographer saw it. Only where
there is none, or a tiny one, is the picture developed, at half its size.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from types import ModuleType
from typing import Any

from PIL import ExifTags, Image, UnidentifiedImageError

from retrieval.errors import BadMediaError, MediaLimitError
from retrieval.media.exif import Shot, orientation_of, plain_text, read_shot, sensible_time
from retrieval.media.files import OpenMedia
from retrieval.media.formats import load_raw
from retrieval.media.opening import OpenPicture, check_pixels
from retrieval.settings import MediaLimits

__all__ = ["open_raw"]

LEAST_PREVIEW = 480
"""Longest side, in pixels, of a preview that serves; this is a card's size on the page."""
ORIENTATIONS = {3: 3, 5: 8, 6: 6}
"""LibRaw's ``flip`` to EXIF orientation; others mean upright."""
UNSET_YEAR = 1971
"""LibRaw gives the zero of its clock where a file tells no time."""


@contextmanager
def open_raw(media: OpenMedia, limits: MediaLimits) -> Iterator[OpenPicture]:
    """Open a RAW file's preview as a picture of the RAW's own size.

    Raises:
        BadMediaError: damaged, or of a camera that LibRaw doesn't know.
        MediaLimitError: more pixels or memory than the limits allow.
        MissingDecoderError: rawpy isn't installed.
    """
    rawpy = load_raw()
    try:
        with rawpy.RawPy() as raw:
            raw.open_file(media.by_descriptor)
            width, height = int(raw.sizes.width), int(raw.sizes.height)
            check_pixels(width, height, limits)
            image, orientation = _look(rawpy, raw, limits)
            told = _shot_of(raw)
    except rawpy.LibRawUnsufficientMemoryError as exc:
        raise MediaLimitError("decoding needs more memory than the limits allow; make a smaller copy") from exc
    except (rawpy.LibRawError, rawpy.NotSupportedError) as exc:
        raise BadMediaError(
            f"a RAW file that is damaged or of an unknown camera ({_said(exc)}); "
            "copy it again from its source, or convert it to DNG"
        ) from exc
    if (image.width < image.height) != (width < height):  # turned already
        width, height = height, width
    with image:
        shot = _shot_of_tiff(media).or_else(read_shot(image.getexif())).or_else(told)
        yield OpenPicture(image, "raw", width, height, shot, orientation)


def _look(rawpy: ModuleType, raw: Any, limits: MediaLimits) -> tuple[Image.Image, int]:
    """The picture and its EXIF orientation: the preview, or the RAW developed where that is too small to serve."""
    sizes = raw.sizes
    preview = _preview(rawpy, raw, limits)
    if preview is not None and max(preview.size) >= min(LEAST_PREVIEW, max(sizes.width, sizes.height) // 2):
        return preview, _orientation(preview, sizes)
    try:
        return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True)), 1  # LibRaw turns what it develops
    except rawpy.LibRawError:
        if preview is None:
            raise
        return preview, _orientation(preview, sizes)


def _preview(rawpy: ModuleType, raw: Any, limits: MediaLimits) -> Image.Image | None:
    """The largest preview; None where there is none that can be read."""
    try:
        found = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    if found.format is not rawpy.ThumbFormat.JPEG:
        return Image.fromarray(found.data)
    try:
        image = Image.open(io.BytesIO(found.data), formats=("JPEG",))
    except UnidentifiedImageError:
        return None
    check_pixels(*image.size, limits)
    return image


def _orientation(preview: Image.Image, sizes: Any) -> int:
    """Of the preview: as its own EXIF says, else as the RAW lies."""
    exif = preview.getexif()
    orientation = orientation_of(exif) if ExifTags.Base.Orientation in exif else ORIENTATIONS.get(sizes.flip, 1)
    is_turned_already = sizes.width > sizes.height and preview.width < preview.height
    return 1 if orientation >= 5 and is_turned_already else orientation


def _shot_of_tiff(media: OpenMedia) -> Shot:
    """The facts of a RAW file that is built as a TIFF; none where it isn't."""
    exif = Image.Exif()
    try:
        media.file.seek(0)
        exif.load_from_fp(media.file)
    except Exception:  # noqa: BLE001 - Pillow's reader raises whatever damage leads it to
        return Shot()
    return read_shot(exif)


def _shot_of(raw: Any) -> Shot:
    """What LibRaw found, in whatever structure: the camera's local time, and the lens."""
    taken_at: datetime | None = None
    lens = None
    with suppress(AttributeError, ValueError, OverflowError, OSError):  # older ones tell neither
        taken_at = raw.other.timestamp
        lens = plain_text(raw.lens.model)
    if taken_at is None or taken_at.year < UNSET_YEAR:
        return Shot(lens=lens)
    return Shot(taken_at=sensible_time(taken_at), lens=lens)


def _said(error: Exception) -> str:
    """LibRaw's own words, which come as bytes."""
    first = error.args[0] if error.args else ""
    return plain_text(first) or type(error).__name__
