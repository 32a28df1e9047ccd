"""Captions tell events in their order, whatever the phrasing, and what is asked for beside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.training.composed.parts import Event, Move, NamedSound, Noise, Saying, Shot
from retrieval.training.composed.wording import Told, clean, word_events

BELL = NamedSound(Path("bell.wav"), "a bell", "tolls", "tolling")
FIRST_TOLD = ("after", "before")


def event(caption: str) -> Event:
    return Event(Shot(Path("a.png"), (caption,), Move.PAN_LEFT, "OPEN ALL DAY", False, 0), 2)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("A dog runs .", "a dog runs"),
        ("I see two dogs.", "I see two dogs"),
        ("BMX riders jump", "BMX riders jump"),
        ("A boy , who runs , falls .", "a boy, who runs, falls"),
        (" ", ""),
    ],
)
def test_a_caption_becomes_part_of_a_sentence(written: str, told: str) -> None:
    assert clean(written) == told


@pytest.mark.parametrize("count", [2, 3])
def test_every_phrasing_tells_each_event_once_and_in_order(count: int) -> None:
    events = [event(name) for name in ("alpha", "beta", "gamma")[:count]]
    names = [entry.shot.captions[0] for entry in events]
    seen = set()
    for seed in range(200):
        caption = word_events(events, [frozenset()] * count, np.random.default_rng(seed))
        seen.add(caption)
        assert [caption.count(name) for name in names] == [1] * count
        turned = "beta after alpha" in caption or caption.startswith(
            "before beta"
        )  # "B after A" and "before B, A" name the second first
        told = sorted(names, key=caption.index)
        assert told == (names if not turned else [names[1], names[0], *names[2:]]), caption
    assert len(seen) >= 7


@pytest.mark.parametrize("what", list(Told))
def test_what_is_told_stands_in_the_caption_and_nothing_else(what: Told) -> None:
    saying = Saying("please bring the book", "en-us", 150, 0)
    events = {
        Told.NOISE: replace(event("a cat"), noise=Noise(BELL, 0)),
        Told.SAYING: replace(event("a cat"), saying=saying),
    }
    words = {Told.NOISE: "a bell", Told.SAYING: "bring the book", Told.WORDS: "open all day", Told.MOVE: "left"}
    for seed in range(30):
        caption = word_events([events.get(what, event("a cat"))], [frozenset({what})], np.random.default_rng(seed))
        assert "a cat" in caption
        assert [text in caption.lower() for text in words.values()] == [kind is what for kind in words]
