"""A user's 10 classes with 20 pictures each: a head on features, and full training from scratch beside it.

`python -m benchmarks.classifier IMAGES` measures it: a folder or zip with ``train/<class>`` and ``test/<class>``, such
as CIFAR-10. Both are trained by the command that a person types, in a process of its own; imports, decoding and writing
are part of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.experiments.data import first_of_each, open_images
from benchmarks.machine import describe_machine
from retrieval.models.classifier_files import read_classifier
from retrieval.settings import Settings
from retrieval.training.classifier.features import read_features
from retrieval.training.classifier.labelled_pictures import LabelledPictures, read_labelled
from retrieval.training.classifier.picture_set import decode_pictures

__all__ = ["measure_classifier"]

RESULTS: Final = Path(__file__).parent / "results"
PICTURES: Final = 20  # of each class to learn from
ASKED: Final = 200  # of each class to measure on
SIZE: Final = 32
EPOCHS: Final = 60  # of full training

Figures = dict[str, Any]


def main() -> None:
    """Measure, and write ``benchmarks/results/classifier.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="a folder or zip with train/<class> and test/<class>")
    figures = measure_classifier(parser.parse_args().images)
    measured = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": describe_machine()}
    text = json.dumps(measured | {"figures": figures}, indent=2) + "\n"
    (RESULTS / "classifier.json").write_text(text, "utf-8")
    print(text)


def measure_classifier(images: Path) -> Figures:
    """Seconds, and accuracy in percent on other pictures, of a head and of a small DeiT from scratch."""
    with open_images(images) as folder, tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        table = _table(first_of_each(read_labelled(folder / "train"), PICTURES), work / "labels.csv")
        asked = first_of_each(read_labelled(folder / "test"), ASKED)
        head_seconds = _train(table, work / "head", "--model", "head")
        scratch_seconds = _train(
            table, work / "scratch", "--model", "deit_mini", "--epochs", str(EPOCHS), "--batch", "50"
        )
        return {
            "classes": len(asked.classes),
            "pictures_of_a_class": PICTURES,
            "measured_on": len(asked),
            "head": {
                "seconds": head_seconds,
                "top1": _head_accuracy(work / "head", asked),
                "cross_validated_top1": _card(work / "head")["figures"]["top1"],
            },
            "scratch": {
                "model": "deit_mini",
                "epochs": EPOCHS,
                "seconds": scratch_seconds,
                "top1": _model_accuracy(work / "scratch", asked),
            },
            "load_at_the_end": round(os.getloadavg()[0], 1),
        }


def _table(pictures: LabelledPictures, path: Path) -> Path:
    rows = [f"{path},{pictures.classes[label]}" for path, label in zip(pictures.paths, pictures.labels, strict=True)]
    path.write_text("\n".join(["path,label", *rows]) + "\n", "utf-8")
    return path


def _train(table: Path, out: Path, *more: str) -> float:
    command = [sys.executable, "-m", "ui.command_line", "train", "classifier", str(table), "--out", str(out), *more]
    begun = time.monotonic()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return round(time.monotonic() - begun, 1)


def _card(folder: Path) -> Figures:
    card: Figures = json.loads((folder / "card.json").read_text("utf-8"))
    return card


def _head_accuracy(folder: Path, asked: LabelledPictures) -> float:
    data, _ = read_features(asked, Settings(), print, mirrored=False)
    return _percent(read_classifier(folder).logits(data.plain), data.labels)


def _model_accuracy(folder: Path, asked: LabelledPictures) -> float:
    data, _ = decode_pictures(asked, SIZE, Settings(), print)
    classify = read_classifier(folder).on_pixels()
    return _percent(classify(data.pixels(0, len(data))), data.labels)


def _percent(logits: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    return round(100 * float((logits.argmax(axis=1) == labels).mean()), 2)


if __name__ == "__main__":
    main()
