"""Aligned terms: even attention is the mean, padding has no share, and the whole stays one inner product."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from retrieval.models.mmt import Mmt, texts_to_torch, videos_to_torch
from retrieval.models.mmt_config import AlignedTerm, AlignedText, FrameTerm, Missing, MmtConfig, TokenText, mmt_small
from retrieval.models.mmt_inputs import Window, prepare_texts, prepare_windows
from tests.retrieval.models.mmt_cases import noise, track

WIDTH = 24


def config(**options: object) -> MmtConfig:
    text = TokenText(dim=WIDTH, layers=1, heads=4, feed_forward=32)
    aligned = [
        AlignedTerm(name="event 1", expert="appearance", text=AlignedText.PICTURES),
        AlignedTerm(name="event 2", expert="appearance", text=AlignedText.PICTURES),
        AlignedTerm(name="speech", expert="speech", text=AlignedText.SENTENCES),
    ]
    made = mmt_small(
        {"appearance": 10, "speech": WIDTH}, frames=FrameTerm(space="starter", dim=10), aligned=aligned, width=16,
        layers=1, feed_forward=32, text=text,
    )  # fmt: skip
    return replace(made, **options)


def head(sentences: torch.Tensor) -> torch.Tensor:
    return F.normalize(sentences[:, :10], dim=-1)


def model(of: MmtConfig) -> Mmt:
    torch.manual_seed(0)
    return Mmt(of, picture_text=head).eval()


def windows() -> list[Window]:
    whole = {"appearance": track(5, 10, seed=1), "speech": track(2, WIDTH, seed=2)}
    return [Window(whole, 0.0, noise(10)), Window({"appearance": track(3, 10, seed=3)}, 0.0, noise(10, seed=4))]


def texts(of: MmtConfig) -> tuple[list[np.ndarray], object]:
    states = [noise(4, WIDTH, seed=5), noise(7, WIDTH, seed=6)]
    return states, texts_to_torch(prepare_texts(states, of, noise(2, 10, seed=7)))


def test_even_attention_is_the_mean_of_features_and_the_whole_sentence() -> None:
    of = config()
    made = model(of)
    assert made.video.aligned is not None
    assert made.text.aligned is not None
    for part in (*made.video.aligned.scores, *made.text.aligned.scores):
        torch.nn.init.zeros_(part.get_parameter("weight"))
    states, batch = texts(of)
    with torch.inference_mode():
        videos = made.embed_videos(videos_to_torch(prepare_windows(windows(), of)))
        found = made.embed_texts(batch)  # type: ignore[arg-type]
    mean = windows()[1].tracks["appearance"].features.mean(axis=0)
    assert np.allclose(videos.aligned[0][1], mean / np.linalg.norm(mean), atol=1e-6)
    sentence = states[0].mean(axis=0) / np.linalg.norm(states[0].mean(axis=0))
    assert np.allclose(found.aligned[2][0], sentence, atol=1e-6)
    assert np.allclose(found.aligned[0][0], head(torch.from_numpy(sentence)[None])[0], atol=1e-5)


def test_a_missing_expert_adds_nothing_and_padding_has_no_share() -> None:
    of = config()
    made = model(of)
    with torch.inference_mode():
        both = made.embed_videos(videos_to_torch(prepare_windows(windows(), of)))
        alone = made.embed_videos(videos_to_torch(prepare_windows(windows()[1:], of)))
    assert not both.aligned[2][1].any()
    for one, other in zip(both.aligned, alone.aligned, strict=True):
        assert torch.allclose(one[1], other[0], atol=1e-5)


def test_the_similarity_is_the_sum_of_all_terms() -> None:
    of = config()
    made = model(of)
    _, batch = texts(of)
    with torch.inference_mode():
        videos = made.embed_videos(videos_to_torch(prepare_windows(windows(), of)))
        found = made.embed_texts(batch)  # type: ignore[arg-type]
        joined = made.similarity(found, videos)
    assert videos.joined().shape == (2, of.dim)
    assert torch.allclose(found.weights.sum(dim=1), torch.ones(2))
    parts = [found.experts[:, row] @ videos.experts[:, row].T for row in range(2)]
    parts += [one @ other.T for one, other in zip(found.aligned, videos.aligned, strict=True)]
    assert found.frames is not None
    assert videos.frames is not None
    parts.append(found.frames @ videos.frames.T)
    summed = sum(found.weights[:, row, None] * part for row, part in enumerate(parts))
    assert torch.allclose(joined, summed, atol=1e-6)


def test_the_configuration_survives_json_and_refuses_what_does_not_fit() -> None:
    of = config()
    assert MmtConfig.from_json(of.to_json()) == of
    with pytest.raises(ValueError, match="expected an expert of width 24"):
        config(aligned=(AlignedTerm(name="x", expert="appearance", text=AlignedText.SENTENCES),))
    with pytest.raises(ValueError, match="expected the picture space's text head"):
        Mmt(of)


def test_weights_that_are_made_anew_for_each_pair_know_no_aligned_terms() -> None:
    with pytest.raises(ValueError, match="know no aligned terms"):
        config(missing=Missing.RENORMALISED)
