"""An MMT as a space: windows of video and sentences, compared by inner product (Gabeur et al. 2020).

A trained model is a folder (:mod:`retrieval.models.mmt_folder`). ``mmt/starter`` comes with vidi, ``mmt/FOLDER`` is a
person's own. Where the model has a frame term, it stands upon a picture space: its windows bear the mean of that
space's frame vectors, and where its ``appearance`` expert is as wide as that space, these vectors are what it reads.

Neither side imports torch. Vectors are not of length 1, and are stored and compared as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np

from retrieval.errors import ModelError, WeightsError
from retrieval.experts.appearance import Appearance
from retrieval.experts.expert import Rows
from retrieval.models.bert import MINILM_TOKENIZER, MINILM_WEIGHTS
from retrieval.models.mmt_folder import MmtFolder, read_mmt_folder
from retrieval.models.mmt_inference import PictureText, TextParts, TextSide, VideoSide, check_runs_without_torch
from retrieval.models.mmt_inputs import Window, cut_window, mean_frame
from retrieval.models.onnx_session import usable_cores
from retrieval.models.sentence_encoder import TokenEncoder
from retrieval.once import Once
from retrieval.spaces.experts import expert_of
from retrieval.spaces.plain_chances import PlainChances
from retrieval.spaces.space import Space
from retrieval.spaces.windows import cut_windows, segmentation_over, shot_borders
from retrieval.types import FeatureTrack, Float32Array, Span

__all__ = ["FAMILY", "MMT_STARTER", "MmtSpace", "ReadsSentences", "TermShare", "read_model"]

FAMILY: Final = "mmt"
MMT_STARTER: Final = Path(__file__).parent / "weights" / "mmt_starter"
"""The folder of the model that comes with vidi."""

_FRAMES: Final = "frames"
"""Among the tracks that the model reads: the picture space's vectors of frames, of which windows bear the mean."""
_SPARED: Final = 0.2
"""Added to the weight of what a window without a frame has. Chosen in trials (docs/mmt.md)."""
_FRAMES_AT_ONCE: Final = 512
_WINDOWS_AT_ONCE: Final = 64


@runtime_checkable
class ReadsSentences(Protocol):
    """A picture space whose text head reads vectors of all-MiniLM-L6-v2, so that both sides share one pass."""

    def embed_sentences(self, vectors: Float32Array) -> Float32Array:
        """Vectors [n, 384] of length 1 to the space, [n, d]."""


@dataclass(frozen=True, slots=True)
class TermShare:
    """What one term adds to a hit's score: ``weight``, the text's, times ``agreement``, text with window."""

    term: str
    """Name of an expert or an aligned term, or ``frames``."""
    expert: str
    """Whose features it reads; the frame term reads those of ``appearance``."""
    weight: float
    agreement: float

    @property
    def share(self) -> float:
        """Weight × agreement: all terms' shares sum to the score."""
        return self.weight * self.agreement


def _windows(seen: FeatureTrack | None, end_seconds: float) -> list[Span]:
    """The windows of a video by its frames in the picture space."""
    borders = [] if seen is None else shot_borders(seen.times, np.asarray(seen.features, np.float32))
    return list(cut_windows(end_seconds, borders))


def _head_of(pictures: Space | None) -> PictureText | None:
    return pictures.embed_sentences if isinstance(pictures, ReadsSentences) else None


def read_model(path: Path) -> MmtFolder:
    """The model in the folder ``path``.

    Raises:
        WeightsError: there is none, or it is damaged.
    """
    if path == MMT_STARTER and not path.is_dir():
        raise WeightsError(
            f"mmt/starter is not here: expected its weights in {path}; install vidi again, or train a model by "
            f"`vidi train mmt` and name its folder: --space mmt/FOLDER"
        )
    return read_mmt_folder(path)


def _shares(
    terms: Sequence[tuple[tuple[str, str], Float32Array, np.floating]], window: Float32Array
) -> Iterator[TermShare]:
    at = 0
    for (term, expert), part, weight in terms:
        yield TermShare(term, expert, float(weight), float(part[0] @ window[at : at + part.shape[1]]))
        at += part.shape[1]


