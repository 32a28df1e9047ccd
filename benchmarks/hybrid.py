"""Tags beside vectors: python -m benchmarks.hybrid FOLDER (with dev.csv): half of the captions' nouns are also tags.

Every caption is asked of a library of its photographs, by the frames alone and by all evidence, and the rank of its own
photograph counts. The nouns are the words of the captions that the table of WordNet's words in this package knows; of
each photograph that has tags, a random half of them, fixed by a seed.
"""

from __future__ import annotations

import csv
import json
import random
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import select

from indexer import index
from retrieval.evaluation.tag_judgement import tag_words
from retrieval.library import Library
from retrieval.search.query_words import content_words
from retrieval.store.catalog import Catalog
from retrieval.store.descriptions import write_descriptions
from retrieval.store.schema import File
from retrieval.types import Words

__all__ = ["measure_hybrid"]

TAGGED: Final = (1.0, 0.3, 0.1, 0.02)
"""Shares of the photographs that have tags."""
_TOP: Final = 10


def measure_hybrid(folder: Path, *, captions_each: int = 5) -> dict[str, Any]:
    """R@1, R@5 and R@10 in percent by the frames alone and by all evidence, for each share of tagged photographs."""
    captions = _captions(folder / "dev.csv")
    asked = [(path, text) for path, texts in captions.items() for text in texts[:captions_each]]
    with tempfile.TemporaryDirectory() as temporary:
        library = Path(temporary) / "library"
        index([folder / path for path in captions], library)
        frames = _ranks(library, folder, asked, by="frames")
        measured: dict[str, Any] = {"photographs": len(captions), "captions": len(asked), "frames": _recalls(frames)}
        for share in TAGGED:
            tags = _tags(captions, share)
            _tag(library, folder, tags)
            ranks = _ranks(library, folder, asked, by="fused")
            match = np.array([bool(_held(text, tags[path])) for path, text in asked])
            measured[f"tagged_{share:g}"] = {
                "fused": _recalls(ranks),
                "where_words_match": {
                    "captions": int(match.sum()),
                    "frames": _recalls(frames[match]),
                    "fused": _recalls(ranks[match]),
                },
            }
    return measured


def _captions(table: Path) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["path"]].append(row["caption"])
    return dict(found)


def _tags(captions: dict[str, list[str]], share: float) -> dict[str, tuple[str, ...]]:
    nouns = {name for entry in tag_words().values() for part in entry.values() for name in part if " " not in name}
    generator = random.Random(0)
    tags: dict[str, tuple[str, ...]] = {}
    for path, texts in captions.items():
        said = sorted({_singular(word) for text in texts for word in re.findall(r"[a-z]+", text.lower())} & nouns)
        generator.shuffle(said)
        tags[path] = tuple(said[: round(len(said) / 2)]) if generator.random() < share else ()
    return tags


def _singular(word: str) -> str:
    return {"men": "man", "women": "woman", "children": "child"}.get(
        word, word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
    )


def _held(text: str, tags: Sequence[str]) -> set[str]:
    return {_singular(word.strip(".,!")) for word in content_words(text)} & set(tags)


def _tag(library: Path, folder: Path, tags: dict[str, tuple[str, ...]]) -> None:
    with Catalog(library) as catalog, catalog.engine.begin() as connection:
        assets = dict(connection.execute(select(File.path, File.asset_id)).all())
        words = {assets[bytes(folder.absolute() / path)]: Words(keywords=said) for path, said in tags.items()}
        write_descriptions(connection, words)


def _ranks(library: Path, folder: Path, asked: Sequence[tuple[str, str]], *, by: str) -> Any:
    """The place of each caption's own photograph ``[n]``; one that is not among the first ten has the eleventh."""
    with Library(library) as opened:
        ranks = []
        for path, text in asked:
            hits = opened.search(text, by=by, top=_TOP, anyway=True, unfolded=True).hits
            places = [place for place, hit in enumerate(hits, 1) if hit.path == folder.absolute() / path]
            ranks.append(places[0] if places else _TOP + 1)
    return np.array(ranks)


def _recalls(ranks: Any) -> dict[str, float]:
    return {f"R@{most}": round(100 * float((ranks <= most).mean()), 2) for most in (1, 5, _TOP)}


if __name__ == "__main__":
    print(json.dumps(measure_hybrid(Path(sys.argv[1])), indent=2))
