"""Labelled pictures, decoded once and kept small: what every epoch reads.

Shapes: n pictures · s the side at which they are kept, in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import DatasetError
from retrieval.media.tasks import DecodedFrame, DecodeTask, Failed
from retrieval.media.worker import MediaWorkers
from retrieval.settings import Settings
from retrieval.training.classifier.labelled_pictures import LabelledPictures
from retrieval.types import MediaKind

__all__ = ["PictureSet", "Say", "decode_pictures", "decoded"]

Say = Callable[[str], None]
_TOLD_EACH: Final = 2_000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PictureSet:
    """Pictures with ``labels`` [n], places in ``classes``: those at ``rows`` [n] of ``kept`` [m, s, s, 3] uint8 RGB,
    which may be mapped from a file larger than memory."""

    kept: NDArray[np.uint8]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kept.ndim != 4 or self.kept.dtype != np.uint8 or len(self.rows) != len(self.labels):
            raise ValueError(
                f"pixels must be [m, s, s, 3] uint8 with a label for each row, got {list(self.kept.shape)} "
                f"{self.kept.dtype}, {len(self.rows)} rows and {len(self.labels)} labels"
            )

    @classmethod
    def whole(cls, pixels: NDArray[np.uint8], labels: NDArray[np.int64], classes: tuple[str, ...]) -> PictureSet:
        """All of ``pixels`` [n, s, s, 3]."""
        return cls(pixels, np.arange(len(pixels)), labels, classes)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"PictureSet({len(self)} pictures of {list(self.kept.shape[1:])}, {len(self.classes)} classes)"

    def only(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> PictureSet:
        """The pictures at ``places``; no pixel is copied."""
        return replace(self, rows=self.rows[places], labels=self.labels[places])

    def pixels(self, start: int, stop: int) -> NDArray[np.uint8]:
        """A copy of those from ``start`` to before ``stop``: [stop - start, s, s, 3]."""
        return np.array(self.kept[self.rows[start:stop]])


def decoded(pictures: LabelledPictures, side: int, settings: Settings) -> Iterator[tuple[int, NDArray[np.uint8] | str]]:
    """Each picture's place with its pixels [s, s, 3], or why it can't be used, in the order of completion.

    Of an animation the first frame stands for it.

    Raises:
        TransientMediaError: media workers can't be started on this machine now.
    """
    sampling = replace(settings.sampling, frame_size=side)
    tasks = (DecodeTask(row, path, MediaKind.PICTURE, is_still=True) for row, path in enumerate(pictures.paths))
    seen: set[int] = set()
    with MediaWorkers(settings.limits, sampling, settings.index.workers) as workers:
        for outcome in workers.map(tasks):
            match outcome:
                case DecodedFrame() if outcome.key not in seen:
                    seen.add(outcome.key)
                    yield outcome.key, outcome.frame.pixels
                case Failed() if outcome.key not in seen:
                    path = pictures.paths[outcome.key]
                    yield outcome.key, outcome.reason if path.exists() else "there is no such file"


def decode_pictures(
    pictures: LabelledPictures, side: int, settings: Settings, say: Say, *, into: NDArray[np.uint8] | None = None
) -> tuple[PictureSet, list[int]]:
    """The pictures that can be decoded, in their order, and the places of the others, each told in one line.

    ``into`` [n, s, s, 3] is filled from its first row on, such as a mapped file; without it, memory is.

    Raises:
        DatasetError: not one picture can be used.
        TransientMediaError: media workers can't be started on this machine now.
    """
    pixels = np.empty((len(pictures), side, side, 3), np.uint8) if into is None else into
    left_out: dict[int, str] = {}
    for done, (row, found) in enumerate(decoded(pictures, side, settings), start=1):
        if isinstance(found, str):
            left_out[row] = found
            say(f"left out: {pictures.paths[row]}: {found}")
        else:
            pixels[row] = found
        if done % _TOLD_EACH == 0:
            say(f"{done:,} of {len(pictures):,} pictures decoded")
    kept = usable_rows(pictures, left_out)
    for place, row in enumerate(kept):  # closes the gaps in place: a mapped file may be larger than memory
        if place != row:
            pixels[place] = pixels[row]
    return PictureSet.whole(pixels[: len(kept)], pictures.labels[kept], pictures.classes), sorted(left_out)


def usable_rows(pictures: LabelledPictures, left_out: dict[int, str]) -> list[int]:
    """The places of the pictures that are not left out.

    Raises:
        DatasetError: there is none.
    """
    kept = [row for row in range(len(pictures)) if row not in left_out]
    if not kept:
        path = pictures.paths[0]
        raise DatasetError(
            f"not one of the {len(pictures):,} pictures can be used, the first ({Path(path).name}) because: "
            f"{left_out[0]}; check the paths and the files"
        )
    return kept
