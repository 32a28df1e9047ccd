"""The experts over time that come with vidi, and the one place where their classes are chosen."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final

from retrieval.errors import ModelError
from retrieval.experts.audio import Audio
from retrieval.experts.motion import Motion
from retrieval.experts.ocr import Ocr
from retrieval.experts.over_time import TimeExpert, title_of
from retrieval.experts.speech import Speech
from retrieval.experts.text_vectors import TextVectors
from retrieval.models.bert import MINILM_WEIGHTS
from retrieval.models.imports import OPENCV_COMMAND
from retrieval.models.packaged import PackagedFile
from retrieval.models.rapid_ocr import OCR_EXTRA, OCR_WEIGHTS, RapidOcr
from retrieval.models.whisper import PACKAGED_WHISPER, SILERO_WEIGHTS, SPEECH_EXTRA, WHISPER_WEIGHTS, Whisper
from retrieval.models.whisper_files import find_whisper

__all__ = ["TIME_EXPERTS", "AbsentExpert", "Experts", "loaded", "time_experts"]

TIME_EXPERTS: Final = (Audio.name, Motion.name, Ocr.name, Speech.name)
"""All names, in the order of the alphabet."""


@dataclass(frozen=True, slots=True)
class AbsentExpert:
    """An expert that can't load here, and what to do about it, in one line."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Experts:
    """What can load here, and what can't."""

    present: Sequence[TimeExpert]
    absent: Sequence[AbsentExpert] = field(default_factory=tuple)


def time_experts(*, threads: int = 1, whisper_model: str | None = None) -> Experts:
    """The experts over time by name; no model is loaded. ``threads`` of each one's calls.

    ``whisper_model``, a folder or a name that faster-whisper knows, transcribes in the place of the packaged tiny.en.

    Raises:
        ModelError: that model can't be had.
    """
    whisper, vectors = Whisper(threads=threads), TextVectors(threads=threads)
    is_packaged = whisper_model in (None, PACKAGED_WHISPER)
    transcriber = whisper if is_packaged else Whisper(find_whisper(str(whisper_model)), threads=threads)
    hearing = f'pip install "{SPEECH_EXTRA}"'
    candidates: list[tuple[TimeExpert, str, Sequence[str], Sequence[PackagedFile]]] = [
        (Audio(whisper), hearing, ["faster_whisper"], [WHISPER_WEIGHTS]),
        (Motion(), OPENCV_COMMAND, ["cv2"], []),
        (
            Ocr(RapidOcr(threads=threads), vectors),
            f'pip install "{OCR_EXTRA}"',
            ["rapidocr_onnxruntime"],
            [*OCR_WEIGHTS, MINILM_WEIGHTS],
        ),
        (
            Speech(transcriber, vectors),
            hearing,
            ["faster_whisper"],
            [WHISPER_WEIGHTS, SILERO_WEIGHTS, MINILM_WEIGHTS],
        ),
    ]
    present: list[TimeExpert] = []
    absent: list[AbsentExpert] = []
    for expert, command, modules, files in candidates:
        lacking = [name for name in modules if find_spec(name) is None]
        lacking += [file.path for file in files if file.find() is None]
        if lacking:
            absent.append(AbsentExpert(expert.name, f"{lacking[0]} is not installed; run: {command}"))
        else:
            present.append(expert)
    return Experts(tuple(present), tuple(absent))


def loaded(experts: Experts, wanted: Container[tuple[str, str]] | None = None) -> Experts:
    """Without those of the ``wanted`` (name, version) (default: all) that can't load, which are absent then: what looks
    installed may still lack a library of the system's. The others are loaded now."""
    present: list[TimeExpert] = []
    absent: list[AbsentExpert] = []
    for expert in experts.present:
        try:
            if wanted is None or (expert.name, expert.version) in wanted:
                expert.load()
            present.append(expert)
        except ModelError as error:
            absent.append(AbsentExpert(title_of(expert), str(error)))
    return Experts(present, [*experts.absent, *absent])
