"""Where an answer comes from, drawn over what the page shows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import QueryError
from retrieval.search.why import Explanation
from retrieval.store.catalog import Catalog
from tests.ui.page.colours import ColourSpace
from tests.ui.page.conftest import Collection
from ui.page import heat
from ui.page.files import CatalogFiles
from ui.page.heat import Heat
from ui.page.thumbnails import Rendition, ThumbnailStore


class Starter:
    default_space = "starter"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was looked for; the answer always comes from the upper left corner."""
    asked = []

    def explain(picture: Image.Image, words: str, space: object) -> Explanation:
        asked.append(f"{words} in {picture.size}")
        return Explanation(np.array([[1, 0], [0, 0]], np.float32), "starter", 1.0, None)

    monkeypatch.setattr(heat, "explain_picture", explain)
    return asked


@pytest.fixture
def made() -> list[Rendition]:
    return []


@pytest.fixture
def drawing(collection: Collection, tmp_path: Path, made: list[Rendition]) -> Iterator[Heat]:
    def make(rendition: Rendition) -> bytes:
        made.append(rendition)
        content = io.BytesIO()
        Image.new("RGB", (64, 48), (200, 200, 200)).save(content, "JPEG")
        return content.getvalue()

    with Catalog(collection.library) as catalog:
        thumbnails = ThumbnailStore(tmp_path / "thumbnails", make)
        yield Heat(Starter(), CatalogFiles(catalog), thumbnails, tmp_path / "heat", spaces=lambda name: ColourSpace())


def test_it_is_drawn_once_for_the_same_words_and_moment(
    drawing: Heat, collection: Collection, asked: list[str], made: list[Rendition]
) -> None:
    video = collection.assets["three.webm"]
    first = drawing.draw(video, "blue kind:video", 8.0)
    assert first == drawing.draw(video, "blue", 8.0)
    assert asked == ["blue in (64, 48)"]
    drawing.draw(video, "blue", 9.0)
    drawing.draw(video, "red", 9.0)
    assert len(asked) == 3
    assert [rendition.at_seconds for rendition in made] == [8.0, 9.0]


def test_what_speaks_for_it_is_warm_and_the_rest_dim(drawing: Heat, collection: Collection, asked: list[str]) -> None:
    jpeg = drawing.draw(collection.assets["rose.png"], "red", 3.0)
    assert jpeg is not None
    pixels = np.asarray(Image.open(io.BytesIO(jpeg)), int)
    assert pixels[4, 4, 0] > 150 > 100 > pixels[-4, -4, 0]


def test_without_words_there_is_nothing_to_draw(drawing: Heat, collection: Collection, asked: list[str]) -> None:
    with pytest.raises(QueryError, match="no words were asked for"):
        drawing.draw(collection.assets["rose.png"], "kind:picture", None)
    assert drawing.draw(10**9, "red", None) is None
