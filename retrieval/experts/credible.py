"""Telling speech from what Whisper makes of noise, music and languages that it doesn't know.

The packaged Whisper knows English alone: it can't say "this is French", it writes English sentences that were never
said. Three things betray them. The model is unsure of its own words; it falls into loops; and when it hears the same
sound a little faster, it writes something else, while English stays the same. The third costs a second hearing, so it
is asked of those that the first leaves in doubt. Of a model of many languages the same is asked of each.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Final

import numpy as np

from retrieval.models.whisper import Segment
from retrieval.types import Float32Array

__all__ = ["TEMPO", "agreement", "confidence_of", "credible", "faster"]

_LOG_PROBABILITY_SURE: Final = -0.5
"""From here on nothing more is asked; read-out English lies at about -0.3, synthetic English at about -0.5."""
_LOG_PROBABILITY_LEAST: Final = -1.0
"""Below this lies most of what was made up."""
_CHARACTERS: Final = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Of Chinese, in Japanese too."""
_LETTERS: Final = (
    "\u0e00-\u0eff"  # Thai and Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9d"  # Japanese syllables
)
"""Of other scripts that put no blanks between words."""
_UNSPACED: Final = re.compile(f"[{_CHARACTERS}{_LETTERS}]")
_SIGNS_OF_A_WORD: Final = ((re.compile(f"[{_CHARACTERS}]"), 2), (re.compile(f"[{_LETTERS}]"), 4))
"""About how many signs a word has in these scripts."""
_CONFIDENCE_LEAST: Final = 0.5
_FEW_WORDS: Final = 2
_CONFIDENCE_OF_FEW: Final = 0.65
"""A word or two are made of any noise and any language ("Thank you.", "Bye."): they must be surer."""
_COMPRESSION_MOST: Final = 2.2
"""A text that zlib makes smaller by more than this repeats itself."""
_NO_SPEECH_MOST: Final = 0.6
_AGREEMENT_LEAST: Final = 0.5
_SIGNS_PER_SECOND_MOST: Final = 40
"""Nobody says more letters than this."""
TEMPO: Final = 1.07
"""How much faster the second hearing is; pitch rises with it."""


def credible(segments: Sequence[Segment], hear_again: Callable[[], Sequence[Segment]]) -> list[Segment]:
    """Those of a stretch's ``segments`` that somebody said in a language of the model's, as far as can be told.

    ``hear_again`` gives the transcript of the same stretch at another tempo; it is called once at most.
    """
    likely = [segment for segment in segments if _is_likely(segment)]
    doubtful = [segment for segment in likely if segment.mean_log_probability < _LOG_PROBABILITY_SURE]
    if not doubtful or agreement(segments, hear_again()) >= _AGREEMENT_LEAST:
        return likely
    return [segment for segment in likely if segment not in doubtful]


def _is_likely(segment: Segment) -> bool:
    seconds = max(segment.end_seconds - segment.start_seconds, 0.1)
    is_noise = segment.no_speech_probability > _NO_SPEECH_MOST and segment.mean_log_probability < _LOG_PROBABILITY_SURE
    is_short = _word_count(segment.text) <= _FEW_WORDS
    return (
        any(sign.isalnum() for sign in segment.text)
        and not is_noise
        and segment.mean_log_probability >= _LOG_PROBABILITY_LEAST
        and segment.compression_ratio <= _COMPRESSION_MOST
        and confidence_of(segment) >= (_CONFIDENCE_OF_FEW if is_short else _CONFIDENCE_LEAST)
        and len(segment.text) <= _SIGNS_PER_SECOND_MOST * seconds
    )


def confidence_of(segment: Segment) -> float:
    """Geometric mean of the words' probabilities, 0 to 1; without words, that of the tokens."""
    if not segment.words:
        return min(1.0, math.exp(segment.mean_log_probability))
    logs = [math.log(max(word.probability, 1e-3)) for word in segment.words]
    return min(1.0, math.exp(sum(logs) / len(logs)))


def agreement(first: Sequence[Segment], second: Sequence[Segment]) -> float:
    """How much of two transcripts is the same words, or signs where none part them, in the same order, 0 to 1."""
    first_units, second_units = (_units(" ".join(segment.text for segment in each)) for each in (first, second))
    return SequenceMatcher(None, first_units, second_units, autojunk=False).ratio()


def _units(text: str) -> list[str]:
    """The words of ``text``; of scripts without blanks each sign."""
    plain = "".join(sign for sign in text.casefold() if sign.isalnum() or sign.isspace())
    return _UNSPACED.sub(r" \g<0> ", plain).split()


def _word_count(text: str) -> float:
    """How many words ``text`` has; of scripts without blanks about so many."""
    spaced = len(_UNSPACED.sub(" ", text).split())
    return spaced + sum(len(signs.findall(text)) / of_a_word for signs, of_a_word in _SIGNS_OF_A_WORD)


def faster(sound: Float32Array) -> Float32Array:
    """``sound`` at :data:`TEMPO`."""
    places = np.arange(int(len(sound) / TEMPO)) * TEMPO
    return np.asarray(np.interp(places, np.arange(len(sound)), sound), np.float32)
