"""Makes files that were sound once: of every format that is read, harmed by flips, cuts, splices and headers that lie.

The same seed makes the same files (encoders permitting), so that one that did harm can be made again.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from benchmarks.dng import make_dng

__all__ = ["HostileFile", "make_hostile_files", "make_sound_files"]

SIZE = (192, 128)
HEADER_BYTES = 512
EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000000, 30_000)
Generator = np.random.Generator


@dataclass(frozen=True, slots=True)
class HostileFile:
    """One made file, and what was done to it."""

    path: Path
    source: str
    """The extension of the sound file that it was made from."""
    harm: str


def make_hostile_files(folder: Path, count: int, seed: int = 0) -> Iterator[HostileFile]:
    """Write ``count`` files into ``folder``, a thousand to a subfolder: each format and each harm in turn."""
    generator = np.random.default_rng(seed)
    sources = list(_sound_contents(seed))
    harms = list(HARMS.items())
    for number in range(count):
        name, content = sources[number % len(sources)]
        harm, work = harms[number // len(sources) % len(harms)]
        other = sources[int(generator.integers(len(sources)))][1]
        extension = name.rpartition(".")[2]
        path = folder / f"{number // 1000:03}" / f"{number:05}-{harm}.{_named(extension, generator)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(work(content, other, generator))
        yield HostileFile(path, extension, harm)


def make_sound_files(folder: Path, seed: int = 1_000_000) -> list[Path]:
    """Write one sound file of every format into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (name, content) in enumerate(_sound_contents(seed)):  # by number: equal stems would be pairs
        paths.append(folder / f"good-{number}-{name}")
        paths[-1].write_bytes(content)
    return paths


# -- sound files ------------------------------------------------------------------------------------------------------


def _sound_contents(seed: int) -> Iterator[tuple[str, bytes]]:
    """(name, content) of one file of every format; those of different seeds differ in what they show."""
    yield from _pictures(seed)
    yield from _animations(seed)
    yield from _videos(seed)
    yield from _sounds(seed)


def _scene(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 8, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    grain = np.random.default_rng(seed + 1).normal(0, 6, smooth.shape)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def _saved(image: Image.Image, codec: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, codec, **options)
    return target.getvalue()


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    exif.get_ifd(0x8769)[0x9003] = "2021:07:04 18:30:05"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.6), 3: "W", 4: (2.0, 17.0, 40.2)})
    return exif.tobytes()


def _pictures(seed: int) -> Iterator[tuple[str, bytes]]:
    pillow_heif.register_heif_opener()
    scenes = (_scene(seed * 100 + number) for number in range(100))
    yield "a.jpg", _saved(next(scenes), "JPEG", exif=_exif())
    yield "progressive.jpg", _saved(next(scenes), "JPEG", progressive=True, subsampling=2)
    yield "a.png", _saved(next(scenes), "PNG", exif=_exif())
    yield "palette.png", _saved(next(scenes).quantize(32), "PNG")
    yield "a.webp", _saved(next(scenes), "WEBP", exif=_exif())
    yield "lossless.webp", _saved(next(scenes).resize((64, 48)), "WEBP", lossless=True)
    yield "a.gif", _saved(next(scenes).quantize(64), "GIF")
    yield "a.tif", _saved(next(scenes), "TIFF", compression="tiff_lzw")
    yield "plain.tif", _saved(next(scenes), "TIFF")
    yield "a.bmp", _saved(next(scenes).resize((96, 64)), "BMP")
    yield "a.heic", _saved(next(scenes), "HEIF", quality=50, thumbnails=[64], exif=_exif())
    yield "a.avif", _saved(next(scenes), "AVIF", quality=50, speed=10, exif=_exif())
    yield "a.dng", make_dng(_saved(next(scenes).resize((640, 426)), "JPEG"), (640, 426), size=(96, 64))
    yield "developed.dng", make_dng(None, size=(120 + seed % 100, 80))


