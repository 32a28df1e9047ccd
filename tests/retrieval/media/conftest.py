"""Media made by the tests themselves."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.media import MediaWorkers
from retrieval.settings import MediaLimits, SamplingSettings

LEFT, RIGHT = (220, 30, 30), (30, 60, 220)
VIDEO_SIZE = (160, 96)
RATE = 25


class MediaMaker:
    """Writes media of known content into one folder."""

    rate = RATE

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def scene(self, number: int, drift: float = 0.0) -> NDArray[np.uint8]:
        """A textured frame of one shot ``[height, width, 3]``; shots of other numbers look nothing like it."""
        width, height = VIDEO_SIZE
        coarse = np.random.default_rng(number).integers(0, 256, (5, 8, 3)).astype(np.uint8)
        whole = Image.fromarray(coarse).resize((width + 40, height), Image.Resampling.BICUBIC)
        left = round(drift) % 40
        return np.asarray(whole)[:, left : left + width].copy()

    def shots(self, *seconds: float) -> list[NDArray[np.uint8]]:
        """The frames of shots of these lengths, each slowly drifting."""
        return [
            self.scene(number + 10, drift=frame / 10)
            for number, length in enumerate(seconds)
            for frame in range(round(length * RATE))
        ]

    def halves(self, width: int = 64, height: int = 48) -> Image.Image:
        """Red on the left, blue on the right."""
        pixels = np.empty((height, width, 3), np.uint8)
        pixels[:, : width // 2], pixels[:, width // 2 :] = LEFT, RIGHT
        return Image.fromarray(pixels)

    def photo(self, width: int, height: int) -> Image.Image:
        """Something with the smoothness and the grain of a photograph."""
        generator = np.random.default_rng(7)
        coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3)).astype(np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
        return Image.fromarray(np.clip(smooth + generator.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8))

    def picture(self, name: str, image: Image.Image | None = None, **options: Any) -> Path:
        path = self.folder / name
        (image or self.halves()).save(path, **options)
        return path

    def giant_png(self, name: str, width: int = 30_000, height: int = 30_000) -> Path:
        """A PNG of a few kilobytes whose header promises a giant."""

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        path = self.folder / name
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        # A PNG row is a filter byte and 3 bytes a pixel.
        packer = zlib.compressobj(1)
        row, rows = bytes(1 + 3 * width), min(height, 300)
        data = b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
        return path

    def video(
        self,
        name: str,
        frames: Iterable[NDArray[np.uint8]],
        *,
        codec: str = "libx264",
        options: dict[str, str] | None = None,
        times: list[float] | None = None,
        rotation: float | None = None,
        sound_seconds: float = 0.0,
        metadata: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        """Encode frames at 25 a second, or at ``times``."""
        path = self.folder / name
        with av.open(path, "w", options=container_options or {}) as container:
            container.metadata.update(metadata or {})
            stream = container.add_stream(
                codec, rate=RATE, options=options or ({"preset": "ultrafast"} if codec.startswith("libx26") else {})
            )
            stream.width, stream.height = VIDEO_SIZE
            stream.pix_fmt = "yuv420p"
            if rotation is not None:
                stream.set_display_rotation(rotation)
            sound = container.add_stream("aac", rate=44100) if sound_seconds else None
            if times is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            for number, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
                if times is not None:
                    frame.time_base, frame.pts = Fraction(1, 1000), round(times[number] * 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
            if sound is not None:
                _add_tone(container, sound, sound_seconds)
        return path

    def sound(self, name: str, codec: str, cover: bool = False, seconds: float = 1.0) -> Path:
        """A tone, with cover art or without."""
        path = self.folder / name
        with av.open(path, "w") as container:
            stream = container.add_stream(codec, rate=44100)
            if cover:
                art = container.add_stream("mjpeg", rate=1)
                art.width, art.height, art.pix_fmt = 64, 48, "yuvj420p"
                art.disposition = av.stream.Disposition.attached_pic
                container.mux(art.encode(av.VideoFrame.from_image(self.halves())))
                container.mux(art.encode())
            _add_tone(container, stream, seconds)
        return path


def _add_tone(container: Any, stream: Any, seconds: float) -> None:
    wave = (np.sin(np.arange(int(44100 * seconds)) / 20) * 8000).astype(np.int16)
    resampler = av.AudioResampler(stream.codec_context.format, stream.codec_context.layout, 44100)
    for start in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "s16", "mono")
        frame.sample_rate, frame.pts = 44100, start
        for converted in resampler.resample(frame):
            container.mux(stream.encode(converted))
    container.mux(stream.encode())


@pytest.fixture
def make(tmp_path: Path) -> MediaMaker:
    return MediaMaker(tmp_path)


@pytest.fixture
def limits() -> MediaLimits:
    return MediaLimits()


@pytest.fixture
def sampling() -> SamplingSettings:
    return SamplingSettings(frame_size=64)


@pytest.fixture(scope="module")
def workers() -> Iterator[MediaWorkers]:
    with MediaWorkers(sampling=SamplingSettings(frame_size=64), processes=2) as opened:
        yield opened
