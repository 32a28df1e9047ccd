"""How well a model finds clips by their captions, and captions by their clips."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from retrieval.evaluation.metrics import RankSummary, summarize
from retrieval.evaluation.retrieval_protocol import rank_both_ways
from retrieval.models.mmt import Mmt, texts_to_torch, videos_to_torch
from retrieval.models.mmt_inputs import prepare_windows
from retrieval.training.mmt.captions import CaptionStates, PictureTexts
from retrieval.training.mmt.clips import ClipSet
from retrieval.types import Float32Array

__all__ = ["FEWEST_FOR_CHANCE", "Embedded", "embed_clips", "fit_chance", "measure"]

FEWEST_FOR_CHANCE: Final = 50
"""Clips; of fewer, a logistic is fitted to accidents, and a library's own calibration knows better."""

_AT_ONCE: Final = 64
_NEWTON_STEPS: Final = 25
_RIDGE: Final = 1e-3  # a share of the clips: pairs that are told apart wholly would have no end


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """``texts`` [m, d] of captions, ``owners`` [m] their clips, ``windows`` [w, d] of all n clips, in their order;
    ``firsts`` [n]: where those of each begin."""

    texts: Float32Array
    owners: NDArray[np.intp]
    windows: Float32Array
    firsts: NDArray[np.intp]

    def scores(self) -> Float32Array:
        """Of each caption with each clip, by its best window, as a search ranks: [m, n]."""
        return np.maximum.reduceat(self.texts @ self.windows.T, self.firsts, axis=1)

    def figures(self) -> tuple[RankSummary, RankSummary]:
        """Captions to clips, and clips to captions."""
        to_clips, to_captions = rank_both_ways(self.scores(), self.owners)
        return summarize(to_clips), summarize(to_captions)


def embed_clips(
    model: Mmt,
    clips: ClipSet,
    captions: CaptionStates,
    picture_texts: PictureTexts | None,
    device: torch.device | str = "cpu",
) -> Embedded:
    """The vectors that the index would hold; the model's mode is put back."""
    told: list[str] = []
    owners, counts = [], []
    texts, windows = [], []
    with _evaluating(model):
        for start in range(0, len(clips), _AT_ONCE):
            some = [clips[number] for number in range(start, min(start + _AT_ONCE, len(clips)))]
            owners += [start + row for row, clip in enumerate(some) for _ in clip.captions]
            told += [caption for clip in some for caption in clip.captions]
            counts += [len(clip.windows) for clip in some]
            waiting = (clip.windows[number] for clip in some for number in range(len(clip.windows)))
            while batch := list(islice(waiting, _AT_ONCE)):
                videos = videos_to_torch(prepare_windows(batch, model.config), device)
                windows.append(model.embed_videos(videos).joined().float().cpu().numpy())
        for start in range(0, len(told), _AT_ONCE):
            text = captions.batch(told[start : start + _AT_ONCE], model.config, picture_texts)
            texts.append(model.embed_texts(texts_to_torch(text, device)).joined().float().cpu().numpy())
    firsts = np.cumsum([0, *counts[:-1]], dtype=np.intp)
    return Embedded(np.concatenate(texts), np.array(owners, np.intp), np.concatenate(windows), firsts)


def measure(embedded: Embedded) -> dict[str, Any]:
    """Both ways, as `vidi eval retrieval --json` names them."""
    to_clips, to_captions = embedded.figures()
    return {"text_to_media": to_clips.to_json(), "media_to_text": to_captions.to_json()}


def fit_chance(embedded: Embedded) -> dict[str, float] | None:
    """A logistic from score to the chance that a clip fits: the right one's scores against those of the best wrong one.

    ``even`` is the score at which both are as likely, ``steepness`` the slope there. None where clips are
    fewer than :data:`FEWEST_FOR_CHANCE`.
    """
    if len(embedded.firsts) < FEWEST_FOR_CHANCE:
        return None
    scores = embedded.scores()
    right = scores[np.arange(len(scores)), embedded.owners]
    scores[np.arange(len(scores)), embedded.owners] = -np.inf
    x = np.concatenate([right, scores.max(axis=1)]).astype(np.float64)
    y = np.repeat([1.0, 0.0], len(right))
    centre, spread = x.mean(), max(float(x.std()), 1e-6)
    z = np.stack([(x - centre) / spread, np.ones_like(x)], axis=1)
    weights = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-z @ weights))
        hessian = (z * (chance * (1 - chance))[:, None]).T @ z + _RIDGE * len(x) * np.eye(2)
        weights += np.linalg.solve(hessian, z.T @ (y - chance) - _RIDGE * len(x) * weights)
    slope = max(float(weights[0]), 1e-3)
    return {"even": float(centre - spread * weights[1] / slope), "steepness": slope / spread}


@contextmanager
def _evaluating(model: Mmt) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)
