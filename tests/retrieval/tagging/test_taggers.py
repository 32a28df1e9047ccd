from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import DatasetError, ModelError, UnknownSpaceError, WeightsError
from retrieval.models.named import MODEL_NAMES
from retrieval.models.published import PUBLISHED
from retrieval.store.tag_work import AssetRows
from retrieval.tagging.imagenet import CLASSES_KEPT, ImageNetTagger
from retrieval.tagging.label_file import parse_labels
from retrieval.tagging.photo import PHOTO_WEIGHTS, PhotoTagger
from retrieval.tagging.registry import get_label_tagger, get_tagger, tagger_names
from retrieval.tagging.tagger import Tagger, tag_assets
from retrieval.tagging.trained import tagger_name
from retrieval.tagging.zero_shot import ZeroShotTagger
from retrieval.types import Float32Array

GOLDEN, LABRADOR, BEAGLE, WINDSOR_TIE, PIZZA = 207, 208, 162, 906, 963


def row(**chances: float) -> list[float]:
    """A row of a class track, by the number of each class: ``c207=0.5``."""
    known = {int(name[1:]): chance for name, chance in chances.items()}
    known |= dict.fromkeys((n for n in range(900, 920) if n not in known and n != WINDSOR_TIE), 0.0)
    classes = list(known)[:CLASSES_KEPT]
    return [*classes, *(known[number] for number in classes)]


def said(tagger: Tagger, *rows: list[float]) -> list[dict[str, float]]:
    chances = tagger.chances(np.array(rows, np.float32))
    return [{tagger.labels[place]: float(one[place]) for place in np.flatnonzero(one)} for one in chances]


def test_a_dog_is_sure_where_its_breed_is_not() -> None:
    unsure, sure = said(ImageNetTagger(), row(c207=0.34, c208=0.33, c162=0.32), row(c207=0.97))
    assert list(unsure) == ["dog"]
    assert unsure["dog"] > 0.9
    assert list(sure) == ["dog", "Golden Retriever"]
    assert sure["Golden Retriever"] <= sure["dog"]


def test_a_class_that_people_are_mistaken_for_is_never_shown() -> None:
    assert said(ImageNetTagger(), row(c906=1.0)) == [{}]


def test_nothing_fits_is_an_answer() -> None:
    assert said(ImageNetTagger(), row(c963=0.1, c207=0.05)) == [{}]


@pytest.mark.parametrize("number", [-1.0, 1000.0, np.nan, np.inf])
def test_a_damaged_row_says_nothing_and_spoils_no_other(number: float) -> None:
    broken = [number] * CLASSES_KEPT + [1.0] * CLASSES_KEPT
    assert [list(one) for one in said(ImageNetTagger(), broken, row(c207=0.97))] == [[], ["dog", "Golden Retriever"]]
    assert not PhotoTagger().chances(np.full((1, 1280), np.nan, np.float32)).any()


def test_photo_labels_that_are_off_are_on_in_photo_all() -> None:
    default, everything = PhotoTagger(), PhotoTagger(all_labels=True)
    assert set(default.labels) < set(everything.labels)
    assert "person" in set(everything.labels) - set(default.labels)
    assert default.version != everything.version
    assert {"dog", "beach", "snow", "water"} <= set(default.labels)


def test_photo_heads_that_are_damaged_are_told(tmp_path: Path) -> None:
    shutil.copy(PHOTO_WEIGHTS.with_suffix(".json"), tmp_path / "photo.json")
    (tmp_path / "photo.safetensors").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"the photo labels can't be read from .*; reinstall vidi"):
        _ = PhotoTagger(path=tmp_path / "photo.safetensors").labels


class ColourSpace:
    """Texts and pictures are colours; a chance is the inner product."""

    name, version, dim, fits_from = "colours", "1", 3, 0.4

    def embed_text(self, texts: list[str]) -> Float32Array:
        colours = ("red", "green", "blue")
        return np.array([[float(colour in text) for colour in colours] for text in texts], np.float32)

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        return scores


def test_labels_of_a_file_are_texts_of_the_space() -> None:
    labels = parse_labels("warm | red | reddish\ncold | blue", "x")
    tagger = ZeroShotTagger("colours", labels, ColourSpace())  # type: ignore[arg-type]
    assert tagger.name == "labels/colours/colours"
    assert said(tagger, [1, 0, 0], [0, 0, 0.7], [0, 1, 0], [0, 0, 0.45]) == [
        {"warm": pytest.approx(1)},
        {"cold": pytest.approx(0.7, abs=1e-3)},
        {},
        {},
    ]
    other = ZeroShotTagger("colours", parse_labels("warm | red", "x"), ColourSpace())  # type: ignore[arg-type]
    assert tagger.version != other.version


def test_a_video_has_the_best_of_its_segments() -> None:
    tagger = ImageNetTagger()
    video = AssetRows(7, np.array([row(c207=0.3, c340=0.05), row(c207=0.97), row(c340=0.99)], np.float32), (11, 12, 13))
    picture = AssetRows(8, np.array([row(c906=1.0)], np.float32), ())
    of_video, of_picture = tag_assets(tagger, [video, picture])
    assert of_picture.tags == {}
    assert of_picture.segments == ()
    assert set(of_video.tags) == {"dog", "Golden Retriever", "zebra"}
    assert {segment for segment, label, _ in of_video.segments if label == "zebra"} == {13}
    dogs = [score for _, label, score in of_video.segments if label == "dog"]
    assert of_video.tags["dog"] == max(dogs)


@pytest.mark.parametrize("name", tagger_names())
def test_taggers_are_found_by_name(name: str) -> None:
    assert get_tagger(name).name == name
    assert get_tagger(name).labels


def test_a_tagger_that_there_is_not() -> None:
    with pytest.raises(ModelError, match=r"there is no classifier 'imagnet': .*; did you mean imagenet\?"):
        get_tagger("imagnet")


def test_the_vocabulary_of_vidi_is_called_photo(tmp_path: Path) -> None:
    assert get_label_tagger("photo").name == "labels/photo/starter"
    with pytest.raises(DatasetError, match="is a folder; expected a file with a label a line"):
        get_label_tagger(str(tmp_path))
    with pytest.raises(UnknownSpaceError, match="there is no space 'nowhere'"):
        get_label_tagger("photo", "nowhere")


@pytest.mark.parametrize(
    ("stem", "known"),
    [(b"people", "people"), (b"keywords", "keywords"), (b"caf\xe9", "caf\\xe9"), (b"x" * 200, "x" * 48)],
)
def test_a_label_file_is_no_source_but_its_own_whatever_its_name(tmp_path: Path, stem: bytes, known: str) -> None:
    path = tmp_path / os.fsdecode(stem + b".txt")
    path.write_text("rose\n")
    name = get_label_tagger(str(path)).name
    assert name == f"labels/{known}/starter"
    assert name.encode()
    assert tagger_name("people") == "classifier/people"
    assert not {"people", "keywords"} & {*tagger_names(), *PUBLISHED, *MODEL_NAMES}
