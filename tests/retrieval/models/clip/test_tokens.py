"""Token ids are those of open_clip's own tokenizers, whatever the text."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.models.clip.tokens import ClipTokens, is_plain


@cache
def _open_clip_tokenizer(clean: str) -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer(context_length=20, clean=clean)


@pytest.mark.parametrize("clean", ["lower", "whitespace", "canonicalize"])
@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=80) | st.text("aàAßéЖ漢'’\"stmrevld 0123,.!<>_\t\n&;", max_size=60))
def test_ids_are_those_of_open_clip(clean: str, text: str) -> None:
    theirs = _open_clip_tokenizer(clean)([text]).numpy()
    np.testing.assert_array_equal(ClipTokens(20, clean)([text]), theirs)


def test_a_text_is_cut_where_its_end_does_not_fit() -> None:
    tokens = ClipTokens(6)
    assert not tokens.is_cut("a b c d")
    assert tokens.is_cut("a b c d e")
    assert tokens(["a b c d e"])[0, -1] == tokens(["a"])[0].max()


@pytest.mark.parametrize(
    ("given_settings", "model", "plain"),
    [
        ({}, "ViT-B-32", True),
        ({"tokenizer_kwargs": {"clean": "canonicalize"}}, "x", True),
        ({"tokenizer_kwargs": {"reduction_mask": "simple"}}, "x", False),
        ({"hf_tokenizer_name": "xlm-roberta-base"}, "x", False),
        ({}, "ViT-B-16-SigLIP", False),
    ],
)
def test_only_the_plain_tokenizer_is_taken_for_it(given_settings: dict[str, object], model: str, plain: bool) -> None:
    assert is_plain(given_settings, model) is plain
