"""How often "nothing fits" is said rightly and wrongly: python -m benchmarks.calibration FOLDER (with dev.csv).

On photographs, a calibration is fitted to one half of dev and asked the captions of the other, and the other way round,
in libraries of all of dev; figures of both are pooled. On the sample media that come with the install, the shipped one
is measured, by queries written by hand: half of them chose the threshold's trade ("tuning"), the other half was looked
at only here ("blind").
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer import index
from retrieval.evaluation.captions import CaptionedItem, read_captions
from retrieval.experts.appearance import Appearance
from retrieval.library import Library
from retrieval.models.picture_tower import read_classifier
from retrieval.models.sentence_encoder import SentenceEncoder
from retrieval.search.chances import JUDGED, TextChances
from retrieval.spaces.calibration import Calibration
from retrieval.spaces.heads import StarterHeads, posterior
from retrieval.spaces.starter import STARTER_WEIGHTS
from retrieval.training.calibrate import FITS, MISFIT, UNKNOWN, Background, fit_calibration
from retrieval.training.judgements import HeldOut, calibration_data, judge_by_classes
from retrieval.training.names import NAME_WORDINGS, load_words
from retrieval.training.prototypes import Classifier, make_prototypes
from retrieval.types import Float32Array
from ui.sample_media import sample_media

__all__ = ["measure_calibration"]

DATA: Final = Path(__file__).parent / "data"
SIZES: Final = {10: 20, 100: 10, 1000: 1}  # of libraries, and how many of each
CAPTIONS: Final = 200  # that a library is asked, and as many absent sentences
REFUSED: Final = 0.085
BATCH: Final = 32
RESAMPLES: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Queries [k, d] and whether each of h pictures fits, [k, h]: FITS, MISFIT or UNKNOWN."""

    queries: Float32Array
    judgements: NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Dev:
    """What the towers give for the photographs of dev, and their captions."""

    features: Float32Array
    logits: Float32Array
    captions: tuple[tuple[str, ...], ...]


class Measured:
    """The best chance of each query in each library: by size and group, where something fits and where nothing does."""

    def __init__(self) -> None:
        self.true: dict[tuple[int, str], list[float]] = {}
        self.false: dict[tuple[int, str], list[float]] = {}
        self.refused: dict[tuple[int, str, bool], list[bool]] = {}

    def add(self, size: int, group: str, fits: bool, chances: list[float], threshold: float) -> None:
        """Count ``chances`` of libraries of ``size`` against ``threshold``."""
        (self.true if fits else self.false).setdefault((size, group), []).extend(chances)
        self.refused.setdefault((size, group, fits), []).extend(chance < threshold for chance in chances)

    def to_json(self) -> dict[str, Any]:
        """In percent; areas are against the absent sentences, with 95 % of bootstrap draws of queries."""
        sizes = sorted({size for size, _ in self.false})
        groups = sorted({group for _, group in self.true | self.false})
        return {str(size): {group: self._row(size, group) for group in groups} for size in sizes}

    def _row(self, size: int, group: str) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for name, fits in (("true", True), ("false", False)):
            told = self.refused.get((size, group, fits), [])
            row[f"{name}_refused"] = round(100 * float(np.mean(told)), 1) if told else None
            row[f"{name}_asked"] = len(told)
        if true := self.true.get((size, group)):
            row |= _area_row(true, self.false[size, "absent_sentences"])
        return row


