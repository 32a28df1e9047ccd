from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from retrieval.errors import MissingExtraError
from retrieval.experts.ocr import Ocr
from retrieval.experts.over_time import TimeExpert, Told
from retrieval.experts.text_vectors import TextVectors
from retrieval.media.pieces import ScreenFrame
from retrieval.models.rapid_ocr import RapidOcr
from retrieval.types import TextSource


@pytest.fixture(scope="module")
def reader() -> RapidOcr:
    return RapidOcr(threads=1)


def screen(*lines: str, grain: int = 0) -> NDArray[np.uint8]:
    image = Image.new("RGB", (960, 540), (40, 60, 40))
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        draw.text((60, 80 + 90 * row), line, fill=(255, 255, 255), font=ImageFont.load_default(size=44))
    noise = np.random.default_rng(grain).normal(0, 4 if grain else 0, (540, 960, 3))
    return np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)


def read(reader: RapidOcr, vectors: TextVectors, *screens: tuple[float, NDArray[np.uint8]], duration: float) -> Told:
    reading = Ocr(reader, vectors).begin()
    for time, pixels in screens:
        reading.add(ScreenFrame(time, pixels))
    return reading.finish(duration)


def test_a_text_lasts_from_where_it_comes_to_where_it_goes(reader: RapidOcr, vectors: TextVectors) -> None:
    told = read(
        reader,
        vectors,
        (0, screen()),
        (5, screen("Opening hours", "Monday to Friday")),
        (10, screen("Opening hours", "Monday to Friday", grain=1)),
        (15, screen("Platform nine")),
        (20, screen()),
        duration=30,
    )

    assert isinstance(Ocr(reader, vectors), TimeExpert)
    assert [(text.start_seconds, text.end_seconds, text.text) for text in told.texts] == [
        (5, 15, "Opening hours\nMonday to Friday"),
        (15, 20, "Platform nine"),
    ]
    assert all(text.source is TextSource.OCR and text.confidence > 0.8 for text in told.texts)
    assert told.track.times.tolist() == [[5, 15], [15, 20]]
    np.testing.assert_allclose(
        told.track.features.astype(np.float32), vectors.encode([text.text for text in told.texts]), atol=1e-3
    )


def test_the_last_text_ends_with_the_file(reader: RapidOcr, vectors: TextVectors) -> None:
    assert read(reader, vectors, (2, screen("Platform nine")), duration=7.5).track.times.tolist() == [[2, 7.5]]


def test_pictures_without_text_have_a_track_of_no_rows(reader: RapidOcr, vectors: TextVectors) -> None:
    grain = np.random.default_rng(0).integers(0, 256, (54, 96, 3)).astype(np.uint8)
    leaves = np.asarray(Image.fromarray(grain).resize((960, 540), Image.Resampling.BICUBIC))

    assert read(reader, vectors, (0, leaves), duration=5).track.features.shape == (0, 384)
    assert read(reader, vectors, duration=5).texts == ()


@pytest.mark.parametrize("shape", [(1, 1, 3), (16, 960, 3), (960, 16, 3)])
def test_any_size_is_read(reader: RapidOcr, vectors: TextVectors, shape: tuple[int, int, int]) -> None:
    assert read(reader, vectors, (0, np.zeros(shape, np.uint8)), duration=1).texts == ()


def test_without_the_extra_its_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", None)

    with pytest.raises(MissingExtraError, match=r'pip install "vidi\[ocr\]"'):
        RapidOcr().load()
