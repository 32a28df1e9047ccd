"""The starter's figures from a folder of captioned photographs: python -m benchmarks.starter FOLDER/dev.csv OUT.json.

Retrieval, agreement of names with the classifier's first choice (names, unused wordings, everyday words), and how
often "nothing fits" is said rightly and wrongly. Pictures are squashed whole to 224 × 224.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from open_clip import IMAGENET_CLASSNAMES
from PIL import Image

from retrieval.evaluation.captions import read_captions
from retrieval.experts.appearance import Appearance
from retrieval.models.sentence_encoder import SentenceEncoder
from retrieval.spaces.calibration import Calibration
from retrieval.spaces.heads import StarterHeads, unit
from retrieval.types import Float32Array

DATA: Final = Path(__file__).parent / "data"
WEIGHTS: Final = Path(__file__).parents[1] / "retrieval/spaces/weights/starter"
WORDINGS: Final = ("a {}", "a photo of a {}.", "a photo of the {}.", "a picture of a {}")
LIBRARIES: Final = (10, 100, 1000)
BATCH: Final = 32


def main(table: Path, out: Path) -> None:
    """Measure on the photographs of ``table`` and write the figures to ``out``."""
    bench = Bench(StarterHeads.load(WEIGHTS / "heads.safetensors"), SentenceEncoder.load())
    pictures, classes, captions, owners = bench.read(table)
    settings = json.loads((DATA / "starter_settings.json").read_text("utf-8"))
    every = [(index,) for index in range(1000)]
    words = json.loads((DATA / "everyday_words.json").read_text("utf-8"))
    everyday = bench.ensemble(tuple(words), WORDINGS)
    figures = {
        "text_to_picture": recalls(pictures, captions, owners),
        "names": agreement(pictures, bench.ensemble(IMAGENET_CLASSNAMES, WORDINGS), every, classes),
        "unused_wordings": agreement(
            pictures, bench.ensemble(IMAGENET_CLASSNAMES, settings["wordings"]), every, classes
        ),
        "everyday_words": agreement(pictures, everyday, list(words.values()), classes),
        "nothing_fits": bench.refusals(pictures, captions, owners),
    }
    out.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


class Bench:
    """Both heads over their towers."""

    def __init__(self, heads: StarterHeads, encoder: SentenceEncoder) -> None:
        self._heads = heads
        self._encoder = encoder

    def read(self, table: Path) -> tuple[Float32Array, NDArray[np.intp], Float32Array, NDArray[np.intp]]:
        """Pictures [n, d], the classifier's choices [n], captions [m, d] and the picture [m] of each."""
        items, tower = read_captions(table), Appearance()
        outputs = [
            tower.encode(_pixels([item.path for item in items[k : k + BATCH]])) for k in range(0, len(items), BATCH)
        ]
        features = np.concatenate([output.features for output in outputs]).astype(np.float32)
        logits = np.concatenate([output.logits for output in outputs]).astype(np.float32)
        captions = [caption for item in items for caption in item.captions]
        owners = np.repeat(np.arange(len(items)), [len(item.captions) for item in items])
        return self._heads.embed_pictures(features, logits), logits.argmax(axis=1), self.embed(captions), owners

    def embed(self, texts: Sequence[str]) -> Float32Array:
        """Texts → [n, d]."""
        return self._heads.embed_texts(self._encoder.encode(texts))

    def ensemble(self, names: Sequence[str], wordings: Sequence[str]) -> Float32Array:
        """CLIP's template ensemble: the mean of each name's wordings, [k, d]."""
        vectors = [self.embed([wording.format(name) for name in names]) for wording in wordings]
        return unit(np.mean(vectors, axis=0, dtype=np.float32))

    def refusals(
        self, pictures: Float32Array, captions: Float32Array, owners: NDArray[np.intp]
    ) -> dict[str, dict[str, float]]:
        """In percent, for libraries of some sizes: queries to which "nothing fits" is said."""
        calibration, rng = Calibration.load(WEIGHTS / "calibration.safetensors"), np.random.default_rng(0)
        absent = self.embed((DATA / "absent_sentences.txt").read_text("utf-8").splitlines())

        def refused(query: Float32Array, library: Float32Array) -> bool:
            return not calibration.fits(calibration.chance(library @ query, query, len(library))).any()

        found = {}
        for size in (size for size in LIBRARIES if size <= len(pictures)):
            true, false = [], []
            for _ in range(1000 // size if size < 1000 else 1):
                rows = rng.choice(len(pictures), size, replace=False)
                own = rng.permutation(captions[np.isin(owners, rows)])[:200]
                true += [refused(query, pictures[rows]) for query in own]
                false += [refused(query, pictures[rows]) for query in absent]
            found[str(size)] = {
                "true_refused": 100 * float(np.mean(true)),
                "absent_refused": 100 * float(np.mean(false)),
            }
        return found


def _pixels(paths: Sequence[Path]) -> NDArray[np.uint8]:
    """Pictures squashed whole: [n, 224, 224, 3]."""
    opened = (Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC) for path in paths)
    return np.stack([np.asarray(picture, np.uint8) for picture in opened])


def recalls(pictures: Float32Array, captions: Float32Array, owners: NDArray[np.intp]) -> dict[str, float]:
    """R@1, R@5 and R@10 of captions → pictures, in percent."""
    scores = captions @ pictures.T
    ranks = (scores > scores[np.arange(len(owners)), owners][:, None]).sum(axis=1)
    return {f"R@{k}": 100 * float(np.mean(ranks < k)) for k in (1, 5, 10)}


def agreement(
    pictures: Float32Array, words: Float32Array, covered: Sequence[Sequence[int]], classes: NDArray[np.intp]
) -> dict[str, float]:
    """How often one of the first 1 or 5 words covers the classifier's choice, in percent of the pictures whose
    choice any word covers at all ("coverable", in percent of all)."""
    covers = np.zeros((len(words), 1000), np.bool_)
    for row, members in enumerate(covered):
        covers[row, list(members)] = True
    able = covers[:, classes].any(axis=0)
    order = np.argsort(-(pictures[able] @ words.T), axis=1)[:, :5]
    right = covers[order, classes[able][:, None]]
    return {
        "top1": 100 * float(right[:, 0].mean()),
        "top5": 100 * float(right.any(axis=1).mean()),
        "coverable": 100 * float(able.mean()),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
