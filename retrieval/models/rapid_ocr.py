"""RapidOCR: PaddleOCR's PP-OCRv4 (finding and reading lines of text) on ONNX Runtime, with the packaged weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.models.imports import import_package
from retrieval.models.onnx_session import runtime
from retrieval.models.packaged import PackagedFile

__all__ = ["OCR_EXTRA", "OCR_WEIGHTS", "Line", "RapidOcr"]

OCR_EXTRA: Final = "vidi[ocr]"
_PACKAGE: Final = "rapidocr_onnxruntime"
_DISTRIBUTION: Final = "rapidocr-onnxruntime==1.4.4"

OCR_WEIGHTS: Final = (
    PackagedFile(
        _DISTRIBUTION,
        _PACKAGE,
        "models/ch_PP-OCRv4_det_infer.onnx",
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
        4_745_517,
    ),
    PackagedFile(
        _DISTRIBUTION,
        _PACKAGE,
        "models/ch_PP-OCRv4_rec_infer.onnx",
        "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
        10_857_958,
    ),
)
"""What finds lines, and what reads them: Latin letters and Chinese. Apache-2.0."""

_SHORT_SIDE: Final = 544
"""Smaller pictures are enlarged to this before lines are looked for."""
_THINNEST: Final = 4
"""The long side is at most so many times the short."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text as it was read, and how sure the reader is, 0 to 1."""

    text: str
    confidence: float


class RapidOcr:
    """It loads when first used; threads may share it, but it reads one picture at a time."""

    def __init__(self, *, threads: int = 1) -> None:
        """``threads`` of one call."""
        self._threads = threads
        self._lock = Lock()

    def load(self) -> None:
        """Load the model now.

        Raises:
            MissingExtraError: RapidOCR isn't installed, or can't be imported.
            WeightsError: its weights are absent or differ.
        """
        with self._lock:
            _ = self._engine

    def read(self, pixels: NDArray[np.uint8]) -> Sequence[Line]:
        """The lines in ``pixels [height, width, 3]`` RGB, from the top down, then from left to right.

        Raises: as :meth:`load`.
        """
        with self._lock:
            found, _ = self._engine(_filled(pixels[..., ::-1]))
        return [Line(text, float(confidence)) for _, text, confidence in found or ()]

    @cached_property
    def _engine(self) -> Any:
        runtime()
        # Here, since only a process that reads screens should pay for it.
        package = import_package(_PACKAGE, "RapidOCR", f'pip install "{OCR_EXTRA}"')
        for file in OCR_WEIGHTS:
            file.read()  # proof that they are those meant; the package loads them itself
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        return package.RapidOCR(
            use_cls=False,  # text upside down is not looked for
            det_limit_side_len=_SHORT_SIDE,
            intra_op_num_threads=self._threads,
            inter_op_num_threads=1,
        )


def _filled(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A thin strip gets margins: its short side is enlarged, which would make its long side endless."""
    least = max(pixels.shape[:2]) // _THINNEST
    lacking = [(0, max(0, least - side)) for side in pixels.shape[:2]]
    return np.ascontiguousarray(np.pad(pixels, [*lacking, (0, 0)]))
