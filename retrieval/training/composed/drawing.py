"""Drawing parts and clips by a seed: the shots, noises and sayings there are, and what is put together of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from retrieval.evaluation.captions import CaptionedItem
from retrieval.training.composed.parts import (
    LONGEST_SHOT_SECONDS,
    Clip,
    Event,
    Kind,
    Move,
    NamedSound,
    Noise,
    Saying,
    Shot,
)
from retrieval.training.composed.phrases import draw_sentence, draw_words
from retrieval.training.composed.sounds import VOICES
from retrieval.training.composed.wording import Told, word_events

__all__ = ["Parts", "draw_benchmark", "draw_parts", "draw_training"]

_MOVES: Final = tuple(Move)
_WITH_WORDS: Final = 0.15  # of photographs; each is shown twice, with other words
_TWICE: Final = 0.12  # of those without words: shown by two moves of the camera
_FADING: Final = 0.2
_SHORT_CAPTION: Final = 10  # words: longer ones are left out where three events stand in one sentence
_FIRST_FITS: Final = 40

_NOTHING: Final[frozenset[Told]] = frozenset()


@dataclass(frozen=True, slots=True)
class Parts:
    """What clips are put together of."""

    photographs: tuple[tuple[Shot, ...], ...]
    """Of each photograph one shot, or two with another motion of the camera and, if there are any, other words."""
    noises: tuple[Noise, ...]
    sayings: tuple[Saying, ...]

    @property
    def shots(self) -> tuple[Shot, ...]:
        """All of them."""
        return tuple(shot for shots in self.photographs for shot in shots)


def draw_parts(
    photographs: Sequence[CaptionedItem],
    sounds: Sequence[NamedSound],
    *,
    noises: int,
    sayings: int,
    seed: int,
    all_twice: bool = False,
    most_written: int | None = None,
) -> Parts:
    """Shots of each photograph, and so many noises and sayings, the same for the same seed.

    ``all_twice``: every photograph has two shots with words, to put a benchmark together of few. ``most_written``: at
    most so many photographs have words on them, and others that would are left out: to read words is slow.
    """
    rng = np.random.default_rng([seed, 1])
    shots = _with_few_words([_draw_shots(item, rng, all_twice=all_twice) for item in photographs], most_written)
    heard = tuple(Noise(sounds[number % len(sounds)], _seed(rng)) for number in range(noises))
    return Parts(shots, heard, tuple(_draw_saying(rng) for _ in range(sayings)))


def _with_few_words(photographs: Sequence[tuple[Shot, ...]], most: int | None) -> tuple[tuple[Shot, ...], ...]:
    written = [shots for shots in photographs if shots[0].words is not None]
    dropped = set() if most is None else set(written[most:])
    return tuple(shots for shots in photographs if shots not in dropped)


def _draw_shots(item: CaptionedItem, rng: np.random.Generator, *, all_twice: bool) -> tuple[Shot, ...]:
    has_words = bool(rng.random() < _WITH_WORDS)
    is_twice = has_words or all_twice or bool(rng.random() < _TWICE)
    move = Move.HOLD if rng.random() < 0.25 else _MOVES[int(rng.integers(len(_MOVES)))]
    words = _two_signs(rng) if has_words or all_twice else (None, None)
    shots = [
        Shot(item.path, item.captions, each, text, bool(rng.random() < _FADING), _seed(rng))
        for each, text in zip((move, _another_move(move, rng)), words, strict=True)
    ]
    return tuple(shots if is_twice else shots[:1])


def _two_signs(rng: np.random.Generator) -> tuple[str, str]:
    first = second = draw_words(rng)
    while second == first:
        second = draw_words(rng)
    return first, second


def _another_move(move: Move, rng: np.random.Generator) -> Move:
    others = [other for other in _MOVES if other is not move]
    return others[int(rng.integers(len(others)))]


def _draw_saying(rng: np.random.Generator) -> Saying:
    """One that ends before the longest event does."""
    while True:
        voice, rate = VOICES[int(rng.integers(len(VOICES)))], int(rng.integers(140, 181))
        saying = Saying(draw_sentence(rng), voice, rate, _seed(rng))
        if _saying_seconds(saying) <= LONGEST_SHOT_SECONDS:
            return saying


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 31))


def _saying_seconds(saying: Saying) -> int:
    """Whole seconds that surely hold it: espeak-ng's rate is words of five letters and a space."""
    letters = len(saying.text) + 1
    return math.ceil(letters / 6 / saying.words_a_minute * 60 * 1.15 + 0.4)


