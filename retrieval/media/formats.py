"""What a picture's first bytes say that it is, and the decoders that aren't loaded, or installed, until one is met."""

from __future__ import annotations

import os
from enum import StrEnum
from functools import cache
from types import ModuleType

from retrieval.errors import MissingDecoderError
from retrieval.media.files import OpenMedia
from retrieval.media.kinds import RAW_EXTENSIONS

__all__ = ["PictureFamily", "family_of", "is_picture", "load_avif", "load_heif", "load_raw"]


class PictureFamily(StrEnum):
    """Whose work it is to decode a picture."""

    PLAIN = "plain"
    """Pillow's own, and whatever is no picture at all."""
    HEIF = "heif"
    AVIF = "avif"
    RAW = "raw"


HEAD_BYTES = 64
HEIF_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 msf1".split())
AVIF_BRANDS = frozenset(b"avif avis".split())
RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"II*\0\x10\0\0\0CR")
"""Fujifilm, Panasonic, Olympus (three), Canon's CR2. What else is a TIFF goes by its name."""
PLAIN_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def family_of(media: OpenMedia) -> PictureFamily:
    """The family of an open file."""
    head = media.head(HEAD_BYTES)
    if head[4:8] == b"ftyp":
        return _family_of_brands(head)
    is_raw = head.startswith(RAW_STARTS) or (head.startswith(TIFF_STARTS) and _is_named_raw(media))
    return PictureFamily.RAW if is_raw else PictureFamily.PLAIN


def is_picture(media: OpenMedia) -> bool:
    """Whether its first bytes are a picture's; those of a video or sound, and of nothing known, are not."""
    head = media.head(HEAD_BYTES)
    is_webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return is_webp or head.startswith(PLAIN_STARTS) or family_of(media) is not PictureFamily.PLAIN


def _family_of_brands(head: bytes) -> PictureFamily:
    """By the brands of an ISO base media file (ISO/IEC 14496-12, 4.3): a major one, a version, and compatible ones."""
    end = min(int.from_bytes(head[:4], "big"), HEAD_BYTES)
    brands = {head[8:12], *(head[start : start + 4] for start in range(16, end - 3, 4))}
    if head[8:12] == b"crx ":
        return PictureFamily.RAW
    if brands & AVIF_BRANDS:  # they name HEIF's general brands too
        return PictureFamily.AVIF
    return PictureFamily.HEIF if brands & HEIF_BRANDS else PictureFamily.PLAIN


def _is_named_raw(media: OpenMedia) -> bool:
    return os.path.splitext(os.fsdecode(media.path))[1].lower() in RAW_EXTENSIONS


@cache
def load_heif() -> None:
    """Let Pillow read HEIF. Raises MissingDecoderError."""
    try:
        import pillow_heif
    except ImportError as exc:
        raise _missing("HEIC and HEIF pictures", "pillow-heif", "vidi[heif]") from exc
    # One thread a picture: several are decoded at once already.
    pillow_heif.register_heif_opener(decode_threads=1, depth_images=False)


@cache
def load_avif() -> None:
    """Let Pillow read AVIF. Raises MissingDecoderError."""
    try:
        from PIL import AvifImagePlugin
    except ImportError as exc:
        raise _missing("AVIF pictures", "Pillow 11.3 or newer", "pillow>=11.3") from exc
    if not AvifImagePlugin.SUPPORTED:
        raise _missing("AVIF pictures", "a Pillow that was built with AVIF", "pillow>=11.3")
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # as above


def load_raw() -> ModuleType:
    """The module ``rawpy``. Raises MissingDecoderError."""
    try:
        import rawpy
    except ImportError as exc:
        raise _missing("RAW pictures", "rawpy", "vidi[raw]") from exc
    return rawpy  # type: ignore[no-any-return]


def _missing(what: str, package: str, install: str) -> MissingDecoderError:
    return MissingDecoderError(
        f"{what} need {package}, which can't be loaded here; run pip install '{install}' and index again"
    )
