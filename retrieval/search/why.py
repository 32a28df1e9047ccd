"""Why a picture, or a moment of a video, is found for a text or called by a tag: where in it the score comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval.errors import QueryError
from retrieval.experts.appearance import Appearance
from retrieval.experts.expert import FrameExpert, FrameOutput
from retrieval.media.kinds import kind_of
from retrieval.media.picture import in_form
from retrieval.media.tasks import DecodedFrame, DecodeTask, Failed
from retrieval.media.worker import MediaWorkers
from retrieval.models.feature_map import load_feature_maps
from retrieval.search.heat import class_activation, occlusion
from retrieval.search.why_classifier import ask_classifier, classes_called, imagenet_question
from retrieval.settings import SamplingSettings, Settings
from retrieval.spaces.experts import expert_of
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import Space
from retrieval.tagging.trained import TRAINED
from retrieval.tagging.zero_shot import ZERO_SHOT
from retrieval.types import Float32Array, Frame, MediaKind, PictureForm

__all__ = [
    "Explanation",
    "Question",
    "ask",
    "explain",
    "explain_class",
    "explain_picture",
    "explain_tag",
    "explain_text",
]

Pixels = NDArray[np.uint8]
_UPRIGHT = 1  # as EXIF counts orientations
_NOTHING = 'nothing is asked; give a text or a tag, such as `vidi why cat.jpg "a cat"`'


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
    form: PictureForm | None
    """How it wants its pictures; None: squashed to 224 by 224."""

    def scores(self, pixels: Pixels) -> Float32Array:
        """[n] of pictures [n, height, width, 3]."""

    def heat(self, pixels: Pixels) -> Float32Array:
        """[h, w] of a picture [height, width, 3]."""


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
        raise QueryError(_NOTHING)
    return _explained(path, ask(asked, space), settings, at_seconds)


def explain_picture(picture: Image.Image, asked: str, space: Space) -> Explanation:
    """As :func:`explain`, of a picture in RGB that is decoded already, such as a frame of a video.

    Raises:
        QueryError: nothing is asked.
        WeightsError: the models' weights are absent or damaged.
    """
    if not asked.strip():
        raise QueryError(_NOTHING)
    question, side = ask(asked, space), SamplingSettings().frame_size
    shaped = picture.resize((side, side)) if question.form is None else in_form(picture, question.form, _UPRIGHT)
    pixels = np.asarray(shaped)
    return Explanation(question.heat(pixels), question.source, float(question.scores(pixels[None])[0]), None)


def explain_text(
    path: Path, text: str, space: Space, settings: Settings | None = None, *, at_seconds: float | None = None
) -> Explanation:
    """As :func:`explain`, of ``text`` in ``space`` even where it is the name of a class."""
    if not text.strip():
        raise QueryError(_NOTHING)
    return _explained(path, _ask_space(text, space), settings, at_seconds)


def explain_class(
    path: Path, label: str, classifier: str, settings: Settings | None = None, *, at_seconds: float | None = None
) -> Explanation:
    """As :func:`explain`, for a class of ``classifier``: ``imagenet``, a trained classifier's folder, or the name of
    published weights.

    Raises:
        ModelError: there is no such classifier, or it reads features of another version.
        QueryError: it has no such class; the file can't be read or has no such frame.
        WeightsError: its weights are absent or damaged.
    """
    return _explained(path, ask_classifier(label, classifier), settings, at_seconds)


def explain_tag(
    path: Path, label: str, tagger: str, settings: Settings | None = None, *, at_seconds: float | None = None
) -> Explanation:
    """As :func:`explain`, for a tag that a machine has given: ``tagger`` is the source that it is shown with.

    Raises:
        ModelError: the tagger reads features of another version.
        QueryError: it can't be found by its name alone; else as :func:`explain`.
        WeightsError: its weights are absent or damaged.
    """
    return _explained(path, _ask_tagger(label, tagger), settings, at_seconds)


def _ask_tagger(label: str, tagger: str) -> Question:
    kind, _, rest = tagger.partition("/")
    if kind == ZERO_SHOT:
        return _ask_space(label, get_space(rest.partition("/")[2]))
    if kind == TRAINED:
        raise QueryError(f"{label!r} is a tag of your classifier {rest!r}; give its folder: --classifier FOLDER")
    return ask_classifier(label, tagger)


def _explained(path: Path, question: Question, settings: Settings | None, at_seconds: float | None) -> Explanation:
    frame, score = _best_frame(_frames(path, question.form, settings or Settings()), question, path, at_seconds)
    return Explanation(question.heat(frame.pixels), question.source, score, frame.time_seconds)


def ask(asked: str, space: Space) -> Question:
    """The question: the name of a class of the embedded classifier, or else a text in ``space``."""
    if classes := classes_called(asked):
        return imagenet_question(classes)
    return _ask_space(asked, space)


def _ask_space(asked: str, space: Space) -> Question:
    expert = expert_of(space)
    return _AskedOfFeatures(space, asked) if isinstance(expert, Appearance) else _AskedOfPixels(space, asked, expert)


class _AskedOfFeatures:
    """A text in a space that reads the appearance expert's features: their map shows where it comes from."""

    form: PictureForm | None = None

    def __init__(self, space: Space, text: str) -> None:
        self.source = space.name
        self._space = space
        self._vector = space.embed_text([text.strip()])[0]
        self._appearance = Appearance()

    def scores(self, pixels: Pixels) -> Float32Array:
        return self._compared(self._appearance.encode(pixels))

    def heat(self, pixels: Pixels) -> Float32Array:
        (feature_map,) = load_feature_maps()(pixels[None])
        return class_activation(feature_map, self._of_features)

    def _of_features(self, features: Float32Array) -> Float32Array:
        return self._compared(self._appearance.recall(features))

    def _compared(self, output: FrameOutput) -> Float32Array:
        return np.asarray(self._space.embed_segments(output.rows) @ self._vector, np.float32)


class _AskedOfPixels:
    """A text in a space with a picture tower of its own, of which nothing is known: parts are covered in turn."""

    def __init__(self, space: Space, text: str, expert: FrameExpert) -> None:
        self.source = space.name
        # The whole picture, squashed: were it cut, the heat would not lie over all of it.
        self.form = None if expert.form is None else PictureForm(expert.form.height, expert.form.width)
        self._space = space
        self._vector = space.embed_text([text.strip()])[0]
        self._expert = expert

    def scores(self, pixels: Pixels) -> Float32Array:
        return np.asarray(self._space.embed_segments(self._expert.encode(pixels).rows) @ self._vector, np.float32)

    def heat(self, pixels: Pixels) -> Float32Array:
        return occlusion(pixels, self.scores)


def _frames(path: Path, form: PictureForm | None, settings: Settings) -> Iterator[Frame]:
    kind = kind_of(path)
    if kind is None or kind is MediaKind.SOUND:
        raise QueryError(f"{path} is no picture or video by its name; expected one of these")
    if not path.exists():
        raise QueryError(f"there is no file at {path}; give the path of a picture or video")
    sampling = replace(settings.sampling, form=form)
    with MediaWorkers(settings.limits, sampling, processes=1) as workers:
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
        if at_seconds is not None and frame.span is None:
            raise QueryError(f"{path} is a picture, which has no times; leave out the time ({at_seconds:g} s)")
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
