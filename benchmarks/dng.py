"""Writes small DNG files: a camera's RAW can't be made, but its openly specified kin can (Adobe DNG 1.4)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["ASCII", "LONG", "RATIONAL", "make_dng"]

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10
CODES = {BYTE: "B", SHORT: "H", LONG: "I"}
Entry = tuple[int, int, Any]
"""Tag, type and values."""


def make_dng(
    preview: bytes | None,
    preview_size: tuple[int, int] = (0, 0),
    *,
    size: tuple[int, int] = (64, 48),
    orientation: int = 1,
    photo: Sequence[Entry] = (),
    place: Sequence[Entry] = (),
) -> bytes:
    """A little-endian DNG: bright on the left, dark on the right, with a JPEG preview or none.

    ``photo`` and ``place`` are entries of its EXIF and GPS directories.
    """
    width, height = size
    pixels = np.full((height, width), 400, np.uint16)
    pixels[:, : width // 2] = 3000
    data = pixels.tobytes()
    matrix = [(int(row == column), 1) for row in range(3) for column in range(3)]
    camera: list[Entry] = [
        (271, ASCII, b"Maker\0"),
        (272, ASCII, b"Model X\0"),
        (274, SHORT, [orientation]),
        (50706, BYTE, [1, 4, 0, 0]),  # DNGVersion
        (50707, BYTE, [1, 1, 0, 0]),
        (50708, ASCII, b"Maker Model X\0"),
        (50721, SRATIONAL, matrix),  # ColorMatrix1
        (50728, RATIONAL, [(1, 1)] * 3),  # AsShotNeutral
        (50778, SHORT, [21]),  # CalibrationIlluminant1: D65
    ]

    def mosaic(at: int) -> list[Entry]:
        return [
            *_strip(0, width, height, [16], 1, 32803, at, len(data)),
            (33421, SHORT, [2, 2]),  # CFARepeatPatternDim
            (33422, BYTE, [0, 1, 1, 2]),  # CFAPattern: RGGB
            (50717, LONG, [4095]),  # WhiteLevel
        ]

    blocks = _Blocks()
    camera += [(34665, LONG, [blocks.add(_directory, list(photo))])] if photo else []
    camera += [(34853, LONG, [blocks.add(_directory, list(place))])] if place else []
    mosaic_at = blocks.add(lambda _entries, _at: data, [])
    if preview is None:
        return blocks.file_with([*mosaic(mosaic_at), *camera])
    preview_at = blocks.add(lambda _entries, _at: preview, [])
    full = blocks.add(_directory, mosaic(mosaic_at))
    small = _strip(1, *preview_size, [8, 8, 8], 7, 6, preview_at, len(preview))
    return blocks.file_with([*small, (330, LONG, [full]), *camera])


def _strip(
    kind: int, width: int, height: int, bits: list[int], compression: int, photometric: int, at: int, size: int
) -> list[Entry]:
    return [
        (254, LONG, [kind]),
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, bits),
        (259, SHORT, [compression]),
        (262, SHORT, [photometric]),
        (273, LONG, [at]),
        (277, SHORT, [len(bits)]),
        (278, LONG, [height]),
        (279, LONG, [size]),
    ]


class _Blocks:
    """Parts of a file one after the other, behind its 8 bytes of header."""

    def __init__(self) -> None:
        self._content = bytearray(8)

    def add(self, write: Any, entries: list[Entry]) -> int:
        at = len(self._content)
        self._content += write(entries, at)
        self._content += bytes(len(self._content) % 2)
        return at

    def file_with(self, entries: list[Entry]) -> bytes:
        """The file, whose first directory is the last block."""
        first = self.add(_directory, entries)
        self._content[:8] = b"II*\0" + struct.pack("<I", first)
        return bytes(self._content)


def _directory(entries: list[Entry], at: int) -> bytes:
    beyond = at + 2 + 12 * len(entries) + 4
    table, extra = struct.pack("<H", len(entries)), b""
    for tag, kind, values in sorted(entries, key=lambda entry: entry[0]):
        data = _packed(kind, values)
        extra += bytes(len(extra) % 2)
        inline = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", beyond + len(extra))
        extra += data if len(data) > 4 else b""
        table += struct.pack("<HHI", tag, kind, len(values)) + inline
    return table + bytes(4) + extra


def _packed(kind: int, values: Any) -> bytes:
    if kind == ASCII:
        return bytes(values)
    if kind in (RATIONAL, SRATIONAL):
        return b"".join(struct.pack("<ii" if kind == SRATIONAL else "<II", *value) for value in values)
    return struct.pack(f"<{len(values)}{CODES[kind]}", *values)
