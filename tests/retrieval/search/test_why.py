"""What is asked for is where the heat is: pictures composed of two real photographs, and videos at their moments."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.errors import QueryError
from retrieval.search.why import ask, classes_called, explain, explain_picture
from retrieval.spaces.starter import StarterSpace
from ui.sample_media import sample_media

SUBJECTS = {
    "cheetah.jpg": "a cheetah",
    "chelsea.png": "a cat",
    "coffee.png": "a cup of coffee",
    "rocket.jpg": "a rocket",
}
SIDE = 224


@pytest.fixture(scope="module")
def photographs() -> dict[str, Image.Image]:
    """Squares out of the middle, by what a person would ask for."""
    return {SUBJECTS[path.name]: _square(path) for path in sample_media()[0] if path.name in SUBJECTS}


def _square(path: Path) -> Image.Image:
    picture = Image.open(path).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))


@pytest.fixture(scope="module")
def space() -> StarterSpace:
    return StarterSpace()


def _beside(left: Image.Image, right: Image.Image) -> Image.Image:
    both = Image.new("RGB", (2 * SIDE, SIDE))
    both.paste(left, (0, 0))
    both.paste(right, (SIDE, 0))
    return both


def _share_left(heat: NDArray[np.float32]) -> float:
    """Of the heat, on the left half: the middle one of an odd number of columns counts for both."""
    columns = heat.sum(axis=0)
    middle = len(columns) // 2
    return float((columns[:middle].sum() + columns[middle] / 2 * (len(columns) % 2)) / columns.sum())


def test_of_two_things_the_heat_falls_on_the_one_that_was_asked_for(
    photographs: dict[str, Image.Image], space: StarterSpace
) -> None:
    assert len(photographs) == len(SUBJECTS)
    shares = []
    for asked, other in permutations(photographs, 2):
        both = _beside(photographs[asked], photographs[other]).resize((SIDE, SIDE))
        shares.append(_share_left(ask(asked, space).heat(np.asarray(both))))
    assert np.mean(np.array(shares) > 0.5) >= 0.8, shares


def test_a_tag_of_the_classifier_is_explained_as_its_own(
    photographs: dict[str, Image.Image], space: StarterSpace, tmp_path: Path
) -> None:
    path = tmp_path / "both.png"
    _beside(photographs["a cup of coffee"], photographs["a cheetah"]).save(path)
    cheetah, cup = explain(path, "Cheetah", space), explain(path, "espresso", space)
    assert cheetah.source == cup.source == "imagenet"
    assert _share_left(cheetah.heat) < 0.5 < _share_left(cup.heat)
    assert 0 < cheetah.score < 1
    assert cheetah.peak[0] > 0.5


def test_a_name_of_several_classes_means_all_of_them() -> None:
    assert len(classes_called("crane")) == 2  # the bird and the machine
    assert classes_called("a crane in the fog") == ()


def test_of_a_video_it_is_the_frame_that_fits_best_or_the_one_at_a_time(space: StarterSpace) -> None:
    (video,) = (path for path in sample_media()[0] if path.name == "bikes.mp4")
    best = explain(video, "bicycles parked on the street", space)
    other = explain(video, "bicycles parked on the street", space, at_seconds=0.0)
    assert best.time_seconds is not None
    assert other.score <= best.score
    with pytest.raises(QueryError, match=r"nothing to look at at 9999 s; expected a time within the video"):
        explain(video, "bicycles", space, at_seconds=9999.0)


def test_a_picture_that_is_decoded_already(photographs: dict[str, Image.Image], space: StarterSpace) -> None:
    both = _beside(photographs["a cup of coffee"], photographs["a cheetah"])
    found = explain_picture(both, "a cup of coffee", space)
    assert found.source == "starter"
    assert found.time_seconds is None
    assert _share_left(found.heat) > 0.5
    with pytest.raises(QueryError, match="nothing is asked"):
        explain_picture(both, " ", space)


def test_a_picture_has_no_times(space: StarterSpace, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    Image.new("RGB", (40, 30)).save(path)
    with pytest.raises(QueryError, match=r"cat\.png is a picture, which has no times; leave out the time \(3 s\)"):
        explain(path, "a thing", space, at_seconds=3.0)


def test_what_cannot_be_explained_is_a_plain_line(space: StarterSpace, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(QueryError, match="can't be looked at"):
        explain(broken, "a cat", space)
    with pytest.raises(QueryError, match=r"there is no file at .*absent\.jpg"):
        explain(tmp_path / "absent.jpg", "a cat", space)
    with pytest.raises(QueryError, match="no picture or video by its name"):
        explain(tmp_path / "note.txt", "a cat", space)
    with pytest.raises(QueryError, match="nothing is asked"):
        explain(broken, "  ", space)
