"""Sentences to be spoken and words to be written: drawn from lists, so that there are thousands of either."""

from __future__ import annotations

from typing import Final

import numpy as np

__all__ = ["draw_sentence", "draw_words"]

_PEOPLE: Final = ("my brother", "the teacher", "our neighbour", "the doctor", "your mother", "the captain", "my friend",
                  "the driver", "her sister", "the old man", "the mayor", "our guest")  # fmt: skip
_THINGS: Final = ("the red car", "a cup of coffee", "the blue book", "the kitchen window", "the wooden boat",
                  "a new computer", "the garden gate", "a birthday cake", "the yellow umbrella", "the last ticket",
                  "a warm coat", "the broken bicycle", "a bottle of water", "the heavy box", "the morning paper",
                  "a pair of shoes")  # fmt: skip
_PLACES: Final = ("in the park", "at the station", "near the river", "behind the school", "in the market",
                  "on the hill", "at the airport", "in the library", "by the lake", "in the museum",
                  "next to the church", "on the beach")  # fmt: skip
_TIMES: Final = ("tomorrow morning", "on Monday", "at nine o'clock", "next week", "after lunch", "before dinner",
                 "in ten minutes", "on Friday evening", "at midnight", "this summer")  # fmt: skip
_DEEDS: Final = ("sold", "lost", "found", "painted", "bought", "forgot", "repaired", "carried", "wanted", "borrowed")
_SENTENCES: Final = (
    "{person} {deed} {thing}", "{person} {deed} {thing} {place}", "please bring {thing} {time}",
    "we will meet {person} {place}", "the train leaves {time}", "{thing} is {place}", "have you seen {thing}",
    "{person} will arrive {time}", "do not forget {thing}", "the concert starts {time} {place}",
    "{person} is waiting {place}", "can you open {thing}", "the weather will be fine {time}",
    "there is a message for {person}", "dinner is ready {time}", "the shop closes {time}",
)  # fmt: skip
_SIGNS: Final = (
    "{quality} {trade}", "{trade} {number}", "OPEN {hours}", "{trade} SALE", "WELCOME TO {town}", "{town} {number} KM",
    "NO {ban}", "{quality} {trade} IN {town}", "{town} FESTIVAL", "CAUTION {hazard}", "CHAPTER {number}",
)  # fmt: skip
_QUALITIES: Final = ("FRESH", "GRAND", "GOLDEN", "HAPPY", "FAMOUS", "LITTLE", "MODERN", "ROYAL", "SUNNY", "QUIET")
_TRADES: Final = ("BAKERY", "COFFEE", "HOTEL", "BOOKS", "FLOWERS", "PIZZA", "GARAGE", "CINEMA", "PHARMACY", "TAILOR",
                  "MUSIC", "TOYS", "GALLERY", "BICYCLES")  # fmt: skip
_TOWNS: Final = ("RIVERTON", "OAKFIELD", "MILLBROOK", "LAKESIDE", "NORTHGATE", "ASHFORD", "WESTPORT", "STONEHILL",
                 "FAIRVIEW", "GREENVILLE")  # fmt: skip
_BANS: Final = ("PARKING", "SMOKING", "SWIMMING", "DOGS", "ENTRY", "FISHING")
_HAZARDS: Final = ("WET FLOOR", "ICE", "HOT SURFACE", "LOW BRIDGE", "CHILDREN", "DEER")
_HOURS: Final = ("9 TO 5", "ALL DAY", "ALL NIGHT", "ON SUNDAY", "UNTIL LATE")


def draw_sentence(rng: np.random.Generator) -> str:
    """A sentence of 4 to 11 words, in lower case."""
    return _filled(
        _SENTENCES, {"person": _PEOPLE, "thing": _THINGS, "place": _PLACES, "time": _TIMES, "deed": _DEEDS}, rng
    )


def draw_words(rng: np.random.Generator) -> str:
    """A sign of 1 to 4 words, in capitals."""
    lists = {
        "quality": _QUALITIES, "trade": _TRADES, "town": _TOWNS, "ban": _BANS, "hazard": _HAZARDS, "hours": _HOURS,
        "number": tuple(str(number) for number in range(2, 99)),
    }  # fmt: skip
    return _filled(_SIGNS, lists, rng)


def _filled(templates: tuple[str, ...], lists: dict[str, tuple[str, ...]], rng: np.random.Generator) -> str:
    drawn = {name: choices[int(rng.integers(len(choices)))] for name, choices in lists.items()}
    return templates[int(rng.integers(len(templates)))].format(**drawn)