def _animations(seed: int) -> Iterator[tuple[str, bytes]]:
    frames = [_scene(seed * 100 + 50 + number, (96, 64)) for number in range(4)]
    film: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 700}
    yield "film.gif", _saved(frames[0], "GIF", **film)
    yield "film.webp", _saved(frames[0], "WEBP", **film)
    yield "film.png", _saved(frames[0], "PNG", **film)
    yield "film.avif", _saved(frames[0], "AVIF", speed=10, **film)


VIDEOS = (
    ("a.mp4", "libx264", "aac", {"preset": "ultrafast", "g": "8"}),
    ("b-frames.mp4", "libx264", None, {"preset": "fast", "bf": "2"}),
    ("a.mov", "mpeg4", "pcm_s16be", {}),
    ("a.mkv", "libx264", "flac", {"preset": "ultrafast"}),
    ("a.webm", "libvpx", "libopus", {"deadline": "realtime", "cpu-used": "8"}),
    ("a.avi", "mpeg4", "libmp3lame", {}),
    ("a.mpg", "mpeg2video", None, {}),
    ("a.flv", "flv", None, {}),
    ("a.wmv", "wmv2", None, {}),
)
SOUNDS = (
    ("a.wav", "pcm_s16le"),
    ("a.mp3", "libmp3lame"),
    ("a.flac", "flac"),
    ("a.ogg", "libopus"),
    ("a.m4a", "aac"),
    ("a.aiff", "pcm_s16be"),
)
FORMAT_NAMES = {"mkv": "matroska", "wmv": "asf", "m4a": "ipod", "mpg": "mpeg"}


def _videos(seed: int) -> Iterator[tuple[str, bytes]]:
    for number, (name, codec, sound, options) in enumerate(VIDEOS):
        frames = [np.asarray(_scene(seed * 100 + 60 + 3 * number + shot)) for shot in range(3) for _ in range(10)]
        yield name, _muxed(name, frames, codec, sound, options)


def _sounds(seed: int) -> Iterator[tuple[str, bytes]]:
    for number, (name, codec) in enumerate(SOUNDS):
        yield name, _muxed(name, [], None, codec, {}, pitch=200 + seed % 97 + 10 * number)


def _muxed(
    name: str,
    frames: list[NDArray[np.uint8]],
    codec: str | None,
    sound: str | None,
    options: dict[str, str],
    pitch: int = 220,
) -> bytes:
    target = io.BytesIO()
    extension = name.rpartition(".")[2]
    with av.open(target, "w", format=FORMAT_NAMES.get(extension, extension)) as container:
        video: Any = (
            container.add_stream(codec, rate=10 if extension != "mpg" else 25, options=options) if codec else None
        )
        voice: Any = container.add_stream(sound, rate=48_000) if sound else None
        if video is not None:
            video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
            for pixels in frames:
                container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            container.mux(video.encode())
        if voice is not None:
            _add_tone(container, voice, pitch)
    return target.getvalue()


def _add_tone(container: Any, stream: Any, pitch: int) -> None:
    wave = (np.sin(np.arange(48_000) * 2 * np.pi * pitch / 48_000) * 8000).astype(np.int16)
    resampler = av.AudioResampler(stream.codec_context.format, stream.codec_context.layout, 48_000)
    for start in range(0, len(wave), 960):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 960], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        for converted in resampler.resample(frame):
            container.mux(stream.encode(converted))
    container.mux(stream.encode())


# -- harms ------------------------------------------------------------------------------------------------------------


def _flip(content: bytes, _other: bytes, generator: Generator) -> bytes:
    """A few bits, half of the time within the header."""
    data = bytearray(content)
    within = min(len(data), HEADER_BYTES) if generator.random() < 0.5 else len(data)
    for _ in range(int(generator.integers(1, 33))):
        data[int(generator.integers(within))] ^= 1 << int(generator.integers(8))
    return bytes(data)


