"""Files of one's own making, through the real workers and the real expert."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import QueryError
from retrieval.experts.expert import Rows
from retrieval.search.media_vectors import MediaVectors, UnreadableMedia, embed_media
from retrieval.search.picture_query import embed_pictures
from retrieval.settings import Settings
from retrieval.types import Float32Array


class FeatureSpace:
    """The expert's features as they are, so that a test sees what came through."""

    name, version, dim, normalized = "features", "1", 1280, False
    needs = ("appearance",)
    fits_from = 0.5

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        return np.zeros((len(texts), self.dim), np.float32)

    def embed_segments(self, rows: Rows) -> Float32Array:
        return rows["appearance"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    made = []
    for number in range(20):
        noise = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
        made.append(tmp_path / f"{number}.png")
        Image.fromarray(noise).resize((320, 240)).save(made[-1])
    return made


def test_every_file_is_answered_once_under_its_place(pictures: list[Path], tmp_path: Path) -> None:
    broken, absent = tmp_path / "broken.jpg", tmp_path / "absent.jpg"
    broken.write_bytes(b"no picture")
    paths: list[Path] = [broken, *pictures, absent]
    space: Any = FeatureSpace()
    outcomes = {outcome.key: outcome for outcome in embed_media(paths, space, Settings(), processes=1)}
    assert sorted(outcomes) == list(range(len(paths)))
    bad = [key for key, outcome in outcomes.items() if isinstance(outcome, UnreadableMedia)]
    assert sorted(bad) == [0, len(paths) - 1]
    assert all(outcomes[key].reason for key in bad)
    alone = {outcome.key: outcome for outcome in embed_media(pictures[4:5], space, Settings(), processes=1)}
    together = outcomes[5]
    assert isinstance(together, MediaVectors)
    assert together.times is None
    assert together.vectors.shape == (1, 1280)
    cosine = _cosine(together.vectors[0], alone[0].vectors[0])
    assert cosine > 0.9999
    assert _cosine(together.vectors[0], outcomes[6].vectors[0]) < 0.99


def _cosine(one: Float32Array, other: Float32Array) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_pictures_of_a_query_come_in_their_order(pictures: list[Path]) -> None:
    space: Any = FeatureSpace()
    forth = embed_pictures(space, pictures[:2])
    back = embed_pictures(space, pictures[1::-1])
    np.testing.assert_allclose(forth, back[::-1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clip.mp4", r"clip\.mp4 is a video, expected a picture to search with"),
        ("absent.jpg", r"there is no picture at .*absent\.jpg; give the path"),
        ("broken.jpg", r"broken\.jpg can't be searched with: "),
    ],
)
def test_what_is_no_picture_is_said_plainly(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    space: Any = FeatureSpace()
    with pytest.raises(QueryError, match=message):
        embed_pictures(space, [tmp_path / name])
