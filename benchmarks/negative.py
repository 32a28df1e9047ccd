"""What "-word" does to the order of photographs and to who fits: python -m benchmarks.negative FOLDER (with dev.csv).

"a dog -ball" asks for photographs with a dog and without a ball. A photograph has what at least two of its five
captions name, and lacks what none does; those between are left out. Measured for each weight of what is taken off.
"""

from __future__ import annotations

import csv
import json
import re
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from retrieval.experts.appearance import LOGITS_ROWS, Appearance
from retrieval.search.chances import TextChances
from retrieval.settings import Settings
from retrieval.spaces.starter import StarterSpace
from retrieval.training.captioned_pictures import TowerReader
from retrieval.training.stage_cache import StageCache
from retrieval.types import Float32Array

__all__ = ["measure_negative"]

ASKED: Final = ("dog", "man", "woman", "boy", "girl", "child", "people")
AGAINST: Final = (
    *("water", "snow", "grass", "beach", "ball", "bike", "street", "pool", "mountain", "rock", "field", "car", "hat"),
    *("dog", "man", "woman", "boy", "girl", "child", "people"),
)
WEIGHTS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.5)
FEWEST: Final = 15
"""Photographs with both, and with the first alone, that a pair needs."""
TOP: Final = 20


def measure_negative(folder: Path) -> dict[str, Any]:
    """Over pairs of words: precision of the first 20, their share with the unwanted one, and who fits."""
    with tempfile.TemporaryDirectory() as temporary:
        reader = TowerReader(StageCache(Path(temporary)), Settings(), lambda line: None)
        read = reader.read(folder / "dev.csv", with_views=False)
        features, logits = read.first_view()
    space = StarterSpace()
    vectors = space.embed_segments({Appearance.name: features, LOGITS_ROWS: logits})
    counts = _counts(folder / "dev.csv")
    pairs = []
    for asked in ASKED:
        for against in AGAINST:
            has, lacks = counts[asked] >= 2, counts[against] == 0
            good, bad = has & lacks, has & (counts[against] >= 2)
            if asked != against and min(good.sum(), bad.sum()) >= FEWEST:
                pairs.append((asked, against, good, bad, (counts[asked] == 0) | good | bad))
    result: dict[str, Any] = {"photographs": len(vectors), "pairs": len(pairs), "weights": {}}
    words = {word: space.embed_text([word])[0] for word in {*ASKED, *AGAINST}}
    for weight in WEIGHTS:
        rows = [_ranked(vectors, words[a] - weight * words[b], good, bad, judged) for a, b, good, bad, judged in pairs]
        means = np.mean(rows, axis=0)
        result["weights"][str(weight)] = dict(
            zip(
                ("precision_at_20", "unwanted_at_20", "average_precision"),
                (round(float(x), 4) for x in means),
                strict=True,
            )
        )
    result["fits"] = _fits(space, vectors, words, pairs)
    return result


def _counts(table: Path) -> dict[str, Any]:
    """In how many captions of each photograph a word stands, in the order of the table: word → [n]."""
    said: defaultdict[str, Counter[str]] = defaultdict(Counter)
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            said[row["path"]].update({_singular(word) for word in re.findall(r"[a-z]+", row["caption"].lower())})
    return {word: np.array([said[path][_singular(word)] for path in said]) for word in {*ASKED, *AGAINST}}


def _singular(word: str) -> str:
    return {"men": "man", "women": "woman", "children": "child", "person": "people"}.get(
        word, word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
    )


def _ranked(vectors: Float32Array, query: Float32Array, good: Any, bad: Any, judged: Any) -> tuple[float, float, float]:
    order = np.argsort(-(vectors @ query), kind="stable")
    order = order[judged[order]]
    right = good[order]
    hits = np.cumsum(right)
    average = float((hits[right] / (np.flatnonzero(right) + 1)).mean())
    return float(right[:TOP].mean()), float(bad[order][:TOP].mean()), average


def _fits(
    space: StarterSpace, vectors: Float32Array, words: dict[str, Float32Array], pairs: list[Any]
) -> dict[str, float]:
    """Of photographs with the first word, who fits with the other one against it and without that."""
    rows = []
    for asked, against, good, bad, _ in pairs:
        first = _chances(space, vectors, words[asked])
        both = first * (1 - _chances(space, vectors, words[against]))
        fit, still = first >= space.fits_from, both >= space.fits_from
        rows.append((fit[good].mean(), still[good].mean(), fit[bad].mean(), still[bad].mean()))
    names = ("wanted_before", "wanted_after", "unwanted_before", "unwanted_after")
    return dict(zip(names, (round(float(x), 4) for x in np.mean(rows, axis=0)), strict=True))


def _chances(space: StarterSpace, vectors: Float32Array, query: Float32Array) -> Float32Array:
    return TextChances(space, query, len(vectors), sample=vectors).of(vectors @ query, vectors)


if __name__ == "__main__":
    print(json.dumps(measure_negative(Path(sys.argv[1])), indent=2))
