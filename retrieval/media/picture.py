"""Pictures: small pixels for the experts, a thumbnail for the page, and what the file says of itself.

A JPEG is decoded at the scale that is needed (DCT scaling, Pillow's ``draft``): on 2-megapixel photographs four times
as fast as in full, and equal to it within a cosine of 0.9995.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import (  # these register themselves; left to find its formats, Pillow would load all that it knows
    BmpImagePlugin,  # noqa: F401 - see above, as for those that follow
    GifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from retrieval.errors import BadMediaError, MediaError, MediaLimitError
from retrieval.media.exif import Shot, orientation_of, read_shot
from retrieval.media.files import MediaPath, OpenMedia, open_media
from retrieval.media.forms import cut_to, size_before_cut
from retrieval.settings import MediaLimits
from retrieval.types import Frame, MediaFacts, MediaKind, PictureForm

__all__ = ["decode_open_picture", "decode_picture", "encode_thumbnail", "fitted", "thumbnail"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB")
"""Only these are tried: Pillow knows formats (EPS, for one) that call other programs."""
REDUCING_GAP = 2.0
"""Pictures far larger than needed are first shrunk by whole factors, down to twice the size wanted."""
DRAFT_MARGIN = 2
"""For a form, a JPEG is decoded at the scale that leaves at least this many times the size wanted: features of
photographs then keep a cosine of 0.997 with full decoding at worst, where the size itself (1) loses up to 0.06."""
FORM_REDUCING_GAP = 4.0
THUMBNAIL_QUALITY = 85
WHITE = (255, 255, 255)
SMOOTH_MODES = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "YCbCr"})
"""Pillow's modes in which neighbouring pixels may be mixed."""
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to the turn that sets a picture upright."""


def decode_picture(path: MediaPath, size: int | PictureForm, limits: MediaLimits) -> tuple[MediaFacts, Frame]:
    """The whole picture squashed to ``[size, size, 3]``, or in that form, upright, on white, and its facts.

    Raises:
        BadMediaError: empty, cut short, damaged, or not a picture.
        MediaLimitError: more bytes, pixels or memory than the limits allow.
        TransientMediaError: vanished, unreadable, or the disk failed.
    """
    with open_media(path) as media:
        return decode_open_picture(media, size, limits)


def decode_open_picture(media: OpenMedia, size: int | PictureForm, limits: MediaLimits) -> tuple[MediaFacts, Frame]:
    """As :func:`decode_picture`, for a file that is open already."""
    with _opened(media, limits) as image:
        stored_size, codec, shot = image.size, (image.format or "").lower(), read_shot(image.getexif())
        small, turned = _render(image, (size, size)) if isinstance(size, int) else _render_form(image, size)
        width, height = stored_size[::-1] if turned else stored_size
        return _facts(width, height, codec, shot), Frame(np.asarray(small))


def thumbnail(path: MediaPath, longest_side: int, limits: MediaLimits) -> bytes:
    """A JPEG of the picture, upright, in its own proportions, at most ``longest_side`` pixels long.

    Raises: as :func:`decode_picture`.
    """
    with open_media(path) as media, _opened(media, limits) as image:
        small, _ = _render(image, fitted(*image.size, longest_side))
        return encode_thumbnail(small)


def encode_thumbnail(image: Image.Image) -> bytes:
    """An RGB picture as JPEG, without any metadata."""
    target = io.BytesIO()
    image.save(target, "JPEG", quality=THUMBNAIL_QUALITY)
    return target.getvalue()


def fitted(width: int, height: int, longest_side: int) -> tuple[int, int]:
    """Width and height in the same proportions, no side over ``longest_side`` and none enlarged."""
    scale = min(1.0, longest_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


@contextmanager
def _opened(media: OpenMedia, limits: MediaLimits) -> Iterator[Image.Image]:
    if media.stat.size_bytes > limits.picture_bytes:
        raise MediaLimitError(f"{media.stat.size_bytes} bytes; a picture may have at most {limits.picture_bytes}")
    with _pillow(), Image.open(media.file, formats=FORMATS) as image:
        width, height = image.size
        if width * height > limits.pixels:
            raise MediaLimitError(
                f"{width} x {height} pixels ({width * height / 1e6:.0f} million); "
                f"at most {limits.pixels / 1e6:.0f} million are decoded; make a smaller copy"
            )
        yield image


@contextmanager
def _pillow() -> Iterator[None]:
    """The border to Pillow: its errors become ours, and our pixel limit takes the place of its own."""
    usual_limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd tags are not worth a word while the pixels are sound
            yield
    except MediaError:
        raise
    except MemoryError as exc:
        raise MediaLimitError("decoding needs more memory than the limits allow; make a smaller copy") from exc
    except UnidentifiedImageError as exc:
        raise BadMediaError(
            "the content is not a picture; expected JPEG, PNG, WebP, GIF, TIFF or BMP, whatever the name says"
        ) from exc
    except Exception as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise  # the disk's fault, not the picture's: `open_media` tells it
        raise BadMediaError(f"the picture is damaged or cut short ({exc}); copy it again from its source") from exc
    finally:
        Image.MAX_IMAGE_PIXELS = usual_limit


def _render(image: Image.Image, size: tuple[int, int]) -> tuple[Image.Image, bool]:
    """The picture upright in RGB at ``size`` (width, height, as stored), and whether its sides changed places."""
    image.draft("RGB", size)
    image.load()
    orientation = orientation_of(image.getexif())  # after loading: Pillow itself turns a TIFF and then says 1
    small = _on_white(_shrunk(_eight_bits(image), size))
    turn = UPRIGHT.get(orientation)
    return (small if turn is None else small.transpose(turn)), orientation >= 5


def _render_form(image: Image.Image, form: PictureForm) -> tuple[Image.Image, bool]:
    """As :func:`_render`, by the rules of ``form``."""
    wanted = _stored_size(image, form, orientation_of(image.getexif()))
    image.draft("RGB", (wanted[0] * DRAFT_MARGIN, wanted[1] * DRAFT_MARGIN))
    image.load()
    orientation = orientation_of(image.getexif())  # after loading, as above
    resample = Image.Resampling.BILINEAR if form.is_bilinear else Image.Resampling.BICUBIC
    size = _stored_size(image, form, orientation)
    small = _on_white(_shrunk(_eight_bits(image), size, resample, FORM_REDUCING_GAP))
    turn = UPRIGHT.get(orientation)
    upright = small if turn is None else small.transpose(turn)
    return Image.fromarray(cut_to(np.asarray(upright), form)), orientation >= 5


def _stored_size(image: Image.Image, form: PictureForm, orientation: int) -> tuple[int, int]:
    """Width and height, as stored, of the whole picture before it is cut to ``form``."""
    if orientation < 5:
        return size_before_cut(form, *image.size)
    width, height = size_before_cut(form, *image.size[::-1])
    return height, width


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits in 8; other pictures as they are."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image, dtype=np.float32)
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    else:
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        low, high = min(low, 0.0), max(high, 255.0 if image.mode == "I" else low + 1e-6)
        high = 65535.0 if image.mode == "I" and 255 < high <= 65535 else high  # a 16-bit PNG
    scaled = np.nan_to_num((values - low) * (255.0 / (high - low)))
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8), "L")


def _shrunk(
    image: Image.Image,
    size: tuple[int, int],
    resample: Image.Resampling = Image.Resampling.BICUBIC,
    reducing_gap: float = REDUCING_GAP,
) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode not in SMOOTH_MODES:
        image = image.convert("RGB")
    return image.resize(size, resample, reducing_gap=reducing_gap)


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    paper = Image.new("RGB", image.size, WHITE)
    layer = image.convert("RGBA")
    paper.paste(layer, mask=layer.getchannel("A"))
    return paper


def _facts(width: int, height: int, codec: str, shot: Shot) -> MediaFacts:
    return MediaFacts(
        kind=MediaKind.PICTURE,
        width=width,
        height=height,
        codec=codec,
        taken_at=shot.taken_at,
        latitude=shot.latitude,
        longitude=shot.longitude,
        camera=shot.camera,
        lens=shot.lens,
    )
