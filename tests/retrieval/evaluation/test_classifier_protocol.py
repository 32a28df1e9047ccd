from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import DatasetError, ModelError
from retrieval.evaluation import embedded_items
from retrieval.evaluation.classifier_protocol import evaluate_classifier
from retrieval.experts.appearance import LOGITS_ROWS
from retrieval.search.media_vectors import MediaVectors, UnreadableMedia


@pytest.fixture
def _media(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is opened: ``207-208.jpg`` is likeliest class 207, then 208; a name without a number has no picture."""

    def embed(paths: Iterable[Path], space: Any, _settings: object) -> Iterator[Any]:
        for key, path in enumerate(paths):
            classes = [int(word) for word in path.stem.split("-") if word.isdigit()]
            logits = np.zeros((1, 1000), np.float32)
            logits[0, classes] = np.arange(len(classes), 0, -1)
            features = np.pad(logits, ((0, 0), (0, 280)))
            vectors = space.embed_segments({"appearance": features, LOGITS_ROWS: logits})
            yield MediaVectors(key, vectors, None) if classes else UnreadableMedia(key, "the file is empty")

    monkeypatch.setattr(embedded_items, "embed_media", embed)


def table(folder: Path, *rows: str) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join(["path,label", *rows]) + "\n")
    return path


@pytest.mark.usefixtures("_media")
def test_labels_match_any_name_in_any_case_and_spelling(tmp_path: Path) -> None:
    rows = ("207.jpg,golden_retriever", "1.jpg,Carassius-Auratus", "934.jpg,hot dog", "934-1.jpg,hotdog")
    figures = evaluate_classifier(table(tmp_path, *rows), "imagenet").to_json()
    assert (figures["items"], figures["classes"], figures["top1"], figures["top5"]) == (4, 1000, 100.0, 100.0)
    assert (figures["unmatched"], figures["space"], figures["classifier"]) == ([], None, "imagenet")


@pytest.mark.usefixtures("_media")
def test_a_label_of_several_classes_accepts_any(tmp_path: Path) -> None:
    assert evaluate_classifier(table(tmp_path, "134.jpg,crane", "517-1.jpg,crane"), "imagenet").top1 == 100


@pytest.mark.usefixtures("_media")
def test_ranks_run_over_all_classes(tmp_path: Path) -> None:
    figures = evaluate_classifier(
        table(tmp_path, "1-2-3-4-207.jpg,golden retriever", "1-2-3-4-5-207.jpg,golden retriever"), "imagenet"
    )
    assert (figures.top1, figures.top5) == (0, 50)


@pytest.mark.usefixtures("_media")
def test_what_cannot_be_right_counts_as_wrong(tmp_path: Path) -> None:
    figures = evaluate_classifier(table(tmp_path, "1.jpg,goldfish", "2.jpg,my aunt", "empty.jpg,goldfish"), "imagenet")
    assert figures.top1 == pytest.approx(100 / 3)
    assert figures.unmatched == ("my aunt",)
    assert len(figures.unreadable) == 1


@pytest.mark.usefixtures("_media")
def test_labels_of_which_none_is_a_class_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"no label is the name of a class of imagenet; expected names such as '\w+"
    ) as caught:
        evaluate_classifier(table(tmp_path, "1.jpg,my aunt"), "imagenet")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("_media")
def test_a_trained_head_is_measured_by_its_own_classes(tmp_path: Path, write_head: Callable[..., Path]) -> None:
    head = write_head(classes=["red", "blue", "Dark_green"])
    rows = ("0.jpg,red", "1-0.jpg,blue", "2.jpg,dark green", "1.jpg,red", "0.jpg,mauve")
    figures = evaluate_classifier(table(tmp_path, *rows), str(head))
    assert (figures.items, figures.classes, figures.unmatched) == (4, 3, ("mauve",))
    assert figures.top1 == 75


@pytest.mark.usefixtures("_media")
def test_a_head_on_other_features_is_refused(tmp_path: Path, write_head: Callable[..., Path]) -> None:
    head = write_head(features={"expert": "appearance", "version": "older"})
    with pytest.raises(ModelError, match=r"reads features of appearance older, this vidi has .*; train it again"):
        evaluate_classifier(table(tmp_path, "1.jpg,red"), str(head))


def test_models_and_the_embedded_classifier_see_real_files(tmp_path: Path, colour_model: Path) -> None:
    for name, colour in {"a": (220, 30, 30), "b": (40, 70, 220)}.items():
        Image.new("RGB", (50, 40), colour).save(tmp_path / f"{name}.png")
    figures = evaluate_classifier(table(tmp_path, "a.png,Red", "b.png,blue", "gone.png,blue"), str(colour_model))
    assert (figures.items, figures.classes, figures.unmatched) == (3, 2, ())
    assert figures.top1 == pytest.approx(200 / 3)
    assert figures.unreadable[0].reason == "there is no such file"
    assert evaluate_classifier(table(tmp_path, "a.png,goldfish"), "imagenet").classes == 1000


def test_a_classifier_that_there_is_not(tmp_path: Path) -> None:
    told = "there is no classifier 'none': expected imagenet, a folder that `vidi train classifier` wrote, or the name"
    with pytest.raises(ModelError, match=told):
        evaluate_classifier(table(tmp_path, "1.jpg,goldfish"), "none")
