"""What `vidi tag` shows of photographs that it was not fitted on: python -m benchmarks.tags FOLDER (with dev.csv).

The taggers were fitted, and their threshold and the labels that are on were chosen, on train.csv
(retrieval/training/photo_tags.py); here they are measured on dev.csv. A tag is right when it, a synonym of it, or a
word for what lies above it stands in one of the captions ("precision"); by sense, where a word for what lies below it
does.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.tag import tag
from retrieval.evaluation.tag_judgement import BY_SENSE, BY_THE_RULE, TagJudge
from retrieval.experts.appearance import LOGITS_ROWS, Appearance, top_classes
from retrieval.settings import Settings
from retrieval.spaces.starter import StarterSpace
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.results import MediaRecord, SegmentRecord
from retrieval.tagging.imagenet import ImageNetTagger
from retrieval.tagging.photo import PhotoTagger
from retrieval.tagging.registry import get_label_tagger
from retrieval.tagging.zero_shot import VOCABULARY
from retrieval.training.captioned_pictures import TowerReader
from retrieval.training.stage_cache import StageCache
from retrieval.types import FeatureTrack, Float32Array, MediaFacts, MediaKind

__all__ = ["measure_tags"]

LIBRARY: Final = 20_000
BATCH: Final = 500

Said = list[dict[str, float]]


def measure_tags(folder: Path) -> dict[str, Any]:
    """Precision and coverage on ``folder``/dev.csv, and the speed of tagging an indexed library."""
    with tempfile.TemporaryDirectory() as temporary:
        reader = TowerReader(StageCache(Path(temporary)), Settings(), lambda line: None)
        read = reader.read(folder / "dev.csv", with_views=False)
        features, logits = read.first_view()
        features = features.astype(np.float16).astype(np.float32)
        classes = np.concatenate(top_classes(logits), axis=1, dtype=np.float16).astype(np.float32)
        photo, imagenet = PhotoTagger(), ImageNetTagger()
        by_photo = _said(photo.chances(features), photo.labels)
        by_classes = _said(imagenet.chances(classes), imagenet.labels)
        both = [of_photo | of_class for of_photo, of_class in zip(by_photo, by_classes, strict=True)]
        everything = PhotoTagger(all_labels=True)
        return {
            "photographs": read.count,
            "both": _figures(both, read.texts),
            "both_first_half": _figures(both[: read.count // 2], read.texts[: read.count // 2]),
            "both_second_half": _figures(both[read.count // 2 :], read.texts[read.count // 2 :]),
            "classifier_alone": _figures(by_classes, read.texts),
            "vocabulary_alone": _figures(by_photo, read.texts),
            "vocabulary_with_all_labels": _figures(_said(everything.chances(features), everything.labels), read.texts),
            "zero_shot_vocabulary": _figures(_zero_shot(features, logits), read.texts),
            "by_label": _by_label(both, read.texts),
            "calibration": _calibration(both, read.texts),
            "speed": _speed(Path(temporary) / "library", features, classes),
        }


def _zero_shot(features: Float32Array, logits: Float32Array) -> Said:
    tagger = get_label_tagger(VOCABULARY)
    vectors = (
        StarterSpace()
        .embed_segments({Appearance.name: features, LOGITS_ROWS: logits})
        .astype(np.float16)
        .astype(np.float32)
    )
    return _said(tagger.chances(vectors), tagger.labels)


def _said(chances: Float32Array, labels: Sequence[str]) -> Said:
    return [{labels[place]: float(row[place]) for place in np.flatnonzero(row)} for row in chances]


def _figures(said: Said, texts: Sequence[Sequence[str]]) -> dict[str, float]:
    figures = {
        "tagged_percent": round(100 * sum(map(bool, said)) / len(said), 1),
        "tags_a_photograph": round(sum(map(len, said)) / len(said), 2),
    }
    for name, parts in (("precision_percent", BY_THE_RULE), ("precision_by_sense_percent", BY_SENSE)):
        judge = TagJudge(parts)
        right = [ok for own, captions in zip(said, texts, strict=True) for ok in judge.right(list(own), captions)]
        figures[name] = round(100 * float(np.mean(right)), 1) if right else 0.0
    return figures


def _by_label(said: Said, texts: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    judge, judged = TagJudge(BY_THE_RULE), defaultdict(list)
    for own, captions in zip(said, texts, strict=True):
        for label, ok in zip(own, judge.right(list(own), captions), strict=True):
            judged[label].append(ok)
    ranked = sorted(judged.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return {label: {"said": len(ok), "right_percent": round(100 * float(np.mean(ok)), 1)} for label, ok in ranked}


def _calibration(said: Said, texts: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    """Of tags whose score lies in a tenth, how many are right by sense."""
    judge, tenths = TagJudge(BY_SENSE), defaultdict(list)
    for own, captions in zip(said, texts, strict=True):
        for score, ok in zip(own.values(), judge.right(list(own), captions), strict=True):
            tenths[min(int(score * 10), 9)].append((score, ok))
    return {
        f"{tenth * 10}-{tenth * 10 + 10}": {
            "tags": len(pairs),
            "mean_score_percent": round(100 * float(np.mean([score for score, _ in pairs])), 1),
            "right_percent": round(100 * float(np.mean([ok for _, ok in pairs])), 1),
        }
        for tenth, pairs in sorted(tenths.items())
    }


def _speed(folder: Path, features: Float32Array, classes: Float32Array) -> dict[str, float]:
    """A library of many pictures that have these tracks, tagged; from reading features to committed rows."""
    with Catalog(folder, create=True) as catalog:
        _fill(catalog, features, classes)
    rates = {}
    for tagger in (ImageNetTagger(), PhotoTagger()):
        started = time.monotonic()
        (report,) = tag([tagger], folder).taggers
        rates[f"{tagger.name}_pictures_per_second"] = round(report.assets / (time.monotonic() - started), 1)
    return rates | {"pictures": LIBRARY}


def _fill(catalog: Catalog, features: Float32Array, classes: Float32Array) -> None:
    intake, space = Intake(catalog, ("frames", "benchmark")), SpaceRow(0, "none", "1", 1, normalized=False)
    space = catalog.space(space.name, space.version, space.dim, normalized=False)
    times = np.zeros((1, 2), np.float32)
    for start in range(0, LIBRARY, BATCH):
        numbers = range(start, start + BATCH)
        found = [FoundFile(f"/made/{n}.jpg".encode(), "picture", 1, 1, n) for n in numbers]
        ids = intake.take_in(found, [], [])
        records = [
            MediaRecord(
                file_id=file_id,
                content_hash=n.to_bytes(32, "little"),
                facts=MediaFacts(MediaKind.PICTURE),
                segments=[SegmentRecord()],
                embeddings=np.zeros((1, 1), np.float32),
                tracks={
                    (Appearance.name, Appearance.version): FeatureTrack(times, features[[n % len(features)]]),
                    (ImageNetTagger.source.expert, Appearance.version): FeatureTrack(
                        times, classes[[n % len(classes)]]
                    ),
                },
            )
            for n, file_id in zip(numbers, ids, strict=True)
        ]
        intake.write(space, records, [])


def main() -> None:
    """Print the figures."""
    print(json.dumps(measure_tags(Path(sys.argv[1])), indent=2))


if __name__ == "__main__":
    main()
