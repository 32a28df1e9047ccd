"""The protocols over vectors that are worked out by hand: pictures become vectors by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import DatasetError
from retrieval.evaluation import embedded_items
from retrieval.evaluation.retrieval_protocol import evaluate_retrieval, rank_both_ways
from retrieval.evaluation.tags_protocol import evaluate_tags
from retrieval.search.media_vectors import MediaVectors, UnreadableMedia
from retrieval.types import Float32Array

AXES = {"red": 0, "green": 1, "blue": 2}


class ColourSpace:
    """A text is the sum of its colours; "pale" makes it weak."""

    name, version, dim, normalized = "colours", "1", 3, False
    fits_from = 0.5

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        vectors = np.zeros((len(texts), 3), np.float32)
        for row, text in enumerate(texts):
            for word in text.rstrip(".").split():
                if word in AXES:
                    vectors[row, AXES[word]] += 1
        return vectors


@pytest.fixture(autouse=True)
def media(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """``red-blue.mp4`` is a second of red and one of blue; a name without a colour can't be read."""
    asked: list[Path] = []

    def embed(paths: Iterable[Path], _space: object, _settings: object) -> Iterator[Any]:
        for key, path in reversed(list(enumerate(paths))):
            asked.append(path)
            colours = [word for word in path.stem.split("-") if word in AXES]
            vectors = np.eye(3, dtype=np.float32)[[AXES[colour] for colour in colours]]
            seconds = np.arange(len(colours), dtype=np.float32)
            times = np.stack([seconds, seconds + 1], axis=1) if path.suffix == ".mp4" else None
            yield MediaVectors(key, vectors, times) if colours else UnreadableMedia(key, "the file is empty")

    monkeypatch.setattr(embedded_items, "embed_media", embed)
    return asked


def captions(folder: Path, *rows: str, header: str = "path,caption") -> Path:
    table = folder / "captions.csv"
    table.write_text("\n".join([header, *rows]) + "\n")
    (folder / "bad.jpg").touch()
    return table


def test_perfect_answers_have_perfect_figures(tmp_path: Path) -> None:
    table = captions(tmp_path, "red.jpg,red", "green.jpg,green", "blue.jpg,blue", "red.jpg,so red")
    figures = evaluate_retrieval(table, ColourSpace()).to_json()
    perfect = {"R@1": 100.0, "R@5": 100.0, "R@10": 100.0, "MdR": 1.0, "MnR": 1.0}
    assert figures == {
        "space": "colours",
        "by": "fused",
        "items": 3,
        "captions": 4,
        "text_to_media": perfect,
        "media_to_text": perfect,
        "unreadable": [],
    }


def test_a_video_scores_as_its_best_frame(tmp_path: Path) -> None:
    table = captions(tmp_path, "red-blue.mp4,blue", "green.jpg,green")
    assert evaluate_retrieval(table, ColourSpace()).text_to_media.recall_at_1 == 100


def test_parts_of_a_video_are_ranked_apart_and_decoded_once(tmp_path: Path, media: list[Path]) -> None:
    header = "path,caption,start_seconds,end_seconds"
    table = captions(tmp_path, "red-blue.mp4,red,0,1", "red-blue.mp4,blue,1,2", header=header)
    assert evaluate_retrieval(table, ColourSpace()).text_to_media.recall_at_1 == 100
    assert media == [tmp_path / "red-blue.mp4"]


def test_what_can_not_be_read_is_listed_and_last(tmp_path: Path) -> None:
    header = "path,caption,start_seconds,end_seconds"
    rows = ["red.jpg,red,,", "bad.jpg,blue,,", "green.jpg,green,5,6", "blue-red.mp4,blue,7,8"]
    figures = evaluate_retrieval(captions(tmp_path, *rows, header=header), ColourSpace())
    assert [(item.path.name, item.reason) for item in figures.unreadable] == [
        ("bad.jpg", "the file is empty"),
        ("green.jpg", "a picture has no start_seconds and end_seconds"),
        ("blue-red.mp4", "no frame lies in that time"),
    ]
    assert figures.unreadable[1].to_json()["start_seconds"] == 5
    for summary in (figures.text_to_media, figures.media_to_text):
        assert summary.recall_at_1 == 25
        assert summary.mean_rank == (1 + 4 + 4 + 4) / 4


def test_when_nothing_can_be_read_it_says_why(tmp_path: Path) -> None:
    table = captions(tmp_path, "a.jpg,red", "b.jpg,blue")
    with pytest.raises(
        DatasetError, match=r"none of the 2 items of .* can be used, the first because: there is no such file"
    ):
        evaluate_retrieval(table, ColourSpace())


@given(st.data())
def test_both_directions_equal_a_naive_reading(data: st.DataObject) -> None:
    items = data.draw(st.integers(1, 5))
    owners = list(range(items)) + data.draw(st.lists(st.integers(0, items - 1), max_size=6))
    distinct = data.draw(st.permutations(range(len(owners) * items)))
    scores = np.array(distinct, np.float32).reshape(len(owners), items)
    to_media, to_text = rank_both_ways(scores, np.array(owners))
    for caption, owner in enumerate(owners):
        order = sorted(range(items), key=lambda item: -scores[caption, item])
        assert to_media[caption] == 1 + order.index(owner)
    for item in range(items):
        order = sorted(range(len(owners)), key=lambda caption: -scores[caption, item])
        assert to_text[item] == 1 + min(order.index(c) for c, owner in enumerate(owners) if owner == item)


def labels(folder: Path, *rows: str) -> Path:
    table = folder / "labels.csv"
    table.write_text("\n".join(["path,label", *rows]) + "\n")
    return table


def test_zero_shot_chooses_among_the_labels_as_written(tmp_path: Path) -> None:
    table = labels(tmp_path, "red.jpg,red", "green.jpg,green", "blue.jpg,red", "absent.jpg,blue")
    figures = evaluate_tags(table, ColourSpace()).to_json()
    assert figures["top1"] == 50
    assert figures["top5"] == 75
    assert (figures["items"], figures["classes"], figures["unmatched"]) == (4, 3, [])
    assert figures["unreadable"][0]["reason"] == "there is no such file"


def test_any_of_an_items_labels_is_right(tmp_path: Path) -> None:
    table = labels(tmp_path, "red.jpg,green", "red.jpg,red", "green.jpg,green")
    assert evaluate_tags(table, ColourSpace()).top1 == 100
