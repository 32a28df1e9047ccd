"""A library that needs no model: pictures and a video of plain colours, found by the names of the colours."""

from __future__ import annotations

import os
import wave
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image

from retrieval.experts.expert import Rows
from retrieval.media.files import identify
from retrieval.store.catalog import Catalog
from retrieval.store.descriptions import fill_text_index
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.results import MediaRecord, SegmentRecord
from retrieval.store.timed_texts import AssetTexts
from retrieval.types import Float32Array, MediaFacts, MediaKind, TextSource, TimedText

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220)}
VIDEO_SECONDS_A_COLOUR = 4
_RATE = 10
_SOUND_RATE = 8000


class ColourSpace:
    """Knows three words. A text is the sum of those that it names; any other is far from everything."""

    name, version, dim, normalized = "starter", "colours", 4, True
    needs: tuple[str, ...] = ()
    languages = ("en",)
    fits_from = 0.5
    alike_cosine = 9.0  # pictures of one colour are alike, and meant to be seen each

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        rows = np.array([[*(name in text.lower() for name in COLOURS), False] for text in texts], np.float32)
        rows[~rows.any(axis=1), 3] = 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    def is_cut(self, text: str) -> bool:
        return False

    def embed_segments(self, rows: Rows) -> Float32Array:
        raise NotImplementedError

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        return np.clip(scores, 0.01, 0.97).astype(np.float32)


def embed_pictures(_space: object, paths: Sequence[Path]) -> Float32Array:
    """By the brightest channel of each picture."""
    rows = []
    for path in paths:
        with Image.open(path) as picture:
            mean = np.asarray(picture.convert("RGB")).reshape(-1, 3).mean(axis=0)
        rows.append(np.append(mean == mean.max(), False))
    return np.stack(rows).astype(np.float32)


def vector_of(colour: str) -> Float32Array:
    return ColourSpace().embed_text([colour])[0]


def write_picture(path: Path, colour: str, size: tuple[int, int] = (640, 480)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", size, COLOURS[colour])
    picture.paste((250, 250, 250), (0, 0, len(path.name), 40))  # so that names of other lengths are other assets
    picture.save(path)
    return path


def write_video(path: Path, codec: str = "libvpx", seconds_a_colour: int = VIDEO_SECONDS_A_COLOUR) -> Path:
    """Red, then green, then blue."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=_RATE, options={"deadline": "realtime", "cpu-used": "8"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.gop_size = _RATE
        for colour in COLOURS.values():
            pixels = np.full((120, 160, 3), colour, np.uint8)
            for _ in range(seconds_a_colour * _RATE):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())
    return path


def write_animation(path: Path) -> Path:
    """As :func:`write_video`, a picture that moves."""
    frames = [Image.new("RGB", (160, 120), colour) for colour in COLOURS.values()]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=1000 * VIDEO_SECONDS_A_COLOUR, loop=0)
    return path


def write_sound(path: Path, seconds: int) -> Path:
    """A hum."""
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(_SOUND_RATE)
        file.writeframes(bytes(128 + 20 * (at % 80 < 40) for at in range(_SOUND_RATE * seconds)))
    return path


class ColourLibrary:
    """Fills a library as an index run would, with vectors that the test chooses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._catalog = Catalog(folder, create=True)
        fill_text_index(self._catalog)
        space = ColourSpace()
        self._space = self._catalog.space(space.name, space.version, space.dim, normalized=True)
        self._intake = Intake(self._catalog, ("frames", "1"))

    def close(self) -> None:
        self._catalog.close()

    def add_picture(self, path: Path, colour: str) -> int:
        """The asset's id."""
        return self._add(path, MediaKind.PICTURE, [SegmentRecord()], [vector_of(colour)])

    def add_video(
        self, path: Path, *, seconds_a_segment: float = VIDEO_SECONDS_A_COLOUR, segments: int = len(COLOURS)
    ) -> int:
        """The asset's id; its segments are red, green, blue in turn."""
        length, colours = seconds_a_segment, list(COLOURS)
        records = [SegmentRecord(n * length, (n + 1) * length, n * length) for n in range(segments)]
        vectors = [vector_of(colours[n % len(colours)]) for n in range(segments)]
        return self._add(path, MediaKind.VIDEO, records, vectors, duration_seconds=segments * length)

    def add_sound(self, path: Path, said: Sequence[tuple[float, float, str]], duration_seconds: float) -> int:
        """The asset's id; it has no vectors, but words: (start, end, text)."""
        texts = [TimedText(TextSource.SPEECH, start, end, text, 0.9, "en") for start, end, text in said]
        facts = MediaFacts(MediaKind.SOUND, duration_seconds=duration_seconds)
        return self._take_in(path, facts, [], np.empty((0, ColourSpace.dim), np.float32), {("speech", "1"): texts})

    def find(self, path: Path) -> int:
        """Take a file in as a scan does, unread; its id."""
        raw = os.fsencode(path)
        facts = os.stat(raw)
        self._intake.take_in([FoundFile(raw, "picture", facts.st_size, facts.st_mtime_ns, facts.st_ino)], [], [])
        return self._intake.known([raw])[raw].id

    def _add(
        self,
        path: Path,
        kind: MediaKind,
        segments: list[SegmentRecord],
        vectors: list[Float32Array],
        duration_seconds: float | None = None,
    ) -> int:
        facts = MediaFacts(kind, duration_seconds=duration_seconds)
        return self._take_in(path, facts, segments, np.stack(vectors), {})

    def _take_in(
        self, path: Path, facts: MediaFacts, segments: list[SegmentRecord], vectors: Float32Array, texts: AssetTexts
    ) -> int:
        record = MediaRecord(self.find(path), identify(path).content_hash, facts, segments, vectors, {}, texts)
        return self._intake.write(self._space, [record], [])[0]
