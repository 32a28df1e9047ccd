"""The model against the paper's sums; :mod:`tests.parity.test_mmt` holds its layers against another implementation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from retrieval.models.mmt import Mmt, TextVectors, VideoVectors, texts_to_torch, videos_to_torch
from retrieval.models.mmt_config import (
    FeatureTokens,
    Missing,
    Mixture,
    MmtConfig,
    TokenText,
    UnitLength,
    VideoEncoder,
    mmt_activitynet,
    mmt_howto100m,
    mmt_lsmdc,
    mmt_msrvtt,
)
from retrieval.models.mmt_inputs import TextBatch, Window, mean_frame, prepare_windows
from retrieval.types import FeatureTrack
from tests.retrieval.models.mmt_cases import DIMS, ids, noise, small_bert, small_config, texts, track, videos, windows


def made(config: MmtConfig) -> Mmt:
    """Every weight away from its start, so that none can be missed."""
    torch.manual_seed(1)
    model = Mmt(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer += torch.rand_like(buffer)
    return model.eval()


def vectors(model: Mmt, those: list[Window]) -> VideoVectors:
    with torch.inference_mode():
        return model.embed_videos(videos_to_torch(prepare_windows(those, model.config)))


def phrases(model: Mmt) -> TextVectors:
    with torch.inference_mode():
        return model.embed_texts(texts_to_torch(texts(model.config)))


# ---------------------------------------------------------------------------------------------------- the paper's sizes


def test_the_papers_model_has_the_papers_parameters() -> None:
    with torch.device("meta"):
        model = Mmt(mmt_msrvtt())

    count = sum(parameter.numel() for parameter in model.parameters())
    bert = sum(parameter.numel() for parameter in model.text.encoder.parameters())
    assert count == 133_357_063
    assert count - bert == 25_046_791


@pytest.mark.parametrize("config", [mmt_activitynet(), mmt_lsmdc(), mmt_howto100m()], ids=["anet", "lsmdc", "ht100m"])
def test_the_other_sizes_differ_where_the_paper_says(config: MmtConfig) -> None:
    with torch.device("meta"):
        transformer = Mmt(config).video.transformer

    assert transformer is not None
    assert transformer.positions.num_embeddings == config.max_position == (102 if config == mmt_activitynet() else 32)
    assert transformer.types.num_embeddings == (19 if config == mmt_howto100m() else 10)
    assert {e.name: e.dim for e in config.experts}.get("face", 128) == 128
    assert len(config.experts) == (7 if config == mmt_lsmdc() else 2)


# ------------------------------------------------------------------------------------------------------- the similarity


def test_the_batched_similarity_is_the_papers_sum() -> None:
    model = made(small_config(frames=False, missing=Missing.SCORED))
    phrase, video = phrases(model), vectors(model, windows())

    together = model.similarity(phrase, video)

    for q in range(4):
        for n in range(5):
            terms = [phrase.weights[q, i] * (phrase.experts[q, i] @ video.experts[n, i]) for i in range(3)]
            assert together[q, n].item() == pytest.approx(sum(terms).item(), abs=1e-6)
    np.testing.assert_allclose(phrase.weights.sum(dim=1), 1, atol=1e-6)
    np.testing.assert_allclose(phrase.experts.norm(dim=-1), 1, atol=1e-6)
    np.testing.assert_allclose(video.experts.norm(dim=-1), 1, atol=1e-6)


def test_it_is_one_inner_product_of_what_is_joined() -> None:
    model = made(small_config())
    phrase, video = phrases(model), vectors(model, windows())

    assert phrase.joined().shape[1] == video.joined().shape[1] == model.config.dim
    torch.testing.assert_close(model.similarity(phrase, video), phrase.joined() @ video.joined().T)
    assert not torch.allclose(phrase.joined().norm(dim=1), torch.ones(4), atol=1e-2)  # stored as they are


def test_texts_and_windows_are_the_same_alone_and_in_a_batch() -> None:
    model = made(small_config())
    together = vectors(model, windows()).joined()

    for row, window in enumerate(windows()):
        torch.testing.assert_close(vectors(model, [window]).joined()[0], together[row], atol=1e-5, rtol=0)


def test_mean_pooled_frames_are_a_special_case() -> None:
    model = made(small_config())
    with torch.no_grad():
        assert model.text.frame_weight is not None
        model.text.frame_weight.bias.fill_(50.0)
    phrase, video = phrases(model), vectors(model, windows())

    assert phrase.frames is not None
    assert video.frames is not None
    torch.testing.assert_close(model.similarity(phrase, video), phrase.frames @ video.frames.T, atol=1e-5, rtol=0)


def test_training_starts_near_the_frames() -> None:
    torch.manual_seed(0)
    model = Mmt(small_config()).eval()

    assert phrases(model).weights[:, -1].min() > 0.75


# ------------------------------------------------------------------------------------------------------ missing experts


@pytest.mark.parametrize("missing", [Missing.SCORED, Missing.ZERO])
def test_a_missing_expert_changes_nothing_but_its_own_term(missing: Missing) -> None:
    """Whatever numbers stand in its place, in the batch as in the pooled features."""
    model = made(small_config(missing=missing))
    batch = prepare_windows(windows(), model.config)
    with torch.inference_mode():
        clean = model.embed_videos(videos_to_torch(batch)).experts
        absent = ~batch.experts["speech"].present
        batch.experts["speech"].features[absent] = 7.0
        batch.experts["speech"].pooled[absent] = 9.0
        garbage = model.embed_videos(videos_to_torch(batch)).experts

    assert absent.any()
    assert not absent.all()
    torch.testing.assert_close(garbage[:, :2], clean[:, :2], atol=1e-6, rtol=0)
    torch.testing.assert_close(garbage[~absent], clean[~absent], atol=1e-6, rtol=0)


def test_the_paper_scores_the_empty_token_of_a_missing_expert() -> None:
    scored, zero = (
        vectors(made(small_config(missing=missing)), windows()).experts for missing in (Missing.SCORED, Missing.ZERO)
    )

    assert (scored[1, 2].norm() - 1).abs() < 1e-5
    assert zero[1, 2].norm() == 0
    torch.testing.assert_close(zero[0], scored[0])


def test_renormalising_shares_the_weight_of_what_is_missing() -> None:
    model = made(small_config(missing=Missing.RENORMALISED))
    phrase, video = phrases(model), vectors(model, windows())

    together = model.similarity(phrase, video)

    present = [True, True, False]
    weights = phrase.weights[0] * torch.tensor([*present, True])  # and the frames
    weights = weights / weights.sum()
    assert phrase.frames is not None
    assert video.frames is not None
    terms = [weights[i] * (phrase.experts[0, i] @ video.experts[1, i]) for i in range(3)]
    assert together[0, 1].item() == pytest.approx(
        (sum(terms) + weights[3] * (phrase.frames[0] @ video.frames[1])).item(), abs=1e-6
    )


def test_a_video_of_which_no_expert_says_anything_has_a_score() -> None:
    model = made(small_config(missing=Missing.RENORMALISED))

    similarity = model.similarity(phrases(model), vectors(model, [Window({})]))

    assert torch.isfinite(similarity).all()
    assert similarity.abs().max() == 0


# -------------------------------------------------------------------------------------------------------------- times


def reversed_in_time(window: Window) -> Window:
    turned = {name: FeatureTrack(track.times, track.features[::-1].copy()) for name, track in window.tracks.items()}
    return Window(turned, window.start_seconds, window.frame)


def listed_backwards(window: Window) -> Window:
    turned = {
        name: FeatureTrack(track.times[::-1].copy(), track.features[::-1].copy())
        for name, track in window.tracks.items()
    }
    return Window(turned, window.start_seconds, window.frame)


@pytest.mark.parametrize(
    ("features", "matters"),
    [(FeatureTokens.ORDERED, True), (FeatureTokens.UNTIMED, False), (FeatureTokens.POOLED, False)],
)
def test_the_order_of_features_matters_exactly_when_times_are_given(features: FeatureTokens, matters: bool) -> None:
    model = made(small_config(features=features))
    forwards = vectors(model, windows()).experts

    backwards = vectors(model, [reversed_in_time(window) for window in windows()]).experts

    assert ((forwards - backwards).abs().max() > 1e-3) == matters
    if not matters:
        torch.testing.assert_close(backwards, forwards, atol=1e-5, rtol=0)


def test_the_order_in_which_timed_features_are_listed_does_not_matter() -> None:
    model = made(small_config())

    torch.testing.assert_close(
        vectors(model, [listed_backwards(window) for window in windows()]).experts,
        vectors(model, windows()).experts,
        atol=1e-5,
        rtol=0,
    )


def test_shuffled_features_keep_their_times_among_them() -> None:
    ordered, shuffled = (videos(small_config(features=way)) for way in (FeatureTokens.ORDERED, FeatureTokens.SHUFFLED))

    for name in DIMS:
        before, after = ordered.experts[name], shuffled.experts[name]
        np.testing.assert_array_equal(np.sort(after.positions, axis=1), np.sort(before.positions, axis=1))
        assert (after.positions != before.positions).any()
        np.testing.assert_array_equal(after.features, before.features)


# ----------------------------------------------------------------------------------------------------------- variants


def test_gating_reads_pooled_features_alone_and_skips_missing_experts() -> None:
    model = made(small_config(encoder=VideoEncoder.GATING))
    batch = prepare_windows(windows(), model.config)
    with torch.inference_mode():
        clean = model.embed_videos(videos_to_torch(batch)).experts
        for expert in batch.experts.values():
            expert.features[:] = 0
        batch.experts["speech"].pooled[~batch.experts["speech"].present] = 9.0
        again = model.embed_videos(videos_to_torch(batch)).experts

    torch.testing.assert_close(again, clean)
    assert clean[0].norm(dim=-1).tolist() == pytest.approx([1, 1, 1], abs=1e-5)


def test_gating_is_by_what_an_expert_shares_with_the_others() -> None:
    """Equation 1 of Liu et al. 2019 written out for the first window."""
    model = made(small_config(encoder=VideoEncoder.GATING))
    gating = model.video.gating
    assert gating is not None
    experts, present = torch.randn(1, 3, 16), torch.tensor([[True, True, False]])

    with torch.inference_mode():
        gated = gating(experts, present)
        common = gating.pair(torch.cat([experts[0, 0], experts[0, 1]]))
        torch.testing.assert_close(gated[0, 0], experts[0, 0] * gating.gate(common).sigmoid())
        torch.testing.assert_close(gated[0, 2], experts[0, 2] * gating.gate(torch.zeros(16)).sigmoid())


def test_an_even_mixture_reads_no_weight_in_the_text() -> None:
    model = made(small_config(mixture=Mixture.EVEN))

    assert (phrases(model).weights == 0.25).all()
    assert not any(name.startswith(("weights", "frame_weight")) for name, _ in model.text.named_parameters())


def test_one_expert_is_a_model_too() -> None:
    config = small_config(frames=False)
    model = made(replace(config, experts=config.experts[1:2]))

    assert model.similarity(phrases(model), vectors(model, windows())).shape == (4, 5)


def test_slots_are_normalised_as_the_authors_code_does() -> None:
    """Each channel over all slots of an expert, those of padding with it."""
    model = made(small_config(unit_length=UnitLength.SLOTS, missing=Missing.SCORED))
    projection = model.video.projections["audio"]
    batch = prepare_windows(windows(), model.config).experts["audio"]

    projected = projection(torch.from_numpy(batch.features))

    assert batch.features.shape[1] == model.config.most_features
    np.testing.assert_allclose(projected.detach().norm(dim=1), 1, atol=1e-5)


def test_bert_is_a_text_tower() -> None:
    config = replace(small_config(frames=False), text=small_bert())
    model = made(config)
    batch = texts_to_torch(ids(config))

    with torch.inference_mode():
        together = model.embed_texts(batch)
        alone = model.embed_texts(TextBatch(batch.tokens[:1, :4], batch.mask[:1, :4]))

    torch.testing.assert_close(alone.joined()[0], together.joined()[0], atol=1e-5, rtol=0)  # padding is not read


def test_without_upper_layers_the_text_is_the_mean_of_its_tokens() -> None:
    config = replace(small_config(), text=TokenText(dim=24, layers=0, heads=4))
    model = Mmt(config)
    batch = texts_to_torch(texts(config))

    states, of_tokens = model.text.encoder(batch.tokens, batch.mask)

    torch.testing.assert_close(of_tokens, batch.tokens)
    torch.testing.assert_close(states[0], batch.tokens[0, :3].mean(dim=0))


def test_gradients_reach_every_weight() -> None:
    model = Mmt(small_config())
    batch = videos_to_torch(videos(model.config))
    model(texts_to_torch(texts(model.config)), batch).square().sum().backward()

    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert without == []


@pytest.mark.parametrize("encoder", VideoEncoder)
@pytest.mark.parametrize("missing", [Missing.SCORED, Missing.ZERO])
def test_a_model_that_has_just_begun_learns_from_windows_that_lack_an_expert(
    missing: Missing, encoder: VideoEncoder
) -> None:
    torch.manual_seed(0)
    features = FeatureTokens.POOLED if encoder is VideoEncoder.GATING else FeatureTokens.ORDERED
    model = Mmt(small_config(missing=missing, encoder=encoder, features=features)).eval()
    batch = videos_to_torch(videos(model.config))
    model(texts_to_torch(texts(model.config)), batch).square().sum().backward()

    largest = max(float(one.grad.abs().max()) for one in model.parameters() if one.grad is not None)
    assert largest < 1e3


def test_what_is_drawn_in_training_differs_and_not_in_evaluation() -> None:
    config = replace(small_config(), most_features=4)
    window = [Window({"audio": track(40, DIMS["audio"])})]
    generator = np.random.default_rng(0)

    fixed = [prepare_windows(window, config).experts["audio"].positions for _ in range(2)]
    drawn = [prepare_windows(window, config, generator).experts["audio"].positions for _ in range(2)]

    np.testing.assert_array_equal(*fixed)
    assert (drawn[0] != drawn[1]).any()
    assert (np.diff(drawn[0]) > 0).all()  # in order


def test_the_aggregated_feature_is_the_maximum_of_all_before_some_are_drawn() -> None:
    config = replace(small_config(), most_features=4)
    long = track(40, DIMS["audio"])

    batch = prepare_windows([Window({"audio": long})], config).experts["audio"]

    np.testing.assert_allclose(batch.pooled[0], long.features.max(axis=0))


def test_a_mean_of_frames_has_length_one_and_no_frames_are_zeros() -> None:
    assert np.linalg.norm(mean_frame(noise(7, 10), 10)) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(mean_frame(np.zeros((0, 10), np.float32), 10), np.zeros(10))
