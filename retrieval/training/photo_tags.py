"""Fits what `vidi tag` knows by itself: python -m retrieval.training.photo_tags TABLE CACHE (a table of captions).

Two things come of it. For each label of the photo vocabulary that enough captions have, a linear head on the
appearance features, by ridge regression. For these, and for the names of ImageNet's classes, the chance that a tag is
right. Heads are calibrated on photographs that they were not fitted on (five folds). A tag is right here when it, a
synonym or a word for what lies below it stands in a caption; a label is shown by default only if it is right often
enough by the project's own rule, too (retrieval/evaluation/tag_judgement.py).

Shapes: n photographs · L labels · m pairs of a photograph and a name.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from retrieval.evaluation.tag_judgement import BY_SENSE, BY_THE_RULE, TagJudge
from retrieval.experts.appearance import top_classes
from retrieval.settings import Settings
from retrieval.tagging.class_names import class_names
from retrieval.tagging.imagenet import LEAST_SHARE, NameTable, class_shares, odds
from retrieval.tagging.label_file import read_label_file
from retrieval.tagging.photo import PHOTO_WEIGHTS
from retrieval.tagging.photo_vocabulary import PHOTO_VOCABULARY
from retrieval.training.captioned_pictures import TowerReader
from retrieval.training.classifier.logistic import fit_temperature
from retrieval.training.heads_file import write_whole
from retrieval.training.stage_cache import StageCache
from retrieval.types import Float32Array

__all__ = ["THRESHOLD", "fit_heads", "fit_names", "logistic", "main"]

THRESHOLD: Final = 0.7
"""The chance from which a tag is shown."""
_FEWEST: Final = 60  # photographs whose captions have a label
_RIDGE: Final = 1.0  # on standardised features
_FOLDS: Final = 5
_FEWEST_SHOWN: Final = 10
_LEAST_BY_THE_RULE: Final = 0.5
_CHANCES: Final = Path(__file__).parents[1] / "tagging" / "data" / "imagenet_chances.json"

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """weights [1280, L] and bias [L] of calibrated heads; ``held_out`` [n, L], chances of photographs not fitted on."""

    weights: Float32Array
    bias: Float32Array
    held_out: Float32Array


def fit_heads(features: Float32Array, targets: Bools, seed: int = 0) -> Heads:
    """Calibrated linear heads for ``targets`` [n, L] on features [n, 1280]."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    inputs = (features - mean) / scale
    fold = np.random.default_rng(seed).permutation(len(inputs)) % _FOLDS
    scores = np.zeros(targets.shape, np.float32)
    for number in range(_FOLDS):
        weights, bias = _ridge(inputs[fold != number], targets[fold != number])
        scores[fold == number] = inputs[fold == number] @ weights + bias
    curves = np.array([logistic(scores[:, column], targets[:, column]) for column in range(targets.shape[1])])
    curves /= _temperature(scores * curves[:, 0] + curves[:, 1], targets)
    weights, bias = _ridge(inputs, targets)
    folded = weights / scale[:, None] * curves[:, 0]
    return Heads(
        np.asarray(folded, np.float32),
        np.asarray((bias * curves[:, 0] + curves[:, 1]) - mean @ folded, np.float32),
        _sigmoid(scores * curves[:, 0] + curves[:, 1]),
    )


def _temperature(said: Doubles, targets: Bools) -> float:
    """Of all labels together (Guo et al. 2017), fitted to what is likelier right than not; ``said`` [n, L], log odds.

    A label's own curve fits all its scores, of which nearly all are low. The few at the top, which alone are shown,
    came out 5 points too sure: however clear a thing is, not every caption names it.
    """
    likely = said > 0
    logits = np.stack([np.zeros(likely.sum()), said[likely]], axis=1)
    return fit_temperature(np.asarray(logits, np.float32), targets[likely].astype(np.int64))


def _ridge(inputs: Float32Array, targets: Bools) -> tuple[Float32Array, Float32Array]:
    """The least squares of ``targets`` − their mean, with a penalty: weights [1280, L], bias [L]."""
    means = targets.mean(axis=0, dtype=np.float32)
    square = inputs.T @ inputs / len(inputs) + _RIDGE * np.eye(inputs.shape[1], dtype=np.float32)
    weights = np.linalg.solve(square, inputs.T @ (targets - means) / len(inputs))
    return np.asarray(weights, np.float32), np.asarray(means - inputs.mean(axis=0) @ weights, np.float32)


def logistic(scores: Float32Array, labels: Bools, steps: int = 50) -> Doubles:
    """Slope and offset (Platt 1999) by Newton's method, held a little to a slope of 8 and an offset of −3."""
    prior, strength = np.array([8.0, -3.0]), 1e-2
    inputs = np.stack([scores.astype(np.float64), np.ones(len(scores))], axis=1)
    curve = prior.copy()
    for _ in range(steps):
        chances = 1 / (1 + np.exp(-np.clip(inputs @ curve, -30, 30)))
        slope = inputs.T @ (labels - chances) - strength * (curve - prior)
        bend = (inputs * (chances * (1 - chances))[:, None]).T @ inputs + strength * np.eye(2)
        curve += np.clip(np.linalg.solve(bend, slope), -3, 3)
    return curve