def _cut(content: bytes, _other: bytes, generator: Generator) -> bytes:
    """The end is lost; now and then the beginning."""
    at = int(generator.integers(1, len(content)))
    return content[at:] if generator.random() < 0.1 else content[:at]


def _splice(content: bytes, other: bytes, generator: Generator) -> bytes:
    """A part is doubled, left out, or another file's."""
    start, end = sorted(int(place) for place in generator.integers(0, len(content), 2))
    match int(generator.integers(3)):
        case 0:
            return content[:end] + content[start:]
        case 1:
            return content[:start] + content[end:]
        case _:
            return content[:start] + other[start:end] + content[end:]


def _lie(content: bytes, _other: bytes, generator: Generator) -> bytes:
    """Numbers of the header become extreme: sizes, counts and offsets that nothing stands behind."""
    data = bytearray(content)
    for _ in range(int(generator.integers(1, 4))):
        width = int(generator.choice([2, 4]))
        order = "little" if generator.random() < 0.5 else "big"
        at = int(generator.integers(4, min(len(data), HEADER_BYTES) - 4))
        value = int(generator.choice(np.array(EXTREMES, np.int64))) % (1 << 8 * width)
        data[at : at + width] = value.to_bytes(width, order)  # type: ignore[arg-type]
    return _with_checksums(bytes(data))


def _lie_of_size(content: bytes, other: bytes, generator: Generator) -> bytes:
    """The header promises a picture of another size; where the format has no plain place for that, as :func:`_lie`."""
    sides = [int(side) for side in generator.choice([1, 7, 4000, 20_000, 65_535], 2)]
    little, big = struct.pack("<HH", *sides), struct.pack(">HH", *sides)
    if content.startswith(b"\x89PNG"):
        return _with_checksums(content[:16] + struct.pack(">II", *sides) + content[24:])
    if content.startswith(b"GIF8"):
        return content[:6] + little + content[10:]
    if content.startswith(b"BM"):
        return content[:18] + struct.pack("<ii", *sides) + content[26:]
    for mark in (b"\xff\xc0\x00\x11\x08", b"\xff\xc2\x00\x11\x08"):
        if content.startswith(b"\xff\xd8") and (at := content.find(mark)) > 0:
            return content[: at + 5] + big + content[at + 9 :]
    if (at := content.find(b"ispe")) > 0:  # HEIF's and AVIF's
        return content[: at + 8] + struct.pack(">II", *sides) + content[at + 16 :]
    return _lie(content, other, generator)


def _noise(content: bytes, _other: bytes, generator: Generator) -> bytes:
    """The header stands, and nothing sound behind it."""
    kept = int(generator.integers(4, HEADER_BYTES))
    return content[:kept] + generator.bytes(max(0, len(content) - kept))


def _nothing(content: bytes, _other: bytes, generator: Generator) -> bytes:
    """Empty, one byte, all zeros, or only a header."""
    return (b"", content[:1], bytes(len(content)), content[:16])[int(generator.integers(4))]


HARMS: dict[str, Callable[[bytes, bytes, Generator], bytes]] = {
    "flip": _flip,
    "cut": _cut,
    "splice": _splice,
    "lie": _lie,
    "size": _lie_of_size,
    "flip-more": lambda content, other, generator: _flip(_flip(content, other, generator), other, generator),
    "noise": _noise,
    "lie-and-cut": lambda content, other, generator: _cut(_lie(content, other, generator), other, generator),
    "nothing": _nothing,
}


def _with_checksums(content: bytes) -> bytes:
    """A PNG's chunks with checksums that hold: else no lie within would ever be believed."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    data, at = bytearray(content), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(data)


def _named(extension: str, generator: Generator) -> str:
    """Mostly its own name; now and then another's, so that decoders meet what they don't expect."""
    if generator.random() < 0.9:
        return extension
    return str(generator.choice(["jpg", "png", "heic", "avif", "dng", "nef", "cr3", "gif", "mp4", "mkv", "mp3", "wav"]))
