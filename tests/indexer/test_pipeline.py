"""Frames of many files share batches that are encoded beside the caller; each file gets its own rows back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.pipeline import FrameEncoder
from retrieval.experts.appearance import AppearanceOutput
from retrieval.media.files import FileStat
from retrieval.media.tasks import DecodedFrame, Finished
from retrieval.types import Frame, MediaFacts, MediaKind


class Tower:
    """Its features are a frame's first pixel; it can be held up, and can fail."""

    def __init__(self, *, held: bool = False, error: Exception | None = None) -> None:
        self.may_go = threading.Event()
        self._error = error
        if not held:
            self.may_go.set()

    def load(self) -> None: ...

    def encode(self, pixels: Any) -> AppearanceOutput:
        assert self.may_go.wait(10)
        if self._error is not None:
            raise self._error
        features = pixels[:, 0, 0, :1].astype(np.float32)
        return AppearanceOutput(features, np.zeros((len(pixels), 1000), np.float32))


SPACE = SimpleNamespace(embed_segments=lambda rows: rows["appearance"] * 2)


def _encoder(tower: Tower, batch_size: int) -> FrameEncoder:
    return FrameEncoder(tower, SPACE, batch_size)  # type: ignore[arg-type]


def _frame(key: int, value: int) -> DecodedFrame:
    return DecodedFrame(key, Frame(np.full((2, 2, 3), value, np.uint8)))


def _end(key: int) -> Finished:
    return Finished(key, MediaFacts(MediaKind.PICTURE), FileStat(1, 1, 1))


def _interleaved(files: dict[int, list[int]], order: list[int]) -> Iterator[DecodedFrame | Finished]:
    """Each file's frames in their order and then its end, files taking turns as ``order`` says."""
    left = {key: [*(_frame(key, value) for value in values), _end(key)] for key, values in files.items()}
    turns = [key for key in order if key in left] + [key for key in files for _ in left[key]]
    for key in turns:
        if left[key]:
            yield left[key].pop(0)


@settings(max_examples=50, deadline=None)
@given(
    files=st.dictionaries(st.integers(0, 9), st.lists(st.integers(0, 255), max_size=7), max_size=6),
    order=st.lists(st.integers(0, 9), max_size=40),
    batch_size=st.integers(1, 6),
)
def test_every_file_gets_its_own_rows_once_and_in_order(
    files: dict[int, list[int]], order: list[int], batch_size: int
) -> None:
    found = {}
    with _encoder(Tower(), batch_size) as encoder:
        steps = [encoder.add(outcome) for outcome in _interleaved(files, order)]
        for done in [*steps, encoder.flush()]:
            for end, rows in done:
                assert end.key not in found
                found[end.key] = [float(row.kept["appearance"][0]) for row in rows]
                assert [float(row.embedding[0]) for row in rows] == [2 * value for value in found[end.key]]
    assert found == files


def test_a_file_that_fails_while_its_frames_are_encoded_gets_nothing() -> None:
    tower = Tower(held=True)
    with _encoder(tower, 2) as encoder:
        for outcome in (_frame(1, 10), _frame(2, 20)):  # a full batch, which is held up
            assert not list(encoder.add(outcome))
        encoder.drop(1)
        assert not list(encoder.add(_end(2)))
        tower.may_go.set()
        ((end, rows),) = encoder.flush()
    assert (end.key, [float(row.kept["appearance"][0]) for row in rows]) == (2, [20.0])


def test_an_error_of_the_encoder_reaches_the_caller() -> None:
    tower = Tower(held=True, error=OSError("the weights are gone"))
    with _encoder(tower, 1) as encoder:
        list(encoder.add(_frame(1, 10)))
        tower.may_go.set()
        with pytest.raises(OSError, match="the weights are gone"):
            list(encoder.flush())
