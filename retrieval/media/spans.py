"""From looks to kept frames: near-identical neighbours are one frame, which stands for the span of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval.settings import SamplingSettings
from retrieval.types import Frame, Span

__all__ = ["Look", "kept_frames"]

THUMBNAIL_SIDE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One look at a video: ``[size, size, 3]`` RGB, upright; ``is_cut``: a shot starts here."""

    time_seconds: float
    pixels: NDArray[np.uint8]
    is_cut: bool


def kept_frames(looks: Iterator[Look], sampling: SamplingSettings, end_seconds: Callable[[], float]) -> Iterator[Frame]:
    """Frames whose spans follow each other from 0 to the end, without gap or overlap, none across a shot cut.

    A frame is known in full only when the next is, so it comes one late. ``end_seconds`` is asked after the last look.
    """
    kept: Look | None = None
    grey: NDArray[np.float32] | None = None
    start = 0.0
    for look in looks:
        look_grey = _grey(look.pixels)
        if kept is None or grey is None:
            kept, grey = look, look_grey
            continue
        is_new = look.is_cut or float(np.abs(look_grey - grey).mean()) >= sampling.merge_difference
        held = list(_pieces(start, look.time_seconds, sampling.longest_span_seconds))
        if not is_new and len(held) == 1:
            continue
        # A picture that didn't change is looked at afresh at the last whole span.
        spans = held if is_new else held[:-1]
        yield from (_frame(kept, span) for span in spans)
        kept, grey, start = look, look_grey, spans[-1].end_seconds
    if kept is not None:
        last = _pieces(start, max(end_seconds(), kept.time_seconds), sampling.longest_span_seconds)
        yield from (_frame(kept, span) for span in last)


def _pieces(start: float, end: float, longest: float) -> Iterator[Span]:
    """``[start, end)`` in order, in pieces of ``longest`` and a rest."""
    while end - start > longest:
        yield Span(start, start + longest)
        start += longest
    yield Span(start, end)


def _frame(look: Look, span: Span) -> Frame:
    """What is on the screen during ``span``; a later piece of a long hold is told by its own start."""
    is_within = span.start_seconds <= look.time_seconds < span.end_seconds
    return Frame(look.pixels, look.time_seconds if is_within else span.start_seconds, span)


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = Image.fromarray(pixels).convert("L").resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)
