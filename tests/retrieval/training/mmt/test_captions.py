"""Captions are encoded once, and a batch is as wide as its longest."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from retrieval.models.mmt_config import MmtConfig
from retrieval.models.sentence_encoder import SentenceEncoder, TokenEncoder, TokenStates
from retrieval.training.mmt import captions as module
from retrieval.training.mmt.captions import CaptionStates
from retrieval.training.stage_cache import StageCache
from tests.retrieval.training.mmt.conftest import texts_of


def test_states_come_from_the_cache_the_second_time(
    toy_config: MmtConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["a dog", "a dog runs over the wide green field", "a dog"]
    first = CaptionStates(StageCache(tmp_path), lambda line: None)
    first.add(texts)
    batch = first.batch(texts, toy_config, texts_of)
    monkeypatch.setattr(module.TokenEncoder, "load", lambda: pytest.fail("encoded again"))
    second = CaptionStates(StageCache(tmp_path), lambda line: None)
    second.add(texts)
    again = second.batch(texts, toy_config, texts_of)
    assert np.array_equal(batch.tokens, again.tokens)
    assert batch.mask.sum(axis=1).tolist() == [4, 10, 4]
    assert batch.frames is not None
    assert batch.frames.shape == (3, 10)


def test_the_mean_of_states_is_the_sentence(toy_config: MmtConfig, tmp_path: Path) -> None:
    states = CaptionStates(StageCache(tmp_path), lambda line: None)
    states.add(["a dog runs"])
    tokens = states.batch(["a dog runs"], toy_config, None).tokens[0]
    mean = tokens.mean(axis=0)
    assert np.allclose(mean / np.linalg.norm(mean), SentenceEncoder.load().encode(["a dog runs"])[0], atol=2e-3)


def test_another_table_has_only_its_new_captions_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CaptionStates(StageCache(tmp_path), lambda line: None).add(["a dog", "a cat"])
    encoded: list[str] = []
    encode = module.TokenEncoder.encode

    def counting(self: TokenEncoder, texts: Sequence[str]) -> TokenStates:
        encoded.extend(texts)
        return encode(self, texts)

    monkeypatch.setattr(module.TokenEncoder, "encode", counting)
    CaptionStates(StageCache(tmp_path), lambda line: None).add(["a cat", "a red bus", "a dog"])
    assert encoded == ["a red bus"]


def test_states_are_read_batch_by_batch(toy_config: MmtConfig, tmp_path: Path) -> None:
    """What memory holds does not grow with the captions' lengths: of each, where it lies."""
    texts = [f"caption {number} of a dog that runs over the wide green field" for number in range(600)]
    CaptionStates(StageCache(tmp_path), lambda line: None).add(texts)
    kept = sum(path.stat().st_size for path in tmp_path.iterdir())
    tracemalloc.start()
    states = CaptionStates(StageCache(tmp_path), lambda line: None)
    states.add(texts)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < kept / 10
    assert states.batch(texts[5:7], toy_config, None).mask.sum(axis=1).tolist() == [15, 15]


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    CaptionStates(StageCache(tmp_path), lambda line: None).add(["a dog"])
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    CaptionStates(StageCache(tmp_path), lambda line: None).add(["a dog"])
    assert path.read_bytes() == whole
