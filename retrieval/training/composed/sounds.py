"""Named sounds and spoken sentences as waves: mono, 16,000 samples a second, -1 to 1.

The table ``data/sounds.csv`` names files of two Debian packages, ``tuxpaint-stamps-default`` and ``sonic-pi-samples``;
a folder of one's own may hold another ``sounds.csv`` with paths relative to it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import av
import numpy as np

from retrieval.errors import DatasetError, MissingExtraError
from retrieval.evaluation.tables import read_table
from retrieval.training.composed.parts import NamedSound, Noise, Quiet, Saying
from retrieval.types import Float32Array

__all__ = ["SAMPLE_RATE", "VOICES", "SoundSet", "find_sounds", "heard_wave"]

SAMPLE_RATE: Final = 16_000
PACKAGES: Final = (Path("/usr/share/tuxpaint/stamps"), Path("/usr/share/sonic-pi/samples"))
VOICES: Final = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-us+f2", "en-us+f4", "en-gb+f3", "en-gb+m3")

_LEAST_RMS: Final = 1e-3  # a stamp without a sound of its own has a file of silence
_COLUMNS: Final = ("file", "subject", "verb", "participle")


@dataclass(frozen=True, slots=True)
class SoundSet:
    """Sounds to train on, and others, of like things, that are kept for measuring alone."""

    sounds: tuple[NamedSound, ...]
    held_out: tuple[NamedSound, ...]


def find_sounds(folders: Sequence[Path] = PACKAGES) -> SoundSet:
    """The sounds of a table that are in one of ``folders``: the folder's own ``sounds.csv``, else that of vidi.

    Raises:
        DatasetError: a table can't be read, or there is not one sound.
    """
    found: dict[bool, dict[str, NamedSound]] = {False: {}, True: {}}
    for folder in folders:
        own = folder / "sounds.csv"
        table = own if own.exists() else Path(str(files("retrieval.training.composed").joinpath("data", "sounds.csv")))
        for row in read_table(table, _COLUMNS, ("is_held_out",)):
            path = folder / row.text("file")
            if path.exists():
                named = NamedSound(path, row.text("subject"), row.text("verb"), row.text("participle"))
                found[bool(row.cells.get("is_held_out"))][row.text("file")] = named
    if not found[False]:
        named_folders = ", ".join(str(folder) for folder in folders)
        raise DatasetError(
            f"there is no named sound in {named_folders}; expected the files of sounds.csv: install the Debian "
            f"packages tuxpaint-stamps-default and sonic-pi-samples, or name a folder with a sounds.csv of its own"
        )
    return SoundSet(tuple(found[False].values()), tuple(found[True].values()))


def heard_wave(heard: Noise | Saying | Quiet, seconds: int) -> Float32Array:
    """``seconds`` of it, [16000 · seconds]: a noise again and again, a saying once from the start, or silence.

    Raises:
        MissingExtraError: espeak-ng is not installed, and a saying is to be spoken.
        OSError: the noise's file can't be read, or espeak-ng fails.
    """
    if isinstance(heard, Noise):
        return _noise_wave(heard, seconds)
    samples = seconds * SAMPLE_RATE
    wave = _saying_wave(heard)[:samples] if isinstance(heard, Saying) else np.zeros(0, np.float32)
    return np.pad(wave, (0, samples - len(wave)))


def _noise_wave(noise: Noise, seconds: int) -> Float32Array:
    """Pitch, loudness and pauses are drawn by the seed."""
    rng = np.random.default_rng(noise.seed)
    wave = _loud(_read(noise.sound.file.open("rb")))
    pitch = rng.uniform(0.88, 1.14)
    wave = np.interp(np.arange(0, len(wave) - 1, pitch), np.arange(len(wave)), wave).astype(np.float32)
    wave = wave[: 8 * SAMPLE_RATE]
    pause = np.zeros(int(rng.uniform(0.05, 0.6) * SAMPLE_RATE), np.float32)
    begun = int(rng.integers(0, max(1, len(wave) // 3))) if len(wave) > 3 * SAMPLE_RATE else 0
    turns = [wave[begun:], pause] + [wave, pause] * (seconds * SAMPLE_RATE // (len(wave) + len(pause)) + 1)
    heard = np.concatenate(turns)[: seconds * SAMPLE_RATE] * rng.uniform(0.4, 1.0)
    hiss = rng.normal(0, 10 ** rng.uniform(-4, -2.3), len(heard))
    return np.clip(heard + hiss, -1, 1).astype(np.float32)


def _saying_wave(saying: Saying) -> Float32Array:
    """The sentence as espeak-ng speaks it: [n]."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise MissingExtraError("espeak-ng is not installed: it speaks the sentences; run: apt-get install espeak-ng")
    command = [program, "-v", saying.voice, "-s", str(saying.words_a_minute), "--stdout", saying.text]
    spoken = subprocess.run(command, check=False, capture_output=True)
    if spoken.returncode != 0:
        why = " ".join(spoken.stderr.decode(errors="replace").split()) or f"exit status {spoken.returncode}"
        raise OSError(f"espeak-ng can't speak it: {why}")
    rng = np.random.default_rng(saying.seed)
    wave = _loud(_read(BytesIO(spoken.stdout))) * rng.uniform(0.5, 1.0)
    return np.clip(wave + rng.normal(0, 10 ** rng.uniform(-4, -2.7), len(wave)), -1, 1).astype(np.float32)


def _read(file: BinaryIO) -> Float32Array:
    with file, av.open(file) as container:
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        parts = [
            piece.to_ndarray().ravel() for frame in container.decode(audio=0) for piece in resampler.resample(frame)
        ]
        parts += [piece.to_ndarray().ravel() for piece in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float32)


def _loud(wave: Float32Array) -> Float32Array:
    """Scaled to a like loudness; silence stays silent."""
    rms = float(np.sqrt((wave * wave).mean()))
    if rms < _LEAST_RMS:
        return wave
    return np.asarray(np.clip(wave * (0.12 / rms), -1, 1), np.float32)
