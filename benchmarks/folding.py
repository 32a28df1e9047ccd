"""How near pictures lie that are near-identical, and others: python -m benchmarks.folding FOLDER (with dev.csv).

Of some photographs, each is saved anew in several ways; of all, every pair is compared, in the starter.
"""

from __future__ import annotations

import csv
import json
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageOps

from retrieval.search.folding import alike_from
from retrieval.search.picture_query import embed_pictures
from retrieval.spaces.starter import StarterSpace

__all__ = ["measure_folding"]

SAVED_ANEW: Final = 150
CHANGES: Final[dict[str, Callable[[Image.Image], Image.Image]]] = {
    "brighter by 15 %": lambda picture: picture.point(lambda value: min(255, round(value * 1.15))),
    "3 % cut off at each side": lambda picture: ImageOps.crop(picture, round(0.03 * min(picture.size))),
    "mirrored": ImageOps.mirror,
    "JPEG of quality 40": lambda picture: picture,
    "half the size": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
}


def measure_folding(folder: Path) -> dict[str, Any]:
    """The share of pictures saved anew that are near-identical, and of pairs of different ones."""
    with (folder / "dev.csv").open(encoding="utf-8", newline="") as file:
        paths = list(dict.fromkeys(folder / row["path"] for row in csv.DictReader(file)))
    space = StarterSpace()
    least = alike_from(space)
    vectors = embed_pictures(space, paths)
    cosines = (vectors @ vectors.T)[np.triu_indices(len(paths), 1)]
    chosen = random.Random(1).sample(range(len(paths)), min(SAVED_ANEW, len(paths)))
    return {
        "from_cosine": least,
        "pairs": len(cosines),
        "pairs_alike": int((cosines >= least).sum()),
        "nearest_pair": round(float(cosines.max()), 4),
        "saved_anew": len(chosen),
        "alike_percent": {
            name: _percent_alike(space, [paths[n] for n in chosen], name, vectors[chosen]) for name in CHANGES
        },
    }


def _percent_alike(space: StarterSpace, paths: list[Path], name: str, vectors: Any) -> float:
    """How many of the pictures are near-identical to themselves, changed."""
    with tempfile.TemporaryDirectory() as temporary:
        changed = [Path(temporary) / f"{place}.jpg" for place in range(len(paths))]
        for path, target in zip(paths, changed, strict=True):
            with Image.open(path) as picture:
                CHANGES[name](picture.convert("RGB")).save(target, quality=40 if name.startswith("JPEG") else 85)
        cosines = (embed_pictures(space, changed) * vectors).sum(axis=1)
    return round(100 * float((cosines >= alike_from(space)).mean()), 1)


if __name__ == "__main__":
    print(json.dumps(measure_folding(Path(sys.argv[1])), indent=2))
