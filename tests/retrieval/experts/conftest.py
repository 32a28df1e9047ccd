"""Sounds to hear: made by arithmetic, or spoken by espeak-ng."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Callable

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.experts.text_vectors import TextVectors
from retrieval.media.pieces import SOUND_RATE, SoundPiece
from retrieval.models.whisper import Whisper

Say = Callable[..., NDArray[np.int16]]


@pytest.fixture(scope="session")
def whisper() -> Whisper:
    return Whisper(threads=1)


@pytest.fixture(scope="session")
def vectors() -> TextVectors:
    return TextVectors(threads=1)


@pytest.fixture(scope="session")
def say() -> Say:
    """Speaks a text in a voice of espeak-ng: samples [n] int16 at 16 kHz."""
    if shutil.which("espeak-ng") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("espeak-ng is not installed; run: apt-get install espeak-ng")
        pytest.skip("espeak-ng is not installed; run: apt-get install espeak-ng")

    def spoken(text: str, voice: str = "en-us", speed: int = 160) -> NDArray[np.int16]:
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text]
        wave = subprocess.run(command, check=True, capture_output=True).stdout
        resampler = av.AudioResampler("s16", "mono", SOUND_RATE)
        with av.open(io.BytesIO(wave)) as container:
            frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])

    return spoken


def pieces(samples: NDArray[np.int16], start_seconds: float = 0.0, seconds: float = 5.0) -> list[SoundPiece]:
    """``samples`` cut as a decoder gives them."""
    size = round(seconds * SOUND_RATE)
    return [SoundPiece(start_seconds + at / SOUND_RATE, samples[at : at + size]) for at in range(0, len(samples), size)]


def tone(seconds: float, hertz: float = 440.0) -> NDArray[np.int16]:
    places = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    return (np.sin(2 * np.pi * hertz * places) * 8000).astype(np.int16)


def noise(seconds: float, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * SOUND_RATE)).astype(np.int16)


def melody(seconds: float, seed: int = 0) -> NDArray[np.int16]:
    """Chords of harmonics that fade, with a beat of noise under them."""
    generator = np.random.default_rng(seed)
    places = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    sound = np.zeros_like(places)
    for start in np.arange(0, seconds, 0.5):
        inside = (places >= start) & (places < start + 0.6)
        since = places[inside] - start
        for step in generator.choice([0, 2, 4, 5, 7, 9, 11], 3, replace=False):
            pitch = 220 * 2 ** (step / 12)
            chord = sum(np.sin(2 * np.pi * pitch * harmonic * since) / harmonic for harmonic in range(1, 8))
            sound[inside] += chord * np.minimum(1, since / 0.02) * np.exp(-3 * since)
        sound[inside] += generator.normal(0, 1, len(since)) * np.exp(-40 * since)
    return (sound / np.abs(sound).max() * 15000).astype(np.int16)
