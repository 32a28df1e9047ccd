"""What is taken off a picture's scores for lying near all texts, the losses, the views, and the agreement of names."""

from __future__ import annotations

import numpy as np
import torch

from retrieval.spaces.heads import HubPart, unit
from retrieval.training.agreement import agreement
from retrieval.training.losses import clip_loss, soft_choice
from retrieval.training.picture_views import views_of

ONE = np.ones(1, np.float32)


def test_a_picture_near_all_texts_loses_to_one_near_few() -> None:
    bank = unit(np.array([[1, 0.2], [1, -0.2], [1, 0]], np.float32))
    hubs = HubPart(bank, heat=20 * ONE, usual=0.5 * ONE, strength=0.5 * ONE)
    pictures = unit(np.array([[1, 0], [0.2, 1]], np.float32))  # a hub, and one that lies near none
    query = unit(np.array([[1, 0.7]], np.float32))
    assert (query @ pictures.T).argmax() == 0
    joined = hubs.join_texts(query) @ hubs.join_pictures(pictures).T
    assert joined.argmax() == 1
    np.testing.assert_allclose(np.linalg.norm(hubs.join_pictures(pictures), axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(hubs.join_texts(query), axis=1), 1, rtol=1e-6)


def test_a_picture_unlike_all_texts_gains_little() -> None:
    hubs = HubPart(np.array([[1, 0]], np.float32), heat=20 * ONE, usual=0.5 * ONE, strength=0.5 * ONE)
    far, farther = hubs.join_pictures(np.array([[0, 1], [-1, 0]], np.float32))
    assert far[-1] == farther[-1] < 0.1


def test_matching_pairs_have_the_least_loss() -> None:
    right = 10 * torch.eye(4)
    assert clip_loss(right) < 0.01 < clip_loss(right.roll(1, 0))


def test_soft_choice_passes_over_rows_that_nothing_fits() -> None:
    scores = torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    fits = np.array([[1, 0], [0, 0]], np.float32)
    torch.testing.assert_close(soft_choice(scores, fits), -scores[0].log_softmax(0)[0])


def test_views_are_the_whole_its_mirror_and_two_crops() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    views = views_of(pixels, np.random.default_rng(1))
    assert views.shape == (4, 32, 32, 3)
    np.testing.assert_array_equal(views[0], pixels)
    np.testing.assert_array_equal(views[1], pixels[:, ::-1])
    np.testing.assert_array_equal(views, views_of(pixels, np.random.default_rng(1)))
    assert (views[2] != views[0]).any()


def test_agreement_counts_coverable_pictures_alone() -> None:
    covers = np.zeros((6, 1000), np.bool_)
    covers[0, 7] = covers[1, 8] = True
    words = np.eye(6, dtype=np.float32)
    pictures = np.array(
        [[1, 0, 0, 0, 0, 0], [0.9, 1, 0, 0, 0, 0], [1, 0.5, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]], np.float32
    )
    found = agreement(pictures, words, covers, np.array([7, 8, 8, 500]))
    assert round(found.top1, 1) == 66.7
    assert (found.top5, found.coverable) == (100.0, 75.0)
