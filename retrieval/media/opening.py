"""Opening a picture of any format, read-only and bounded: the border to Pillow and its plugins."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
from retrieval.media.exif import Shot, read_shot
from retrieval.media.files import OpenMedia
from retrieval.media.formats import PictureFamily, family_of, load_avif, load_heif
from retrieval.settings import MediaLimits

__all__ = ["OpenPicture", "check_pixels", "open_picture"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB")
"""Only these are tried: Pillow knows formats (EPS, for one) that call other programs."""
MOVING_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")
"""Those whose frames follow each other in time; a TIFF's are pages."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenPicture:
    """An open picture, not decoded yet."""

    image: Image.Image
    codec: str
    width: int
    """Of the whole picture, as stored: ``image`` may be a preview of it."""
    height: int
    shot: Shot
    orientation: int | None = None
    """EXIF orientation, where it is told elsewhere than in the EXIF of ``image``."""

    @property
    def is_animated(self) -> bool:
        """Whether it says that it has several frames, one after the other."""
        image = self.image
        if image.format not in MOVING_FORMATS or not getattr(image, "is_animated", False):
            return False
        hidden = 1 if image.info.get("default_image") else 0  # of an APNG: for those that know no animation
        return image.format == "GIF" or getattr(image, "n_frames", 1) - hidden > 1


@contextmanager
def open_picture(media: OpenMedia, limits: MediaLimits) -> Iterator[OpenPicture]:
    """Open a picture. What its decoder raises inside the block is translated.

    Raises:
        BadMediaError: cut short, damaged, or not a picture.
        MediaLimitError: more bytes, pixels or memory than the limits allow.
        MissingDecoderError: its format needs a package that isn't installed.
    """
    if media.stat.size_bytes > limits.picture_bytes:
        raise MediaLimitError(f"{media.stat.size_bytes} bytes; a picture may have at most {limits.picture_bytes}")
    family = family_of(media)
    with _border(family):
        if family is PictureFamily.RAW:
            from retrieval.media.raw import open_raw  # few have RAW files, and each worker would load this

            with open_raw(media, limits) as picture:
                yield picture
        else:
            with Image.open(media.file, formats=_formats(family)) as image:
                check_pixels(*image.size, limits)
                yield OpenPicture(image, (image.format or "").lower(), *image.size, read_shot(image.getexif()))


def _formats(family: PictureFamily) -> tuple[str, ...]:
    match family:
        case PictureFamily.HEIF:
            load_heif()
            return ("HEIF",)
        case PictureFamily.AVIF:
            load_avif()
            return ("AVIF",)
        case _:
            return FORMATS


def check_pixels(width: int, height: int, limits: MediaLimits) -> None:
    """Raises MediaLimitError where there are too many."""
    if width * height > limits.pixels:
        raise MediaLimitError(
            f"{width} x {height} pixels ({width * height / 1e6:.0f} million); "
            f"at most {limits.pixels / 1e6:.0f} million are decoded; make a smaller copy"
        )


@contextmanager
def _border(family: PictureFamily) -> Iterator[None]:
    """Pillow's errors become ours, and our pixel limit takes the place of its own."""
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
    except Exception as exc:
        if isinstance(exc, UnidentifiedImageError) and family is PictureFamily.PLAIN:
            raise BadMediaError(
                "the content is not a picture; expected JPEG, PNG, WebP, GIF, TIFF or BMP, whatever the name says"
            ) from exc
        if isinstance(exc, OSError) and exc.errno is not None:
            raise  # the disk's fault, not the picture's: `open_media` tells it
        # What Pillow says of a picture that it can't identify is only the name of our file object.
        why = f"not a sound {family.upper()} file" if isinstance(exc, UnidentifiedImageError) else str(exc)
        raise BadMediaError(f"the picture is damaged or cut short ({why}); copy it again from its source") from exc
    finally:
        Image.MAX_IMAGE_PIXELS = usual_limit
