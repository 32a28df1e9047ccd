from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.errors import ModelError
from retrieval.evaluation import embedded_items
from retrieval.evaluation.classifier_protocol import evaluate_classifier
from retrieval.search.media_vectors import MediaVectors, UnreadableMedia


@pytest.fixture(autouse=True)
def _media(monkeypatch: pytest.MonkeyPatch) -> None:
    """``207-208.jpg`` is likeliest class 207, then 208; of a name without a number there is no picture."""

    def embed(paths: Iterable[Path], space: Any, _settings: object) -> Iterator[Any]:
        for key, path in enumerate(paths):
            classes = [int(word) for word in path.stem.split("-") if word.isdigit()]
            logits = np.zeros((1, 1000), np.float32)
            logits[0, classes] = np.arange(len(classes), 0, -1)
            vectors = space.embed_segments(np.zeros((1, 1280), np.float32), logits)
            yield MediaVectors(key, vectors, None) if classes else UnreadableMedia(key, "the file is empty")

    monkeypatch.setattr(embedded_items, "embed_media", embed)


def table(folder: Path, *rows: str) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join(["path,label", *rows]) + "\n")
    return path


def test_labels_match_any_name_in_any_case_and_spelling(tmp_path: Path) -> None:
    rows = ("207.jpg,golden_retriever", "1.jpg,Carassius-Auratus", "934.jpg,hot dog", "934-1.jpg,hotdog")
    figures = evaluate_classifier(table(tmp_path, *rows), "imagenet").to_json()
    assert (figures["items"], figures["classes"], figures["top1"], figures["top5"]) == (4, 1000, 100.0, 100.0)
    assert (figures["unmatched"], figures["space"], figures["classifier"]) == ([], None, "imagenet")


def test_a_label_of_several_classes_accepts_any(tmp_path: Path) -> None:
    assert evaluate_classifier(table(tmp_path, "134.jpg,crane", "517-1.jpg,crane"), "imagenet").top1 == 100


def test_ranks_run_over_all_classes(tmp_path: Path) -> None:
    figures = evaluate_classifier(
        table(tmp_path, "1-2-3-4-207.jpg,golden retriever", "1-2-3-4-5-207.jpg,golden retriever"), "imagenet"
    )
    assert (figures.top1, figures.top5) == (0, 50)


def test_what_cannot_be_right_counts_as_wrong(tmp_path: Path) -> None:
    figures = evaluate_classifier(table(tmp_path, "1.jpg,goldfish", "2.jpg,my aunt", "empty.jpg,goldfish"), "imagenet")
    assert figures.top1 == pytest.approx(100 / 3)
    assert figures.unmatched == ("my aunt",)
    assert len(figures.unreadable) == 1


def test_a_classifier_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no classifier 'none' to measure: expected imagenet"):
        evaluate_classifier(table(tmp_path, "1.jpg,goldfish"), "none")