class _Drawer:
    """Draws events of some parts."""

    def __init__(self, parts: Parts, rng: np.random.Generator) -> None:
        self._parts = parts
        self._rng = rng
        photographs = parts.photographs
        self._twice = [number for number, shots in enumerate(photographs) if len(shots) > 1]
        self._written = [number for number in self._twice if photographs[number][0].words is not None]

    def shots(self, count: int) -> list[Shot]:
        """Of different photographs."""
        chosen = self._rng.choice(len(self._parts.photographs), count, replace=False)
        return [self._one_of(self._parts.photographs[int(number)]) for number in chosen]

    def two_shots(self, *, with_words: bool = False) -> list[Shot]:
        """Of one photograph; one shot where none has two."""
        pool = self._written if with_words else self._twice
        return list(self._parts.photographs[pool[int(self._rng.integers(len(pool)))]]) if pool else self.shots(1)

    def _one_of(self, shots: Sequence[Shot]) -> Shot:
        return shots[int(self._rng.integers(len(shots)))]

    def event(self, shot: Shot, *, noise: bool = False, saying: bool = False) -> Event:
        """One of 2 to 5 seconds, with a noise or a saying where there are any."""
        seconds = int(self._rng.integers(2, LONGEST_SHOT_SECONDS + 1))
        if saying and self._parts.sayings:
            spoken = self._parts.sayings[int(self._rng.integers(len(self._parts.sayings)))]
            return Event(shot, max(seconds, _saying_seconds(spoken)), saying=spoken)
        if noise and self._parts.noises:
            return Event(shot, seconds, self._parts.noises[int(self._rng.integers(len(self._parts.noises)))])
        return Event(shot, seconds)

    def any_event(self, shot: Shot) -> Event:
        """With whatever is heard in one event of three."""
        heard = self._rng.random()
        return self.event(shot, noise=heard < 0.2, saying=0.2 <= heard < 0.35)


def draw_training(parts: Parts, count: int, seed: int) -> Iterator[Clip]:
    """Clips to train on, in groups of one to three that share their photographs.

    A quarter of the clips are single events, told as people do; the rest tell of order, sounds, speech,
    words and motion, and bring a clip of the same events in another order, or the same sight with another sound.
    Where there are no noises or no sayings, nothing tells of them; where all are of one name, no pair differs by them.
    """
    rng = np.random.default_rng([seed, 2])
    drawer = _Drawer(parts, rng)
    heard = 1.0 if parts.noises else 0.0
    makers: list[tuple[float, _Maker]] = [
        (0.40, _one), (0.18, _two), (0.10, _three), (0.06, _camera), (0.09 * heard, _sound),
        (0.06 if parts.sayings else 0.0, _speech), (0.05, _words), (0.06 * heard, _mixed),
    ]  # fmt: skip
    shares = np.array([share for share, _ in makers])
    made, group = 0, 0
    while made < count:
        maker = makers[int(rng.choice(len(makers), p=shares / shares.sum()))][1]
        try:
            clips = maker(drawer, rng)
        except _NoneDifferError:
            continue
        for clip in clips:
            yield replace(clip, group=group)
            made += 1
        group += 1


def draw_benchmark(parts: Parts, count: int, seed: int) -> list[Clip]:
    """``count`` clips in equal parts of eight kinds, no photograph in two groups.

    But for single events, clips come in pairs of the same photographs: the same events in another order, or the same
    sight with another motion, sound, sentence or sign.

    Raises:
        ValueError: there are too few photographs, sounds or sayings.
    """
    rng = np.random.default_rng([seed, 3])
    order = rng.permutation(len(parts.photographs))
    clips: list[Clip] = []
    group, used = 0, 0
    for kind, maker, needs in _BENCHMARK:
        end = count * (list(_KINDS).index(kind) + 1) // len(_KINDS)
        while len(clips) < end:
            if used + needs > len(order):
                raise ValueError(f"{len(order)} photographs are too few for {count} clips; give about as many")
            shown = tuple(_with_signs(parts.photographs[row], kind, rng) for row in order[used : used + needs])
            own = Parts(shown, parts.noises, parts.sayings)
            pair = maker(_Drawer(own, rng), rng)[:2]
            clips += [replace(clip, group=group) for clip in pair[: end - len(clips)]]
            group, used = group + 1, used + needs
    return clips


def _with_signs(shots: tuple[Shot, ...], kind: Kind, rng: np.random.Generator) -> tuple[Shot, ...]:
    """Words stay where captions may tell of them; elsewhere on as many shots as in training."""
    kept = {Kind.WORDS: 1.0, Kind.MIXED: 0.5}.get(kind, _WITH_WORDS)
    return shots if rng.random() < kept else tuple(replace(shot, words=None) for shot in shots)


_Maker = Callable[[_Drawer, np.random.Generator], list[Clip]]


def _clip(kind: Kind, events: Sequence[Event], told: Sequence[frozenset[Told]], rng: np.random.Generator) -> Clip:
    has_sound = any(event.noise or event.saying for event in events) or bool(rng.random() < 0.6)
    return Clip(kind, 0, tuple(events), word_events(_short(events), told, rng), has_sound)


