"""From events to a caption: what happens, in which order, and what is heard, said, written and filmed with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import numpy as np

from retrieval.training.composed.parts import Event, Move

__all__ = ["Told", "clean", "word_events"]


class Told(StrEnum):
    """What a caption may tell of an event beside what is seen."""

    NOISE = "noise"
    SAYING = "saying"
    WORDS = "words"
    MOVE = "move"


_TWO: Final = (
    "{0}, then {1}", "{0} and then {1}", "first {0}, then {1}", "{0} before {1}", "{1} after {0}", "after {0}, {1}",
    "{0}; next, {1}", "{0}, followed by {1}", "before {1}, {0}", "at first {0}, later {1}", "{0}. Then {1}",
    "it begins with {0} and ends with {1}", "{0}, and afterwards {1}",
)  # fmt: skip
_THREE: Final = (
    "{0}, then {1}, then {2}", "first {0}, then {1}, and finally {2}", "{0}, followed by {1} and {2}",
    "{0} before {1}, and at last {2}", "{0}, {1}, and in the end {2}", "it begins with {0}, goes on with {1} and ends "
    "with {2}", "after {0}, {1}, then {2}", "{0}. Then {1}. Finally {2}",
)  # fmt: skip
_ORDERS: Final = {2: _TWO, 3: _THREE}

_WITH_NOISE: Final = (
    "{event} while {subject} {verb}", "{event}, and {subject} can be heard {participle}",
    "{event} with the sound of {subject} {participle}", "we hear {subject} {participle} as {event}",
    "{event} and {subject} {verb}",
)  # fmt: skip
_WITH_SAYING: Final = (
    'a voice says "{saying}" over {event}', '{event} while someone says "{saying}"',
    'we hear the words "{saying}" as {event}', "{event} and a voice says that {saying}",
    "someone says: {saying}, while {event}",
)  # fmt: skip
_WITH_WORDS: Final = (
    '{event} with the words "{words}" on the screen', 'the text "{words}" is written over {event}',
    'the words "{words}" appear as {event}', "{event} with the caption {words}",
)  # fmt: skip
_MOVES: Final[Mapping[Move, tuple[str, ...]]] = {
    Move.PAN_LEFT: ("the camera pans left over {event}", "{event} as the camera pans to the left"),
    Move.PAN_RIGHT: ("the camera pans right over {event}", "{event} as the camera pans to the right"),
    Move.TILT_UP: ("the camera tilts up over {event}", "{event} as the camera tilts upwards"),
    Move.TILT_DOWN: ("the camera tilts down over {event}", "{event} as the camera tilts downwards"),
    Move.ZOOM_IN: ("the camera zooms in on {event}", "{event} as the camera zooms in"),
    Move.ZOOM_OUT: ("the camera zooms out from {event}", "{event} as the camera zooms out"),
    Move.HOLD: ("the camera holds still on {event}", "{event}, filmed by a camera that does not move"),
}


def clean(caption: str) -> str:
    """A caption as a part of a sentence: no full stop at its end, no capital at its start (but for "I")."""
    text = re.sub(r"\s+([,.;!?'])", r"\1", caption.strip()).rstrip(" .")
    first = text.split(" ", 1)[0]
    return text if first in {"I", ""} or first[1:] != first[1:].lower() else text[0].lower() + text[1:]


def word_events(events: Sequence[Event], told: Sequence[frozenset[Told]], rng: np.random.Generator) -> str:
    """A sentence that tells 1 to 3 ``events`` in their order, each with what ``told`` names of it."""
    phrases = [_phrase(event, tells, rng) for event, tells in zip(events, told, strict=True)]
    if len(phrases) == 1:
        return phrases[0]
    return _one_of(_ORDERS[len(phrases)], rng).format(*phrases)


def _phrase(event: Event, tells: frozenset[Told], rng: np.random.Generator) -> str:
    phrase = clean(_one_of(event.shot.captions, rng))
    if Told.MOVE in tells:
        phrase = _one_of(_MOVES[event.shot.move], rng).format(event=phrase)
    if Told.WORDS in tells and event.shot.words is not None:
        words = event.shot.words if rng.random() < 0.5 else event.shot.words.lower()
        phrase = _one_of(_WITH_WORDS, rng).format(event=phrase, words=words)
    if Told.NOISE in tells and event.noise is not None:
        sound = event.noise.sound
        phrase = _one_of(_WITH_NOISE, rng).format(
            event=phrase, subject=sound.subject, verb=sound.verb, participle=sound.participle
        )
    if Told.SAYING in tells and event.saying is not None:
        phrase = _one_of(_WITH_SAYING, rng).format(event=phrase, saying=event.saying.text)
    return phrase


def _one_of(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
