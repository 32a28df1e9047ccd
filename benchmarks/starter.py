"""The starter's figures from a folder with ``dev.csv``: `python -m benchmarks.starter FOLDER [--unseen-heads FILE]`.

Retrieval, agreement of names with the classifier's first choice (names, wordings and everyday words that training had
not), names left out of training, and what an embedding costs. What the calibration does: `benchmarks.calibration`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from open_clip import IMAGENET_CLASSNAMES

from benchmarks.machine import describe_machine
from retrieval.evaluation.metrics import summarize
from retrieval.evaluation.retrieval_protocol import rank_both_ways
from retrieval.models.picture_tower import read_classifier
from retrieval.settings import Settings
from retrieval.spaces.heads import CLASSES, StarterHeads
from retrieval.spaces.starter import STARTER_WEIGHTS
from retrieval.training.agreement import CLIP_WORDINGS, Agreement, agreement, ensemble
from retrieval.training.captioned_pictures import CaptionedPictures, TowerReader
from retrieval.training.prototypes import Classifier, make_prototypes
from retrieval.training.stage_cache import StageCache
from retrieval.training.starter_run import unseen_classes
from retrieval.types import Float32Array

__all__ = ["measure_starter"]

DATA: Final = Path(__file__).parent / "data"
RESULTS: Final = Path(__file__).parent / "results"
BATCH: Final = 64
NAMES: Final = np.eye(CLASSES, dtype=np.bool_)

Figures = dict[str, Any]


def main() -> None:
    """Measure, and write ``benchmarks/results/starter.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds dev.csv")
    parser.add_argument(
        "--unseen-heads", type=Path, help="heads of `vidi train contrastive --leave-out-names 17`, for unseen names"
    )
    arguments = parser.parse_args()
    figures = measure_starter(arguments.folder, arguments.unseen_heads)
    measured = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": describe_machine()}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "starter.json").write_text(json.dumps(measured | {"figures": figures}, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


def measure_starter(folder: Path, unseen_heads: Path | None = None) -> Figures:
    """The figures on ``folder/dev.csv``; names left out of training only where heads without them are given."""
    with tempfile.TemporaryDirectory() as cache:
        reader = TowerReader(StageCache(Path(cache)), Settings(), print)
        dev = reader.read(folder / "dev.csv", with_views=False)
        bench = Bench(StarterHeads.load(STARTER_WEIGHTS / "heads.safetensors"), reader, dev)
        figures = bench.retrieval() | bench.names() | {"cost": bench.cost()}
        if unseen_heads:
            figures["unseen_names"] = Bench(StarterHeads.load(unseen_heads), reader, dev).unseen_names()
    return figures


class Bench:
    """One pair of heads on the dev table."""

    def __init__(self, heads: StarterHeads, reader: TowerReader, dev: CaptionedPictures) -> None:
        self._heads = heads
        self._reader = reader
        self._dev = dev
        self._features, self._logits = dev.first_view()
        self._classes = self._logits.argmax(axis=1)
        self._pictures = heads.embed_pictures(self._features, self._logits)
        self._captions = heads.embed_texts(dev.captions.vectors)

    def embed(self, texts: Sequence[str]) -> Float32Array:
        """Texts → [n, d]."""
        return self._heads.embed_texts(self._reader.encode(texts))

    def retrieval(self) -> Figures:
        """Ranks both ways."""
        ranks = rank_both_ways(self._captions @ self._pictures.T, self._dev.captions.owners)
        to_picture, to_text = (summarize(way).to_json() for way in ranks)
        return {"pictures": self._dev.count, "text_to_picture": to_picture, "picture_to_text": to_text}

    def names(self) -> Figures:
        """Agreement of the class names, in wordings of training and others, and of everyday words."""
        settings = json.loads((DATA / "starter_settings.json").read_text("utf-8"))
        everyday: Mapping[str, list[int]] = json.loads((DATA / "everyday_words.json").read_text("utf-8"))
        covers = np.zeros((len(everyday), CLASSES), np.bool_)
        for row, classes in enumerate(everyday.values()):
            covers[row, classes] = True
        words = ensemble(tuple(everyday), CLIP_WORDINGS, self.embed)
        return {
            "names": self._agreed(IMAGENET_CLASSNAMES, CLIP_WORDINGS).to_json(),
            "unused_wordings": self._agreed(IMAGENET_CLASSNAMES, settings["wordings"]).to_json(),
            "everyday_words": agreement(self._pictures, words, covers, self._classes).to_json(),
        }

    def _agreed(self, names: Sequence[str], wordings: Sequence[str]) -> Agreement:
        return agreement(self._pictures, ensemble(names, wordings, self.embed), NAMES, self._classes)

    def unseen_names(self) -> Figures:
        """Of classes whose names training had not: photographs, and made features, among all 1,000 names."""
        seed = json.loads((DATA / "starter_settings.json").read_text("utf-8"))["unseen_seed"]
        unseen, words = unseen_classes(seed), ensemble(IMAGENET_CLASSNAMES, CLIP_WORDINGS, self.embed)
        classifier, rng = Classifier(*read_classifier()), np.random.default_rng(seed)
        features, logits = make_prototypes(self._features, classifier, rounds=3, rng=rng)
        made, made_classes = self._heads.embed_pictures(features, logits), logits.argmax(axis=1)
        return {
            "seed": seed,
            "photographs": _rows(self._pictures, words, self._classes, unseen[self._classes]),
            "photographs_of_seen_names": _rows(self._pictures, words, self._classes, ~unseen[self._classes]),
            "made_features": _rows(made, words, made_classes, unseen[made_classes]),
            "text_to_picture": self.retrieval()["text_to_picture"],
        }

    def cost(self) -> Figures:
        """Milliseconds of the heads alone: a picture in a batch of 64, and one text."""
        vectors = self._dev.captions.vectors[:1]
        batch = self._features[:BATCH], self._logits[:BATCH]
        return {
            "ms_a_picture": round(_quickest(lambda: self._heads.embed_pictures(*batch)) / len(batch[0]), 3),
            "ms_a_text": round(_quickest(lambda: self._heads.embed_texts(vectors)), 3),
        }


def _rows(
    pictures: Float32Array, words: Float32Array, classes: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> Figures:
    found = agreement(pictures[chosen], words, NAMES, classes[chosen])
    return {"count": int(chosen.sum()), "top1": round(found.top1, 2), "top5": round(found.top5, 2)}


def _quickest(call: Callable[[], object], times: int = 20) -> float:
    """Milliseconds of the quickest of some calls: others use the cores, too."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        took.append(time.perf_counter() - started)
    return 1000 * min(took)


if __name__ == "__main__":
    main()