def measure_calibration(folder: Path) -> dict[str, Any]:
    """Figures of calibrations fitted on halves of ``folder``/dev.csv, and of the shipped one on the sample media."""
    heads, encoder = StarterHeads.load(STARTER_WEIGHTS / "heads.safetensors"), SentenceEncoder.load()

    def embed(texts: Sequence[str]) -> Float32Array:
        return heads.embed_texts(encoder.encode(texts))

    items = read_captions(folder / "dev.csv")
    dev = Dev(*_read_pictures(items), tuple(item.captions for item in items))
    pictures, measured, fits = heads.embed_pictures(dev.features, dev.logits), Measured(), []
    shuffled = np.random.default_rng(0).permutation(len(items))
    halves = np.sort(shuffled[: len(items) // 2]), np.sort(shuffled[len(items) // 2 :])
    for seed, (fitting, asking) in enumerate((halves, halves[::-1])):
        fitted = _fit(heads, embed, dev, fitting, seed)
        fits.append({"weights": fitted.weights.tolist(), "threshold": fitted.threshold})
        _measure(fitted, pictures, _queries(dev, asking, embed), measured, seed)
    return {"fitted": fits, "photographs": measured.to_json(), "sample_media": _sample_media()}


def _fit(heads: StarterHeads, embed: Any, dev: Dev, rows: NDArray[np.int64], seed: int) -> Calibration:
    """As training does, with ``rows`` of dev in place of all of it, and as background."""
    rng = np.random.default_rng(seed)
    features, logits = dev.features[rows], dev.logits[rows]
    made = make_prototypes(features, Classifier(*read_classifier()), rounds=3, rng=rng)
    fitting = [np.concatenate(pair) for pair in ((features, made[0]), (logits, made[1]))]
    captions = tuple(dev.captions[row] for row in rows)
    held_out = HeldOut(heads.embed_pictures(*fitting), posterior(fitting[1]), captions)
    names = load_words()[0].words
    background = Background(
        pictures=held_out.embeddings[: len(rows)],
        captions=embed([caption for own in captions for caption in own]),
        rivals=embed([NAME_WORDINGS[number % 2].format(name) for number, name in enumerate(names)]),
    )
    return fit_calibration(background, calibration_data(held_out, embed, rng), refused=REFUSED, seed=seed)


def _read_pictures(items: Sequence[CaptionedItem]) -> tuple[Float32Array, Float32Array]:
    """Features [n, 1280] and logits [n, 1000] of whole pictures, squashed to squares."""
    tower, features, logits = Appearance(), [], []
    for start in range(0, len(items), BATCH):
        opened = (Image.open(item.path).convert("RGB") for item in items[start : start + BATCH])
        squares = [np.asarray(picture.resize((224, 224), Image.Resampling.BICUBIC), np.uint8) for picture in opened]
        output = tower.encode(np.stack(squares))
        features.append(output.features.astype(np.float32))
        logits.append(output.logits.astype(np.float32))
    return np.concatenate(features), np.concatenate(logits)


def _queries(dev: Dev, rows: NDArray[np.int64], embed: Any) -> dict[str, Asked]:
    """The captions of ``rows``, everyday words in two wordings, and absent sentences, judged against all of dev."""
    owners = [row for row in rows.tolist() for _ in dev.captions[row]]
    own = np.full((len(owners), len(dev.captions)), UNKNOWN, np.int8)
    own[np.arange(len(owners)), owners] = FITS
    words = json.loads((DATA / "everyday_words.json").read_text("utf-8"))
    covered = judge_by_classes(list(words.values()), posterior(dev.logits))
    absent = (DATA / "absent_sentences.txt").read_text("utf-8").splitlines()
    return {
        "captions": Asked(embed([caption for row in rows for caption in dev.captions[row]]), own),
        "words": Asked(embed(list(words)), covered),
        "words_with_article": Asked(embed([f"a {word}" for word in words]), covered),
        "absent_sentences": Asked(embed(absent), np.full((len(absent), len(own[0])), MISFIT, np.int8)),
    }


def _measure(
    fitted: Calibration, pictures: Float32Array, asked: dict[str, Asked], measured: Measured, seed: int
) -> None:
    rng, judge = np.random.default_rng([seed, 1]), _Judge(fitted)
    for size, repeats in SIZES.items():
        for _ in range(repeats):
            for group, about in asked.items():
                for fits, rows in _libraries(about, min(size, len(pictures)), len(pictures), rng):
                    best = [_best(judge, pictures[library], about.queries[row]) for row, library in rows]
                    measured.add(size, group, fits, best, fitted.threshold)


def _libraries(
    about: Asked, size: int, pictures: int, rng: np.random.Generator
) -> Iterator[tuple[bool, list[tuple[int, NDArray[np.int64]]]]]:
    """Queries, each with a library of ``size`` pictures: one that fits among any, then such as do not fit."""
    fitting, misfits = about.judgements == FITS, about.judgements == MISFIT
    asked = rng.permutation(np.flatnonzero(fitting.any(axis=1)))[:CAPTIONS]
    true = [(row, rng.choice(pictures, size, replace=False)) for row in asked]
    for row, library in true:
        if not fitting[row, library].any():
            library[0] = rng.choice(np.flatnonzero(fitting[row]))
    yield True, true
    enough = rng.permutation(np.flatnonzero(misfits.sum(axis=1) >= size))[:CAPTIONS]
    yield False, [(row, rng.choice(np.flatnonzero(misfits[row]), size, replace=False)) for row in enough]


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """The fitted calibration in the shipped one's place."""

    fitted: Calibration

    @property
    def fits_from(self) -> float:
        return self.fitted.threshold

    def hit_chance(self, scores: Float32Array, vectors: Float32Array, query: Float32Array, items: int) -> Float32Array:
        return self.fitted.chance(scores, vectors, query, items)


def _best(judge: Any, library: Float32Array, query: Float32Array) -> float:
    """The best chance among the hits that a search judges."""
    scores = library @ query
    judged = np.argsort(-scores, kind="stable")[:JUDGED]
    chances = TextChances(judge, query, len(library), judge, library)
    return float(chances.of(scores[judged], library[judged]).max())


def _area_row(true: list[float], false: list[float]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    drawn = [
        _area(rng.choice(true, len(true)).tolist(), rng.choice(false, len(false)).tolist()) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"area": round(_area(true, false), 3), "area_95": [round(float(low), 3), round(float(high), 3)]}


def _area(true: Sequence[float], false: Sequence[float]) -> float:
    """The chance that a true one scores higher than a false one; ties count half."""
    ranked = np.sort(false)
    below, to = (np.searchsorted(ranked, true, side) for side in ("left", "right"))
    return float((below + to).mean() / 2 / len(ranked))


def _sample_media() -> dict[str, Any]:
    queries = json.loads((DATA / "demo_queries.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        index(sample_media()[0], Path(folder))
        with Library(folder) as library:
            return {name: _ask(library, part["present"], part["absent"]) for name, part in queries.items()}


def _ask(library: Library, present: list[str], absent: list[str]) -> dict[str, Any]:
    true, false = ([library.search(query, anyway=True, top=1) for query in queries] for queries in (present, absent))
    scores = [[result.hits[0].score for result in results] for results in (true, false)]
    return {
        "true_refused": 100 * float(np.mean([not result.fits for result in true])),
        "absent_refused": 100 * float(np.mean([not result.fits for result in false])),
        "area": round(_area(*scores), 3),
        "refused_wrongly": [result.query for result in true if not result.fits],
        "shown_wrongly": [
            f"{result.query}: {result.hits[0].path.name} {result.hits[0].score:.2f}" for result in false if result.fits
        ],
    }


def main() -> None:
    """Print the figures."""
    print(json.dumps(measure_calibration(Path(sys.argv[1])), indent=2))


if __name__ == "__main__":
    main()
