"""What people wrote into a picture, video or sound: title, caption, rating, keywords, names of people.

Where several forms say it, XMP goes before IPTC, and IPTC before EXIF (MWG Guidelines 2.0, chapter 5). A damaged part
costs only that part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from PIL import ExifTags, Image

from retrieval.media.plain import make_words
from retrieval.media.xmp import parse_xmp, read_sidecar
from retrieval.types import Words

__all__ = ["container_words", "picture_words", "read_sidecar"]

_RATING_TAG, _XP_TITLE, _XP_COMMENT, _XP_KEYWORDS = 0x4746, 0x9C9B, 0x9C9C, 0x9C9E
"""EXIF tags of Windows; the texts are UTF-16."""
_CHARSET, _IPTC_TITLE, _IPTC_KEYWORD, _IPTC_CAPTION = (1, 90), (2, 5), (2, 25), (2, 120)
_UTF8_DECLARED = b"\x1b%G"
"""ISO 2022's escape to UTF-8."""
_BY_A_MACHINE = re.compile(
    r"((konica )?minolta |kodak |olympus |samsung |sony |vivitar )?digital (still )?camera|sony (dsc|dslr)"
    r"|samsung( techwin)?"
    r"|exif.jpeg.*|jpe?g|picture|default|untitled|binary comment|ascii|sdr|hdr|dig|screenshot|x-default|core media \w+"
    r"|dcim([/\\].*)?|(dsc[nf]?|img|pict|mvi|dji)[ -]?\d+(\.\w+)?|<?(kenox|digimax|samsung) .*/.*>"
    r"|created with (the )?gimp.*|file written by adobe photoshop.*|lead technologies inc.*|lavf[\d.]+"
)
"""Whole texts that cameras and programs put where nobody wrote anything."""


def picture_words(image: Image.Image) -> Words:
    """The words of an open picture; none of them is worth an error.

    Pillow finds XMP that stands behind a PNG's pixels only once these are loaded.
    """
    words = Words()
    for read in (_from_xmp, _from_iptc, _from_exif, _from_png):
        words = words.then(_part(read, image))
    return words


def _part(read: Callable[[Image.Image], Words], image: Image.Image) -> Words:
    try:
        return read(image)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Pillow's readers raise whatever a damaged tag leads them to
        return Words()


def _from_xmp(image: Image.Image) -> Words:
    packet = image.info.get("xmp")
    return parse_xmp(packet) if isinstance(packet, bytes) and packet else Words()


def _from_iptc(image: Image.Image) -> Words:
    if image.format not in ("JPEG", "TIFF") or (image.format == "JPEG" and "photoshop" not in image.info):
        return Words()
    from PIL import IptcImagePlugin  # few pictures have any

    found = IptcImagePlugin.getiptcinfo(image) or {}  # type: ignore[arg-type]  # its parameter is a file's class
    is_utf8 = _UTF8_DECLARED in _listed(found.get(_CHARSET))

    def texts(dataset: tuple[int, int]) -> list[str]:
        return [_decoded(value, is_utf8=is_utf8) for value in _listed(found.get(dataset))]

    return make_words(
        title=next(iter(texts(_IPTC_TITLE)), None),
        caption=_written(next(iter(texts(_IPTC_CAPTION)), None)),
        keywords=texts(_IPTC_KEYWORD),
    )


def _listed(value: bytes | list[bytes] | None) -> list[bytes]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _decoded(value: bytes, *, is_utf8: bool) -> str:
    """Undeclared bytes that happen to be UTF-8 are that: no Latin-1 text of sense looks so."""
    try:
        return value.decode("utf-8", "replace" if is_utf8 else "strict")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _from_exif(image: Image.Image) -> Words:
    exif = image.getexif()
    description = exif.get(ExifTags.Base.ImageDescription)
    if isinstance(description, str):  # Pillow takes every text for Latin-1
        description = _decoded(description.encode("latin-1", "replace"), is_utf8=False)
    return make_words(
        title=_utf16(exif.get(_XP_TITLE)),
        caption=_written(description) or _written(_utf16(exif.get(_XP_COMMENT))),
        rating=exif.get(_RATING_TAG),
        keywords=_utf16(exif.get(_XP_KEYWORDS)).split(";"),
    )


def _utf16(value: Any) -> str:
    return value.decode("utf-16-le", "replace").split("\0")[0] if isinstance(value, bytes) else ""


def _written(text: Any) -> str | None:
    """``text``, unless a machine put it there."""
    if not isinstance(text, str):
        return None
    text = text.split("\0")[0].strip()
    return None if _BY_A_MACHINE.fullmatch(" ".join(text.casefold().replace("_", " ").split())) else text


def _from_png(image: Image.Image) -> Words:
    if image.format != "PNG":
        return Words()
    title, caption = image.info.get("Title"), image.info.get("Description")
    return make_words(title=title if isinstance(title, str) else None, caption=_written(caption))


def container_words(metadata: Mapping[str, str]) -> Words:
    """The words in the metadata of a video or sound, as FFmpeg names them."""
    tags = {name.lower().removeprefix("com.apple.quicktime."): text for name, text in metadata.items()}
    return make_words(
        title=_written(tags.get("title")),
        caption=next(filter(None, map(_written, map(tags.get, ("description", "synopsis", "comment")))), None),
        keywords=re.split("[,;]", tags.get("keywords", "")),
    )
