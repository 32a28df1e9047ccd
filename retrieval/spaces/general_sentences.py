"""Sentences about things and scenes of all sorts: what a picture is held against where no background was shipped."""

from __future__ import annotations

from typing import Final

from retrieval.experts.appearance import imagenet_classes

__all__ = ["general_sentences"]

_EVERY: Final = 4  # of the 1,000 classes; their neighbours in the list are their near relatives
_SCENES: Final = (
    "a man in a blue shirt walks down the street",
    "two women talk at a table",
    "a group of people pose for a picture",
    "children play in the garden",
    "a baby sleeps in a bed",
    "a family eats dinner at home",
    "a crowd watches a concert at night",
    "a couple holds hands at their wedding",
    "an old man sits on a bench",
    "a girl blows out candles on a cake",
    "players run after a ball on a field",
    "a person climbs a rock face",
    "a swimmer dives into a pool",
    "a cyclist races along a road",
    "a skier comes down a snowy slope",
    "a surfer rides a wave",
    "a dog runs through the grass",
    "a cat lies on a sofa",
    "horses graze in a meadow",
    "birds fly over the water",
    "a wild animal in the forest",
    "a fish under water",
    "an insect on a flower",
    "a close-up of leaves",
    "a tree in an empty field",
    "mountains under a cloudy sky",
    "the sun sets over the sea",
    "a sandy beach with palm trees",
    "a river flows through a valley",
    "snow covers the houses of a village",
    "a desert without people",
    "stars in the night sky",
    "a busy street with cars and shops",
    "tall buildings of a city from above",
    "an old church on a square",
    "a bridge across a river",
    "a train arrives at the station",
    "an airplane on the runway",
    "a boat in the harbour",
    "a red car parked outside",
    "a bicycle against a wall",
    "a living room with a sofa and a lamp",
    "a kitchen with pots on the stove",
    "a bathroom with a mirror",
    "an office desk with a computer",
    "books on a shelf",
    "clothes in a wardrobe",
    "tools on a workbench",
    "toys on the floor",
    "a musical instrument on a stage",
    "a plate of food on a table",
    "a glass with a cold drink",
    "fruit and vegetables at a market",
    "bread in a bakery",
    "a page of printed text",
    "a screenshot of a web page",
    "a hand-drawn map",
    "a diagram with arrows",
    "a painting in a frame",
    "a statue in a museum",
    "a black and white portrait",
    "a blurred picture of lights",
    "a dark picture without anything to be seen",
    "a plain pattern of colours",
)


def general_sentences() -> list[str]:
    """Some three hundred, always in the same order."""
    things = [f"a photo of a {entry.names[0].lower()}" for entry in imagenet_classes()[::_EVERY]]
    return [*_SCENES, *things]