def _short(events: Sequence[Event]) -> list[Event]:
    """Where there are three, each is told by its photograph's short captions, if it has any."""
    if len(events) < 3:
        return list(events)
    return [replace(event, shot=replace(event.shot, captions=_short_captions(event.shot.captions))) for event in events]


def _short_captions(captions: tuple[str, ...]) -> tuple[str, ...]:
    brief = tuple(caption for caption in captions if len(caption.split()) <= _SHORT_CAPTION)
    return brief or (min(captions, key=len),)


def _one(drawer: _Drawer, rng: np.random.Generator) -> list[Clip]:
    (shot,) = drawer.shots(1)
    clip = _clip(Kind.ONE, [drawer.any_event(shot)], [_NOTHING], rng)
    # As people write it, with its capital and full stop.
    return [replace(clip, caption=shot.captions[int(rng.integers(len(shot.captions)))])]


def _ordered(count: int, kind: Kind, drawer: _Drawer, rng: np.random.Generator) -> list[Clip]:
    events = [drawer.any_event(shot) for shot in drawer.shots(count)]
    told = [_NOTHING] * count
    other = [*events[1:], events[0]] if count == 3 and rng.random() < 0.5 else events[::-1]
    return [_clip(kind, events, told, rng), _clip(kind, other, told, rng)]


def _two(drawer: _Drawer, rng: np.random.Generator) -> list[Clip]:
    return _ordered(2, Kind.TWO, drawer, rng)


def _three(drawer: _Drawer, rng: np.random.Generator) -> list[Clip]:
    return _ordered(3, Kind.THREE, drawer, rng)


def _camera(drawer: _Drawer, rng: np.random.Generator) -> list[Clip]:
    told = [frozenset({Told.MOVE})]
    return [_clip(Kind.CAMERA, [drawer.any_event(shot)], told, rng) for shot in drawer.two_shots()]


def _sound(drawer: _Drawer, rng: np.random.Generator) -> list[Clip]:
    (shot,) = drawer.shots(1)
    first, second = _different(lambda: drawer.event(shot, noise=True), _what_sounds)
    told = [frozenset({Told.NOISE})]
    return [_clip(Kind.SOUND, [event], told, rng) for event in (first, second)]


def _speech(drawer: _Drawer, rng: np.random.Generator) -> list[Clip]:
    (shot,) = drawer.shots(1)
    first, second = _different(lambda: drawer.event(shot, saying=True), _what_is_said)
    told = [frozenset({Told.SAYING})]
    return [_clip(Kind.SPEECH, [event], told, rng) for event in (first, second)]


def _words(drawer: _Drawer, rng: np.random.Generator) -> list[Clip]:
    told = [frozenset({Told.WORDS})]
    return [_clip(Kind.WORDS, [drawer.any_event(shot)], told, rng) for shot in drawer.two_shots(with_words=True)]


def _mixed(drawer: _Drawer, rng: np.random.Generator) -> list[Clip]:
    """Two events, of each of which one thing more is told; then the same in the other order."""
    kinds = rng.permutation(4)[:2]
    events, told = [], []
    for shot, kind in zip(drawer.shots(2), kinds.tolist(), strict=True):
        tells = (Told.NOISE, Told.SAYING, Told.WORDS, Told.MOVE)[kind]
        if tells is Told.WORDS and shot.words is None:
            tells = Told.NOISE
        events.append(drawer.event(shot, noise=tells is Told.NOISE, saying=tells is Told.SAYING))
        told.append(frozenset({tells}))
    return [_clip(Kind.MIXED, events, told, rng), _clip(Kind.MIXED, events[::-1], told[::-1], rng)]


class _NoneDifferError(ValueError):
    """All that was drawn is alike."""


def _different(draw: Callable[[], Event], what: Callable[[Event], str]) -> tuple[Event, Event]:
    first, second = draw(), draw()
    for _ in range(_FIRST_FITS):
        if what(first) != what(second):
            return first, second
        second = draw()
    raise _NoneDifferError("expected two sounds or sentences that differ; give more of them")


def _what_sounds(event: Event) -> str:
    return f"{event.noise.sound.subject} {event.noise.sound.verb}" if event.noise else ""


def _what_is_said(event: Event) -> str:
    return event.saying.text if event.saying else ""


_BENCHMARK: Final[tuple[tuple[Kind, _Maker, int], ...]] = (
    (Kind.ONE, _one, 1),
    (Kind.TWO, _two, 2),
    (Kind.THREE, _three, 3),
    (Kind.CAMERA, _camera, 1),
    (Kind.SOUND, _sound, 1),
    (Kind.SPEECH, _speech, 1),
    (Kind.WORDS, _words, 1),
    (Kind.MIXED, _mixed, 2),
)
_KINDS: Final = tuple(kind for kind, _, _ in _BENCHMARK)
