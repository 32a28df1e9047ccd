"""Why a picture, or a moment of a video, is found for a text or called by a tag: where in it the score comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import QueryError
from retrieval.experts.appearance import Appearance, imagenet_classes
from retrieval.media.kinds import kind_of
from retrieval.media.tasks import DecodedFrame, DecodeTask, Failed
from retrieval.media.worker import MediaWorkers
from retrieval.models.feature_map import load_feature_maps
from retrieval.search.heat import class_activation
from retrieval.settings import Settings
from retrieval.spaces.space import Space
from retrieval.types import Float32Array, Frame, MediaKind

__all__ = ["CLASSIFIER", "Explanation", "Question", "ask", "classes_called", "explain"]

CLASSIFIER = "imagenet"
"""The source of an explanation of the embedded classifier's tag."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Explanation:
    """``heat`` [h, w] of a picture or frame, 0 and above, for the question that ``source`` answered.

    It spans the whole picture, whatever its shape; all is 0 where nothing speaks for what was asked.
    """

    heat: Float32Array
    source: str
    score: float
    """What ``source`` gives: an inner product of the space, or the classifier's probability."""
    time_seconds: float | None
    """Of the frame of a video that scores best; None of a picture."""

    @property
    def peak(self) -> tuple[float, float]:
        """The middle of the hottest place, as shares of width and height from the upper left corner."""
        row, column = np.unravel_index(int(self.heat.argmax()), self.heat.shape)
        return (float(column) + 0.5) / self.heat.shape[1], (float(row) + 0.5) / self.heat.shape[0]

    def __repr__(self) -> str:
        return f"Explanation(heat{list(self.heat.shape)}, {self.source}, score={self.score:.3f})"


class Question(Protocol):
    """What was asked, as scores of pictures; and the heat of one."""

    source: str

    def scores(self, pixels: Pixels) -> Float32Array:
        """[n] of pictures [n, 224, 224, 3]."""

    def heat(self, pixels: Pixels) -> Float32Array:
        """[h, w] of a picture [224, 224, 3]."""


def classes_called(name: str) -> tuple[int, ...]:
    """The classes of the embedded classifier that have this name, in any case; none where it is no tag of it."""
    wanted = name.strip().lower().replace("_", " ")
    return tuple(
        index for index, entry in enumerate(imagenet_classes()) if wanted in {one.lower() for one in entry.names}
    )


def explain(
    path: Path, asked: str, space: Space, settings: Settings | None = None, *, at_seconds: float | None = None
) -> Explanation:
    """Where in the picture at ``path`` (or in the frame of a video that fits best) the score of ``asked`` comes from.

    The name of one of the embedded classifier's classes is explained as that tag; anything else as a text in
    ``space``. With ``at_seconds`` the frame of a video that stands for that time is looked at.

    Raises:
        QueryError: nothing is asked, the file can't be read or has no such frame.
        WeightsError: the models' weights are absent or damaged.
    """
    if not asked.strip():
        raise QueryError('nothing is asked; give a text or a tag, such as `vidi why cat.jpg "a cat"`')
    question = ask(asked, space)
    frame, score = _best_frame(_frames(path, settings or Settings()), question, path, at_seconds)
    return Explanation(question.heat(frame.pixels), question.source, score, frame.time_seconds)


def ask(asked: str, space: Space) -> Question:
    """The question: the name of a class of the embedded classifier, or else a text in ``space``."""
    if classes := classes_called(asked):
        return _AskedClassifier(classes)
    return _AskedOfFeatures(space, asked)


class _AskedClassifier:
    """The probability of some classes together; the heat is of the logarithm of their odds among all."""

    source = CLASSIFIER

    def __init__(self, classes: Sequence[int]) -> None:
        self._classes = list(classes)
        self._appearance = Appearance()

    def scores(self, pixels: Pixels) -> Float32Array:
        return np.exp(self._log_chance(self._appearance.encode(pixels).logits))

    def heat(self, pixels: Pixels) -> Float32Array:
        (feature_map,) = load_feature_maps()(pixels[None])
        return class_activation(feature_map, lambda features: self._log_chance(self._appearance.classify(features)))

    def _log_chance(self, logits: Float32Array) -> Float32Array:
        return _log_sum(logits[:, self._classes]) - _log_sum(logits)


def _log_sum(logits: Float32Array) -> Float32Array:
    most = logits.max(axis=1)
    return np.asarray(most + np.log(np.exp(logits - most[:, None]).sum(axis=1)), np.float32)


class _AskedOfFeatures:
    """A text in a space that reads the appearance expert's features: their map shows where it comes from."""

    def __init__(self, space: Space, text: str) -> None:
        self.source = space.name
        self._space = space
        self._vector = space.embed_text([text.strip()])[0]
        self._appearance = Appearance()

    def scores(self, pixels: Pixels) -> Float32Array:
        output = self._appearance.encode(pixels)
        return self._compared(output.features, output.logits)

    def heat(self, pixels: Pixels) -> Float32Array:
        (feature_map,) = load_feature_maps()(pixels[None])
        return class_activation(feature_map, self._of_features)

    def _of_features(self, features: Float32Array) -> Float32Array:
        return self._compared(features, self._appearance.classify(features))

    def _compared(self, features: Float32Array, logits: Float32Array) -> Float32Array:
        return np.asarray(self._space.embed_segments(features, logits) @ self._vector, np.float32)


def _frames(path: Path, settings: Settings) -> Iterator[Frame]:
    kind = kind_of(path)
    if kind is None or kind is MediaKind.SOUND:
        raise QueryError(f"{path} is no picture or video by its name; expected one of these")
    if not path.exists():
        raise QueryError(f"there is no file at {path}; give the path of a picture or video")
    with MediaWorkers(settings.limits, settings.sampling, processes=1) as workers:
        for outcome in workers.map([DecodeTask(0, path, kind)]):
            match outcome:
                case DecodedFrame():
                    yield outcome.frame
                case Failed():
                    raise QueryError(f"{path} can't be looked at: {outcome.reason}")


def _best_frame(
    frames: Iterator[Frame], question: Question, path: Path, at_seconds: float | None
) -> tuple[Frame, float]:
    best: tuple[Frame, float] | None = None
    for frame in frames:  # one at a time: a long video has more than memory holds
        if not _stands_for(frame, at_seconds):
            continue
        score = float(question.scores(frame.pixels[None])[0])
        if best is None or score > best[1]:
            best = frame, score
    if best is None:
        where = "" if at_seconds is None else f" at {at_seconds:g} s"
        raise QueryError(f"{path} has nothing to look at{where}; expected a time within the video")
    return best


def _stands_for(frame: Frame, at_seconds: float | None) -> bool:
    if at_seconds is None or frame.span is None:
        return True
    return frame.span.start_seconds <= at_seconds < frame.span.end_seconds
