"""How often "nothing fits" is said rightly and wrongly: python -m benchmarks.calibration FOLDER (with dev.csv).

On photographs, a calibration is fitted to one half of dev and measured on the other. On the sample media that come
with the install, the shipped one is measured, by queries written by hand: half of them chose the threshold's trade
("tuning"), the other half was looked at only here ("blind").
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
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
from retrieval.spaces.calibration import Calibration
from retrieval.spaces.heads import StarterHeads, posterior
from retrieval.spaces.starter import STARTER_WEIGHTS
from retrieval.training.calibrate import FITS, MISFIT, fit_calibration
from retrieval.training.judgements import HeldOut, calibration_data, judge_by_classes, judge_by_words
from retrieval.training.prototypes import Classifier, make_prototypes
from retrieval.types import Float32Array
from ui.sample_media import sample_media

__all__ = ["measure_calibration"]

DATA: Final = Path(__file__).parent / "data"
SIZES: Final = {10: 40, 100: 8, 500: 2}  # of libraries, and how many of each
REFUSED: Final = 0.1
BATCH: Final = 32

Asked = dict[str, tuple[Float32Array, NDArray[np.int8]]]


def measure_calibration(folder: Path) -> dict[str, Any]:
    """Figures of a calibration fitted on half of ``folder``/dev.csv, and of the shipped one on the sample media."""
    heads, encoder = StarterHeads.load(STARTER_WEIGHTS / "heads.safetensors"), SentenceEncoder.load()

    def embed(texts: Sequence[str]) -> Float32Array:
        return heads.embed_texts(encoder.encode(texts))

    items = read_captions(folder / "dev.csv")
    features, logits = _read_pictures(items)
    half = len(items) // 2
    made = make_prototypes(features[:half], Classifier(*read_classifier()), rounds=3, rng=np.random.default_rng(0))
    fitting = [np.concatenate(pair) for pair in ((features[:half], made[0]), (logits[:half], made[1]))]
    captions = tuple(item.captions for item in items)
    held_out = HeldOut(heads.embed_pictures(*fitting), posterior(fitting[1]), captions[:half])
    data = calibration_data(held_out, embed, np.random.default_rng(0))
    fitted = fit_calibration(held_out.embeddings[:half], data, refused=REFUSED, seed=0)
    asked = _queries(captions[half:], posterior(logits[half:]), embed)
    return {
        "fitted": {"weights": fitted.weights.tolist(), "threshold": fitted.threshold},
        "photographs": _refusals(fitted, heads.embed_pictures(features[half:], logits[half:]), asked),
        "sample_media": _sample_media(),
    }


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


def _queries(captions: tuple[tuple[str, ...], ...], chances: Float32Array, embed: Any) -> Asked:
    """Captions, everyday words in two wordings, and absent sentences, judged against the pictures."""
    texts = [caption for own in captions for caption in own]
    words = json.loads((DATA / "everyday_words.json").read_text("utf-8"))
    covered = judge_by_classes(list(words.values()), chances)
    absent = (DATA / "absent_sentences.txt").read_text("utf-8").splitlines()
    return {
        "captions": (embed(texts), judge_by_words(texts, captions, len(captions))),
        "words": (embed(list(words)), covered),
        "words_with_article": (embed([f"a {word}" for word in words]), covered),
        "absent_sentences": (embed(absent), np.full((len(absent), len(captions)), MISFIT, np.int8)),
    }


def _refusals(fitted: Calibration, pictures: Float32Array, asked: Asked) -> dict[str, dict[str, Any]]:
    rng, found = np.random.default_rng(0), {}
    for size, repeats in SIZES.items():
        best: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in asked}
        for _ in range(repeats):
            library = rng.choice(len(pictures), min(size, len(pictures)), replace=False)
            for name, (queries, judgements) in asked.items():
                inside = judgements[:, library]
                fits, misfits = (inside == FITS).any(axis=1), (inside == MISFIT).all(axis=1)
                for group, rows in zip(best[name], (fits, misfits), strict=True):
                    chosen = rng.permutation(np.flatnonzero(rows))[:200]
                    group += [_best(fitted, pictures[library], queries[row]) for row in chosen]
        absent = best["absent_sentences"][1]
        found[str(size)] = {name: _shares(fitted, *groups, absent) for name, groups in best.items()}
    return found


def _best(fitted: Calibration, library: Float32Array, query: Float32Array) -> float:
    return float(fitted.chance((library @ query).max(keepdims=True), query, len(library))[0])


def _shares(
    fitted: Calibration, true: list[float], false: list[float], absent: list[float]
) -> dict[str, float | int | None]:
    """Refused in percent, of what is there and what is not; the area under the curve is against absent sentences."""

    def refused(chances: list[float]) -> float | None:
        return round(100 * float(np.mean(np.array(chances) < fitted.threshold)), 1) if chances else None

    area = round(_area(true, absent), 3) if true else None
    return {
        "true_refused": refused(true),
        "true_asked": len(true),
        "false_refused": refused(false),
        "false_asked": len(false),
        "area": area,
    }


def _area(true: list[float], false: list[float]) -> float:
    """The chance that a true one scores higher than a false one; ties count half."""
    difference = np.array(true)[:, None] - np.array(false)
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


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
