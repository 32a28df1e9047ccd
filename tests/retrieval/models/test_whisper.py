from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import MissingExtraError, WeightsError
from retrieval.models.whisper import Whisper, log_mel, voiced, whisper_input


def test_the_spectrogram_is_that_of_faster_whisper() -> None:
    from faster_whisper.feature_extractor import FeatureExtractor

    sound = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)

    ours = whisper_input(log_mel(sound))

    np.testing.assert_allclose(ours, FeatureExtractor()(sound, padding=0)[:, : ours.shape[1]], atol=1e-5)


def test_states_are_those_of_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight-bit arithmetic changes little."""
    mel = whisper_input(log_mel(np.random.default_rng(0).normal(0, 0.1, 160_000).astype(np.float32)))[None]
    quick = Whisper().states(mel)
    monkeypatch.setattr("retrieval.models.whisper._COMPUTE", "float32")
    exact = Whisper().states(mel)

    cosines = (quick * exact).sum(axis=2) / np.linalg.norm(quick, axis=2) / np.linalg.norm(exact, axis=2)
    assert quick.shape == (1, 500, 384)
    assert np.median(cosines) > 0.98


def test_other_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.models.packaged.PackagedFile.read", _differs)

    with pytest.raises(WeightsError, match="not the expected file"):
        Whisper().load()


def _differs(self: object) -> bytes:
    raise WeightsError("model.bin of package p is not the expected file")


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"can't be loaded as a Whisper model.*CTranslate2"):
        Whisper(tmp_path).load()


def test_without_the_extra_its_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)

    with pytest.raises(MissingExtraError, match=r'pip install "vidi\[speech\]"'):
        Whisper().load()


def test_no_voice_is_found_in_silence_and_noise() -> None:
    sound = np.random.default_rng(0).normal(0, 0.05, 64_000).astype(np.float32)

    for silent in (np.zeros(64_000, np.float32), sound):
        assert voiced(silent, longest_seconds=25, pause_seconds=0.5, pad_seconds=0.2) == []