def fit_names(shares: Float32Array, captions: Sequence[Sequence[str]], steps: int = 1500) -> dict[str, list[float]]:
    """Slope and offset of each name of ImageNet's classes over the odds of its probability, from shares [n, 1000].

    A logistic with a slope and an offset for each group of names and an offset for each name, which is held to 0 by a
    penalty: a name that the photographs tell nothing of is as sure as its group.
    """
    table = NameTable(class_names())
    of_names = shares @ table.covers
    rows, names = np.nonzero(of_names >= LEAST_SHARE)
    judge = TagJudge(BY_SENSE)
    right = np.concatenate(
        [judge.right([table.names[name] for name in names[rows == row]], own) for row, own in enumerate(captions)]
    ).astype(np.float64)
    groups = sorted(set(table.groups.values()))
    group = np.array([groups.index(table.groups[name]) for name in table.names])
    curve = _grouped_logistic(
        odds(of_names[rows, names]).astype(np.float64), group[names], names, right, len(groups), steps
    )
    slope, offset = curve[group], curve[len(groups) + group] + curve[2 * len(groups) + np.arange(len(table.names))]
    return {
        name: [round(float(s), 4), round(float(o), 4)] for name, s, o in zip(table.names, slope, offset, strict=True)
    }


def _grouped_logistic(
    inputs: Doubles, group: NDArray[np.intp], name: NDArray[np.intp], right: Doubles, groups: int, steps: int
) -> Doubles:
    """[groups slopes, groups offsets, names offsets], by the bound of Böhning (1992) on the bend, with momentum."""
    size = 2 * groups + int(name.max(initial=0)) + 1
    size = max(size, 2 * groups + len(NameTable(class_names()).names))
    penalty = np.concatenate([np.full(groups, 5.0), np.full(groups, 0.1), np.ones(size - 2 * groups)])
    prior = np.concatenate([np.ones(groups), np.zeros(size - groups)])
    terms = ((group, inputs), (groups + group, np.ones(len(inputs))), (2 * groups + name, np.ones(len(inputs))))
    bend = np.zeros(size * size)
    for i, a in terms:
        for j, b in terms:
            bend += np.bincount(i * size + j, weights=0.25 * a * b, minlength=size * size)
    inverse = np.linalg.inv(bend.reshape(size, size) + np.diag(penalty))
    curve, ahead = prior.copy(), prior.copy()
    for step in range(steps):
        scores = ahead[group] * inputs + ahead[groups + group] + ahead[2 * groups + name]
        left = right - 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
        slope = sum(np.bincount(i, weights=left * a, minlength=size) for i, a in terms) - penalty * (ahead - prior)
        reached = ahead + inverse @ slope
        ahead = reached + step / (step + 3) * (reached - curve)
        curve = reached
    return curve


def _sigmoid(scores: Any) -> Float32Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))), np.float32)


def write_photo_labels(features: Float32Array, captions: Sequence[Sequence[str]], path: Path = PHOTO_WEIGHTS) -> None:
    """Fit the heads and write them with their card."""
    labels = read_label_file(PHOTO_VOCABULARY).labels
    names = [label.name for label in labels]
    by_sense, by_rule = TagJudge(BY_SENSE), TagJudge(BY_THE_RULE)
    sense = np.array([by_sense.right(names, own) for own in captions])
    rule = np.array([by_rule.right(names, own) for own in captions])
    kept = np.flatnonzero(sense.sum(axis=0) >= _FEWEST)
    heads = fit_heads(features, sense[:, kept])
    entries = []
    for column, number in enumerate(kept):
        shown = heads.held_out[:, column] >= THRESHOLD
        precision = [float(judged[shown, number].mean()) if shown.any() else 0.0 for judged in (sense, rule)]
        is_on = shown.sum() >= _FEWEST_SHOWN and precision[0] >= THRESHOLD - 0.05 and precision[1] >= _LEAST_BY_THE_RULE
        entries.append(
            {
                "label": names[number],
                "group": labels[number].group,
                "shown": bool(is_on),
                "photographs": int(sense[:, number].sum()),
                "said": int(shown.sum()),
                "right_by_sense": round(precision[0], 3),
                "right_by_rule": round(precision[1], 3),
            }
        )
    card = {
        "task": "labels of the photo vocabulary from EfficientNet-Lite0's pooled features",
        "trained_on": f"Flickr8k (Hodosh, Young, Hockenmaier 2013), {len(features):,} train photographs and captions, "
        "for research use",
        "command": "python -m retrieval.training.photo_tags TABLE CACHE",
        "licence": "Apache-2.0",
        "threshold": THRESHOLD,
        "labels": entries,
    }
    write_whole(path, save({"weights": heads.weights.astype(np.float16), "bias": heads.bias}))
    lines = ",\n  ".join(json.dumps(entry) for entry in entries)
    text = json.dumps(card | {"labels": []}, indent=1).replace('"labels": []', f'"labels": [\n  {lines}\n ]')
    path.with_suffix(".json").write_text(text + "\n", "utf-8")


def write_name_chances(logits: Float32Array, captions: Sequence[Sequence[str]], path: Path = _CHANCES) -> None:
    """Fit the chances of the names of classes and write them."""
    rows = np.concatenate(top_classes(logits), axis=1, dtype=np.float16).astype(np.float32)  # as they are kept
    names = fit_names(class_shares(rows), captions)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(curve)}" for name, curve in names.items())
    path.write_text(f'{{"threshold": {THRESHOLD}, "names": {{\n{lines}\n}}}}\n', "utf-8")


def main() -> None:
    """Fit and write both."""
    if len(sys.argv) != 3:
        sys.exit(
            "usage: python -m retrieval.training.photo_tags TABLE CACHE (a table of captions, a folder to keep work in)"
        )
    reader = TowerReader(StageCache(Path(sys.argv[2])), Settings(), lambda line: print(line, file=sys.stderr))
    read = reader.read(Path(sys.argv[1]), with_views=False)
    features, logits = read.first_view()
    write_photo_labels(features, read.texts)
    write_name_chances(logits, read.texts)


if __name__ == "__main__":
    main()
