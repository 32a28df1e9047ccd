"""Measures every figure and writes it as JSON: `make bench`, or `python -m benchmarks.run --only pictures`.

The ablation of the video transformer, which trains for hours, is `python -m benchmarks.mmt_ablation`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.big_index import measure_big_index
from benchmarks.calibration import measure_calibration
from benchmarks.classifier import measure_classifier
from benchmarks.clients import measure_clients
from benchmarks.composed import measure_composed
from benchmarks.engine import measure_engine
from benchmarks.experts import measure_experts
from benchmarks.first_answers import measure_first_answers
from benchmarks.folding import measure_folding
from benchmarks.foreign_experts import measure_foreign_experts
from benchmarks.growth import measure_growth
from benchmarks.hostile import measure_hostile
from benchmarks.hybrid import measure_hybrid
from benchmarks.library import measure_library
from benchmarks.long_video import measure_long_video
from benchmarks.machine import describe_machine
from benchmarks.mmt import measure_mmt
from benchmarks.negative import measure_negative
from benchmarks.open_clip import measure_open_clip
from benchmarks.page import measure_page
from benchmarks.picture_models import measure_picture_models
from benchmarks.pictures import measure_encoders, measure_pictures
from benchmarks.starter import measure_starter
from benchmarks.tags import measure_tags
from benchmarks.video import measure_video
from retrieval.training.composed.sounds import PACKAGES

__all__ = ["RESULTS", "main"]

RESULTS = Path(__file__).parent / "results"

Figures = dict[str, Any]

BENCHMARKS: dict[str, Callable[[Path], Figures]] = {
    "pictures": lambda folder: measure_pictures(folder / "large"),
    "encoders": lambda folder: measure_encoders(folder / "large"),
    "video": lambda folder: measure_video(folder / "video"),
    "experts": lambda folder: measure_experts(folder / "experts"),
    "foreign_experts": lambda folder: measure_foreign_experts(folder / "foreign_experts"),
    "library": lambda folder: measure_library(folder),
    "first_answers": measure_first_answers,
    "clients": measure_clients,
    "long_video": lambda folder: measure_long_video(folder / "long_video"),
    "open_clip": measure_open_clip,
    "growth": measure_growth,
    "hostile": lambda folder: measure_hostile(folder / "hostile"),
    "big_index": measure_big_index,
    "engine": measure_engine,
    "page": measure_page,
    "mmt": lambda _: measure_mmt(),
    "picture_models": lambda _: measure_picture_models(),
}
"""What needs nothing but a folder for media that are made."""

OF_CAPTIONS: dict[str, Callable[[argparse.Namespace, Path], Figures]] = {
    "starter": lambda given, _: measure_starter(given.captions, given.unseen_heads),
    "calibration": lambda given, _: measure_calibration(given.captions),
    "negative": lambda given, _: measure_negative(given.captions),
    "hybrid": lambda given, _: measure_hybrid(given.captions),
    "folding": lambda given, _: measure_folding(given.captions),
    "tags": lambda given, _: measure_tags(given.captions),
    "composed": lambda given, media: measure_composed(given.captions, media, given.sounds or PACKAGES),
}
"""What needs captioned photographs."""

OF_IMAGES: dict[str, Callable[[argparse.Namespace, Path], Figures]] = {
    "classifier": lambda given, _: measure_classifier(given.images),
}
"""What needs labelled ones."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the chosen benchmarks, each into a file of its own."""
    given = _parsed(arguments)
    measured = (BENCHMARKS, OF_CAPTIONS if given.captions else {}, OF_IMAGES if given.images else {})
    with tempfile.TemporaryDirectory() as temporary:
        media = given.media or Path(temporary)
        for name in given.only or [name for group in measured for name in group]:
            _write(name, _measure(name, given, media))


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only",
        choices=[*BENCHMARKS, *OF_CAPTIONS, *OF_IMAGES],
        action="append",
        help="measure just this (may be repeated)",
    )
    parser.add_argument("--media", type=Path, help="keep the made media here, for the next time")
    parser.add_argument("--captions", type=Path, help="a folder with train.csv and dev.csv: adds the starter's figures")
    parser.add_argument("--sounds", type=Path, action="append", help="folders of named sounds, for composed videos")
    parser.add_argument("--images", type=Path, help="CIFAR-10 as a folder or zip: adds the classifier's figures")
    parser.add_argument("--unseen-heads", type=Path, help="heads of `vidi train contrastive --leave-out-names`")
    given = parser.parse_args(arguments)
    for option, names in (("captions", OF_CAPTIONS), ("images", OF_IMAGES)):
        if getattr(given, option) is None and (lacking := [name for name in given.only or () if name in names]):
            parser.error(f"{lacking[0]} is measured on data of yours; give --{option}")
    return given


def _measure(name: str, given: argparse.Namespace, media: Path) -> Figures:
    if name in BENCHMARKS:
        return BENCHMARKS[name](media)
    return (OF_CAPTIONS | OF_IMAGES)[name](given, media)


def _write(name: str, figures: Figures) -> None:
    if "not_measured" in figures:  # what was measured elsewhere stays
        print(f"{name} is not measured: {figures['not_measured']}", file=sys.stderr)
        return
    measured = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": describe_machine()}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(measured | {"figures": figures}, indent=2) + "\n"
    (RESULTS / f"{name}.json").write_text(text)
    print(name, json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
