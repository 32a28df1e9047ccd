"""Which files are candidates, told by their names alone. What a file truly holds is found on opening it."""

from __future__ import annotations

import os
from types import MappingProxyType

from retrieval.types import MediaKind

__all__ = ["EXTENSIONS", "RAW_EXTENSIONS", "kind_of"]

_RAWS = "dng cr2 cr3 nef nrw arw raf orf rw2 pef srw"
_PICTURES = f"jpg jpeg jpe jfif png apng webp gif tif tiff bmp dib heic heif hif avif {_RAWS}"
_VIDEOS = "mp4 mov m4v mkv webm avi mpg mpeg m2v ts mts m2ts 3gp 3g2 wmv asf flv ogv mxf vob"
_SOUNDS = "mp3 wav flac ogg oga m4a aac opus wma aif aiff mka amr"

EXTENSIONS = MappingProxyType(
    {
        f".{extension}": kind
        for kind, extensions in (
            (MediaKind.PICTURE, _PICTURES),
            (MediaKind.VIDEO, _VIDEOS),
            (MediaKind.SOUND, _SOUNDS),
        )
        for extension in extensions.split()
    }
)
"""Extension, in lower case with its dot, to the kind that its files are expected to hold."""
RAW_EXTENSIONS = frozenset(f".{extension}" for extension in _RAWS.split())
"""Cameras' RAW files. Many are TIFFs by their first bytes, so only the name tells them from one."""


def kind_of(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> MediaKind | None:
    """The kind that a file's name promises, or None where the name promises no media."""
    name = os.fsdecode(path)
    return EXTENSIONS.get(os.path.splitext(name)[1].lower())
