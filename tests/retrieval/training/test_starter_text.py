"""The starter's text head in torch is the one in numpy."""

from __future__ import annotations

import numpy as np
import torch

from retrieval.spaces.heads import StarterHeads, unit
from retrieval.spaces.starter import STARTER_WEIGHTS
from retrieval.training.starter_text import StarterText


def test_both_heads_agree_and_nothing_of_it_is_trained() -> None:
    heads = StarterHeads.load(STARTER_WEIGHTS / "heads.safetensors")
    sentences = unit(np.random.default_rng(0).normal(size=(20, 384)).astype(np.float32))
    head = StarterText(heads)
    found = head(torch.from_numpy(sentences)).numpy()
    assert np.allclose(found, heads.embed_texts(sentences), atol=1e-5)
    assert not list(head.parameters())
    assert not head.state_dict()