class MmtSpace:
    """The space over one trained folder; several threads may use it at once."""

    normalized: Final = False
    languages: Final = ("en",)

    def __init__(self, name: str, folder: MmtFolder, pictures: Space | None, *, threads: int | None = None) -> None:
        """
        Args:
            name: what ``--space`` takes.
            folder: the trained model.
            pictures: the picture space that its frame term names, or None where it has none.
            threads: that :meth:`embed_windows` may use, by default as many as there are usable cores.

        Raises:
            ModelError: the model is a variant that needs torch, or the picture space is not the one that it wants.
            WeightsError: the picture space has another version than when it was trained.
        """
        config = folder.config
        check_runs_without_torch(config)
        wanted = config.frames.space if config.frames else None
        found = pictures.name if pictures else None
        if wanted != found:
            raise ModelError(f"{name} stands upon the picture space {wanted}, got {found}")
        if pictures is not None and folder.pictures_version not in (None, pictures.version):
            raise WeightsError(
                f"{name} was trained upon version {folder.pictures_version} of the picture space {found}, and this is "
                f"{pictures.version}: its vectors would mean something else; train it again"
            )
        self.name = name
        self.dim = config.dim
        self.needs = config.names
        self._folder = folder
        self._config = config
        self._pictures = pictures
        self._head: PictureText | None = _head_of(pictures)
        self._threads = threads or usable_cores()
        self._encoder = Once(TokenEncoder.load)
        self._video_side = Once(lambda: VideoSide(config, folder.weights()))
        self._text_side = Once(lambda: TextSide(config, folder.weights(), self._head))

    @cached_property
    def version(self) -> str:
        """A digest of the model, the picture space and the text tower."""
        parts = (
            self._folder.digest,
            self._pictures.version if self._pictures else "",
            MINILM_WEIGHTS.sha256,
            MINILM_TOKENIZER.sha256,
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    @property
    def judged_by_library(self) -> bool:
        """Whether the card tells no chances, measured where it was trained."""
        return "chance" not in self._folder.card

    @property
    def pictures(self) -> Space | None:
        """The picture space of its frame term."""
        return self._pictures

    @property
    def segmentation(self) -> tuple[str, str]:
        """Method and version of the cut into windows."""
        pictures = self._pictures
        return segmentation_over(None if pictures is None else (pictures.name, pictures.version))

    @property
    def sight(self) -> tuple[str, str] | None:
        """Name and version of the expert of frames that its picture space reads; None where it has no such space."""
        if self._pictures is None:
            return None
        expert = expert_of(self._pictures)
        return expert.name, expert.version

    @property
    def expert_versions(self) -> Mapping[str, str]:
        """Version of each expert whose tracks it knows; of another version's it can say nothing."""
        return self._folder.experts

    @property
    def fits_from(self) -> float:
        """The chance from which a hit is said to fit."""
        return self._chances.threshold

    # ---------------------------------------------------------------------------------------------------------- texts

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        """[n, d]; not of length 1. What is beyond the model's tokens is left out (see :meth:`is_cut`).

        Raises:
            WeightsError: weights are absent or differ.
        """
        return self._text_parts(texts).joined() if texts else np.zeros((0, self.dim), np.float32)

    def is_cut(self, text: str) -> bool:
        """Whether ``text`` is longer than the model reads."""
        return self._encoder().count(text) > self._config.text.most_tokens

    def explain(self, text: str, windows: Float32Array) -> list[tuple[TermShare, ...]]:
        """What each term adds to the scores of ``windows`` [n, d] for ``text``, for each window the largest first."""
        parts = self._text_parts([text])
        terms = list(zip(self._terms(), parts.parts, parts.weights[0], strict=True))
        return [tuple(sorted(_shares(terms, window), key=lambda term: -term.share)) for window in windows]

    def _terms(self) -> Iterator[tuple[str, str]]:
        yield from ((name, name) for name in self._config.names)
        yield from ((term.name, term.expert) for term in self._config.aligned)
        if self._config.frames:
            yield "frames", Appearance.name

    def _text_parts(self, texts: Sequence[str]) -> TextParts:
        states = self._encoder().encode(texts)
        frames: Float32Array | None = None
        if self._head is not None:
            frames = self._head(states.sentences)
        elif self._pictures is not None:
            frames = self._pictures.embed_text(texts)
        return self._text_side().embed(states.tokens, frames)

    # --------------------------------------------------------------------------------------------------------- videos

    def cut(self, tracks: Mapping[str, FeatureTrack], end_seconds: float) -> list[Span]:
        """The windows of a video that ends at ``end_seconds``: on the shot borders that its kept frames tell of."""
        return _windows(self._pictured(tracks), end_seconds)

    def embed_windows(self, tracks: Mapping[str, FeatureTrack], windows: Sequence[Span]) -> Float32Array:
        """Vectors of ``windows`` of one video, [n, d], from its kept ``tracks`` by the experts' names.

        An expert that is absent, or says nothing in a window, is missing there.

        Raises:
            ValueError: a track is of another width than the model knows.
        """
        return self._embed_cut(self._read(tracks), windows)

    def embed_video(self, tracks: Mapping[str, FeatureTrack], end_seconds: float) -> tuple[list[Span], Float32Array]:
        """:meth:`cut` and :meth:`embed_windows` in one pass: the windows, and their vectors [n, d]."""
        read = self._read(tracks)
        windows = _windows(read.get(_FRAMES), end_seconds)
        return windows, self._embed_cut(read, windows)

    def _embed_cut(self, read: Mapping[str, FeatureTrack], windows: Sequence[Span]) -> Float32Array:
        return self._embed(cut_window(read, window) for window in windows)

    def embed_segments(self, rows: Rows) -> Float32Array:
        """Pictures, as windows of one frame: [n, d], by what the experts say of each."""
        count = len(next(iter(rows.values())))
        now = np.array([[0, 1]] * count, np.float32)
        read = self._read({name: FeatureTrack(now, features) for name, features in rows.items()})
        return self._embed(
            Window({name: FeatureTrack(now[:1], track.features[row : row + 1]) for name, track in read.items()})
            for row in range(count)
        )

    def _read(self, tracks: Mapping[str, FeatureTrack]) -> dict[str, FeatureTrack]:
        """The tracks as the model reads them, and the frames in the picture space beside them."""
        read = {name: tracks[name] for name in self.needs if name in tracks}
        seen = self._pictured(tracks)
        if seen is not None and self._config.frames is not None:
            read[_FRAMES] = seen
            dims = {expert.name: expert.dim for expert in self._config.experts}
            if dims.get(Appearance.name) == self._config.frames.dim:
                read[Appearance.name] = seen
        return read

    def _pictured(self, tracks: Mapping[str, FeatureTrack]) -> FeatureTrack | None:
        """The picture space's vectors of the kept frames, float16 as they were in training; None without any."""
        if self._pictures is None:
            return None
        expert = expert_of(self._pictures)
        seen = tracks.get(expert.name)
        if seen is None:
            return None
        sound = np.isfinite(seen.features).all(axis=1)
        times, features = seen.times[sound], seen.features[sound]
        vectors = np.empty((len(features), self._pictures.dim), np.float16)
        for start in range(0, len(features), _FRAMES_AT_ONCE):
            some = np.asarray(features[start : start + _FRAMES_AT_ONCE], np.float32)
            vectors[start : start + len(some)] = self._pictures.embed_segments(expert.recall(some).rows)
        return FeatureTrack(times, vectors)

    def _embed(self, windows: Iterator[Window]) -> Float32Array:
        parts = [np.zeros((0, self.dim), np.float32)]
        while waiting := [self._with_frame(window) for window in islice(windows, _WINDOWS_AT_ONCE)]:
            parts.append(self._video_side().embed(waiting, threads=self._threads))
        return np.concatenate(parts)

    def _with_frame(self, window: Window) -> Window:
        """The window with the mean of its frames' vectors."""
        seen = window.tracks.get(_FRAMES)
        if self._config.frames is None or seen is None:
            return window
        frame = mean_frame(np.asarray(seen.features, np.float32), self._config.frames.dim)
        return Window(window.tracks, window.start_seconds, frame)

    # ---------------------------------------------------------------------------------------------------------- chance

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """The chance that each score fits, by the logistic on the model's card; a calibration over the library knows
        more, and stands in its place where there is one."""
        return self._chances.chance(scores)

    def hit_chance(self, scores: Float32Array, vectors: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """The chance that each hit fits, by :meth:`evened` scores; see :class:`retrieval.spaces.space.JudgesHits`."""
        return self.chance(self.evened(scores, vectors, query), query, items)

    def evened(self, scores: Float32Array, vectors: Float32Array, query: Float32Array) -> Float32Array:
        """``scores`` [n] of windows ``vectors`` [n, d] (or [1, d] for all) by ``query`` [d], as if each had been seen.

        A window without a frame lacks the terms that the text mostly weighs, however well it sounds. Its score is
        divided by the weight of the terms that it has, and a bit more: where a text tells nothing of what is heard,
        little stays little.
        """
        if self._config.frames is None:
            return scores
        starts = np.cumsum([0, *self._widths[:-1]])
        held = np.add.reduceat(np.abs(vectors), starts, axis=1) > 0  # [n, terms]
        weights = np.sqrt(np.add.reduceat(query**2, starts))  # parts of a text are of length 1, times their weights
        parts = np.minimum(held @ weights + _SPARED, 1.0)
        return np.asarray(scores / np.where(held[:, -1], 1.0, parts), np.float32)

    @cached_property
    def _widths(self) -> list[int]:
        """Of each term's part of a vector, in their order."""
        config = self._config
        aligned = [config.aligned_dim(term) for term in config.aligned]
        return [config.width] * len(config.names) + aligned + ([config.frames.dim] if config.frames else [])

    @cached_property
    def _chances(self) -> PlainChances:
        told = self._folder.card.get("chance")
        try:
            return (
                PlainChances(even=float(told["even"]), steepness=float(told["steepness"])) if told else PlainChances()
            )
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(
                f"the card of {self.name} tells its chances by {told!r}, expected even and steepness; train it again"
            ) from error
