"""Queries for the calibration, judged against held-out pictures: captions, phrases, names, wider words, absent things.

By words: a picture fits a text when its captions have all the text's words, and does not when they have none. By
classes: a picture fits a name when the classifier is more sure than not of a class that the name covers, and does not
when it is sure of the contrary. What lies between stays unknown, and is left out of the fit.

Shapes: h held-out pictures, of which the first have captions · k texts · d the space.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.training.calibrate import FITS, MISFIT, UNKNOWN, CalibrationData, JudgedQueries
from retrieval.training.names import NAME_WORDINGS, WORD_WORDINGS, WordList, load_words
from retrieval.types import Float32Array

__all__ = ["HeldOut", "absent_texts", "calibration_data", "cut_phrases", "judge_by_classes", "judge_by_words"]

_TEXTS: Final = 1500  # of each kind
_PHRASE_WORDS: Final = 4
_SURE: Final = 0.5
_CONTRARY: Final = 0.01
_WEIGHTS: Final = {"captions": 1.0, "phrases": 1.0, "names": 1.0, "words": 0.3, "absent": 2.0}

_WORD: Final = re.compile(r"[a-z']+")
_ENDING: Final = re.compile(r"(ing|ies|es|ed|s|y)$")
_CUTTING_WORDS: Final = (
    "in on at of with and is are to by from for into near through over under as while that which who has have being "
    "was along behind next around across onto against between inside outside during after before or not"
)
_EMPTY_WORDS: Final = (
    "a an the his her their its it be been up down out off front another other some one him them two three four five "
    "several many there very just each photo photos picture pictures blurry close"
)
_CUTS: Final = frozenset(_CUTTING_WORDS.split())
_EMPTY: Final = _CUTS | frozenset(_EMPTY_WORDS.split())


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Held-out pictures: embeddings [h, d], the classifier's chances [h, 1000], and the captions of the first ones.

    Pictures past ``captions`` are made features (see :mod:`retrieval.training.prototypes`).
    """

    embeddings: Float32Array
    chances: Float32Array
    captions: tuple[tuple[str, ...], ...]


def calibration_data(
    held_out: HeldOut, embed: Callable[[list[str]], Float32Array], rng: np.random.Generator
) -> CalibrationData:
    """Texts of every kind, drawn, embedded by ``embed`` ([k] → [k, d]) and judged."""
    captions = [caption for own in held_out.captions for caption in own]

    def by_words(name: str, texts: Sequence[str]) -> JudgedQueries:
        drawn = _some(texts, rng)
        judged = judge_by_words(drawn, held_out.captions, len(held_out.embeddings))
        if name == "absent":  # the few that are there after all would stand for all that fits of this kind
            judged[judged == FITS] = UNKNOWN
        return JudgedQueries(embed(drawn), judged, _WEIGHTS[name])

    def by_classes(name: str, words: WordList, wordings: Sequence[str]) -> JudgedQueries:
        rows = rng.permutation(len(words.words))[:_TEXTS]
        texts = [wordings[int(rng.integers(len(wordings)))].format(words.words[row]) for row in rows]
        judged = judge_by_classes([words.classes[row] for row in rows], held_out.chances)
        return JudgedQueries(embed(texts), judged, _WEIGHTS[name])

    names, words = load_words()
    kinds = (
        by_words("captions", captions),
        by_words("phrases", cut_phrases(captions)),
        by_classes("names", names, NAME_WORDINGS),
        by_classes("words", words, WORD_WORDINGS),
        by_words("absent", absent_texts()),
    )
    return CalibrationData(held_out.embeddings, kinds)


def absent_texts() -> list[str]:
    """Things that few photographs of Flickr8k show, in everyday wordings."""
    texts: list[str] = json.loads(resources.files("retrieval.training").joinpath("data/absent.json").read_text("utf-8"))
    return texts


def cut_phrases(captions: Sequence[str]) -> list[str]:
    """Captions cut at prepositions and verbs into phrases of one to four words, and the last word of each; sorted."""
    phrases: set[str] = set()
    for caption in captions:
        for run in _runs(caption):
            if len(run) <= _PHRASE_WORDS and any(word not in _EMPTY for word in run):
                phrases.add(" ".join(run))
                phrases |= {run[-1]} - _EMPTY
    return sorted(phrases)


def _runs(caption: str) -> list[list[str]]:
    runs: list[list[str]] = [[]]
    for word in re.findall(r"[a-z']+|[,.]", caption.lower()):
        if word in _CUTS or word in ",.":
            runs.append([])
        else:
            runs[-1].append(word)
    return [run for run in runs if run]


def judge_by_words(texts: Sequence[str], captions: Sequence[Sequence[str]], pictures: int) -> NDArray[np.int8]:
    """Judgements [k, pictures]; pictures past ``captions`` stay unknown."""
    said = [frozenset().union(*(_stems(caption) for caption in own)) for own in captions]
    numbers = {stem: number for number, stem in enumerate(sorted(frozenset().union(*said)))}
    shown = np.zeros((len(captions), len(numbers)), np.float32)
    for row, stems in enumerate(said):
        shown[row, [numbers[stem] for stem in stems]] = 1
    judged = np.full((len(texts), pictures), UNKNOWN, np.int8)
    for row, text in enumerate(texts):
        stems = _stems(text)
        count = shown[:, [numbers[stem] for stem in stems if stem in numbers]].sum(axis=1)
        own = judged[row, : len(captions)]
        own[count == 0] = MISFIT
        own[count == max(len(stems), 1)] = FITS
    return judged


def judge_by_classes(covered: Sequence[Sequence[int]], chances: Float32Array) -> NDArray[np.int8]:
    """Judgements [k, h] of words that cover the classes ``covered`` [k], by the classifier's chances [h, 1000]."""
    judged = np.full((len(covered), len(chances)), UNKNOWN, np.int8)
    for row, classes in enumerate(covered):
        chance = chances[:, list(classes)].sum(axis=1)
        judged[row, chance < _CONTRARY] = MISFIT
        judged[row, chance > _SURE] = FITS
    return judged


def _stems(text: str) -> frozenset[str]:
    words = (word for word in _WORD.findall(text.lower()) if word not in _EMPTY)
    return frozenset(_ENDING.sub("", word) if len(word) > 3 else word for word in words)


def _some(texts: Sequence[str], rng: np.random.Generator) -> list[str]:
    return [texts[row] for row in rng.permutation(len(texts))[:_TEXTS]]
