"""What a composed video is made of, in words and numbers; each part says all that its rendering needs.

A clip is a row of events. An event shows one shot (a photograph under a moving camera, perhaps with words on it) for
some whole seconds, and may have a noise or a saying under it. Whole seconds make a clip's tracks the tracks of its
parts, one after another (:mod:`retrieval.training.composed.splice`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

__all__ = ["LONGEST_SHOT_SECONDS", "Clip", "Event", "Kind", "Move", "NamedSound", "Noise", "Quiet", "Saying", "Shot"]

LONGEST_SHOT_SECONDS: Final = 4
"""Shots are rendered this long, and used from their start on for as long as an event lasts."""


class Move(StrEnum):
    """What the camera does; it always trembles a little."""

    HOLD = "hold"
    PAN_LEFT = "pan left"
    PAN_RIGHT = "pan right"
    TILT_UP = "tilt up"
    TILT_DOWN = "tilt down"
    ZOOM_IN = "zoom in"
    ZOOM_OUT = "zoom out"


class Kind(StrEnum):
    """By what the caption of a clip tells it from others."""

    ONE = "one event"
    TWO = "two events in order"
    THREE = "three events in order"
    CAMERA = "camera motion"
    SOUND = "sound"
    SPEECH = "speech"
    WORDS = "written words"
    MIXED = "events in order with sound, speech, words or motion"


@dataclass(frozen=True, slots=True)
class Shot:
    """A photograph under a moving camera."""

    photograph: Path
    captions: tuple[str, ...]
    """Of the photograph, as people wrote them."""
    move: Move
    words: str | None
    """Drawn on every frame."""
    fades_in: bool
    """From black, in the first part of a second; else it starts by a cut."""
    seed: int
    """Of what no caption tells: the tremble, where the camera starts, how the words look."""


@dataclass(frozen=True, slots=True)
class NamedSound:
    """A file of sound, and how a caption tells of it: "a dog", "barks", "barking"."""

    file: Path
    subject: str
    verb: str
    participle: str


@dataclass(frozen=True, slots=True)
class Noise:
    """A named sound as it is heard once: louder or softer, higher or lower, begun somewhere."""

    sound: NamedSound
    seed: int


@dataclass(frozen=True, slots=True)
class Saying:
    """A sentence, and the voice that speaks it."""

    text: str
    voice: str
    """As espeak-ng names it."""
    words_a_minute: int
    seed: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """What is heard where nothing sounds in a file that has a sound track."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happens for ``seconds`` whole seconds. It has a noise or a saying, or neither."""

    shot: Shot
    seconds: int
    noise: Noise | None = None
    saying: Saying | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= LONGEST_SHOT_SECONDS:
            raise ValueError(f"an event lasts 1 to {LONGEST_SHOT_SECONDS} whole seconds, got {self.seconds}")
        if self.noise is not None and self.saying is not None:
            raise ValueError("an event has a noise or a saying, got both")

    @property
    def heard(self) -> Noise | Saying | Quiet:
        """What sounds."""
        return self.noise or self.saying or Quiet()


@dataclass(frozen=True, slots=True)
class Clip:
    """Events in order with one caption. Clips of one ``group`` are told apart by that caption alone.

    ``has_sound``: whether the file has a sound track; where no event sounds, it is silent.
    """

    kind: Kind
    group: int
    events: tuple[Event, ...]
    caption: str
    has_sound: bool

    @property
    def seconds(self) -> int:
        """Length."""
        return sum(event.seconds for event in self.events)
