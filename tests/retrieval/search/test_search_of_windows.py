"""Whole answers where windows of video join frames, over catalogs of vectors that are worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from retrieval.search import evidence, finding, fusion, sight, word_evidence
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher
from retrieval.spaces.mmt import MmtSpace, TermShare
from retrieval.store.descriptions import fill_text_index, write_descriptions
from retrieval.types import Float32Array, MediaKind, Words
from tests.retrieval.search.conftest import PlainSpace

MakeSearcher = Callable[..., Searcher]


class PlainWindows(MmtSpace):
    """Its texts are numbers, its chance is twice the score."""

    version = "1"
    fits_from = 0.5

    def __init__(self, pictures: PlainSpace) -> None:  # no folder
        self.name, self.dim, self.needs = "mmt/plain", 4, ()
        self._pictures: Any = pictures

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        return self._pictures.embed_text(texts)  # type: ignore[no-any-return]

    def is_cut(self, text: str) -> bool:
        return False

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        return np.minimum(1, 2 * scores).astype(np.float32)

    def evened(self, scores: Float32Array, vectors: Float32Array, query: Float32Array) -> Float32Array:
        """Windows whose last number is 1 can't be seen, and have half of their scores."""
        return np.asarray(scores * np.where(vectors[:, 3] > 0, 2, 1), np.float32)

    def explain(self, text: str, windows: Float32Array) -> list[tuple[TermShare, ...]]:
        return [(TermShare("motion", "motion", 1.0, 1.0),)] * len(windows)


@pytest.fixture
def windows(space: PlainSpace) -> PlainWindows:
    return PlainWindows(space)


@pytest.fixture
def film(library: Any, windows: PlainWindows) -> Callable[[str, float, float], None]:
    """Adds a video by the scores of its one frame and its one window."""

    def add(name: str, frame: float, window: float) -> None:
        asset = library.asset(f"/media/{name}.mp4", kind="video")
        library.embed(asset, library.space(), [[frame, 0, 0, 0]], [(0, 2)])
        library.embed(asset, library.space(windows.name), [[window, 0, 0, 0]], [(0, 2)])

    return add


def test_what_outranks_a_fit_is_not_told_as_one(
    film: Callable[[str, float, float], None], windows: PlainWindows, make_searcher: MakeSearcher
) -> None:
    """By the sum of its scores the wrong one stands first; that the right one fits says nothing of it."""
    film("wrong", 0.6, 0.15)
    film("right", 0.3, 0.4)
    search = make_searcher(windows).search
    (hit,) = search(Query("1 0 0 0")).hits
    assert (hit.path.name, hit.fits, hit.score) == ("right.mp4", True, pytest.approx(0.567, abs=2e-3))
    wrong, right = search(Query("1 0 0 0", anyway=True)).hits
    assert (wrong.path.name, wrong.fits, wrong.score) == ("wrong.mp4", False, pytest.approx(0.445, abs=2e-3))
    assert (right.path.name, right.fits) == ("right.mp4", True)
    for each in (wrong, right):
        assert each.moments[0].score == pytest.approx(each.score, abs=1e-3)


@pytest.mark.parametrize("text", ["1 0 0 0", "a dog on a beach"], ids=["plain", "with people's words"])
def test_pages_are_parts_of_one_long_page(
    library: Any, windows: PlainWindows, make_searcher: MakeSearcher, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Pictures, videos and sounds by frames, windows and words: what is joined is joined alike for every page."""
    for module in (fusion, sight, finding, evidence, word_evidence):
        monkeypatch.setattr(module, "JOINED_MOST", 12)
    fill_text_index(library.catalog)
    random = np.random.default_rng(7)
    for number in range(130):
        kind = ("picture", "video", "sound")[number % 3]
        asset = library.asset(f"/media/{number:03}", kind=kind)
        frame, window = random.uniform(0.1, 0.9, 2)
        if kind != "sound":
            library.embed(asset, library.space(), [[frame, 0, 0, 0]], [(0, 2)] if kind == "video" else ())
        if kind != "picture":
            library.embed(asset, library.space(windows.name), [[window / 2, 0, 0, kind == "sound"]], [(0, 2)])
        if number % 5 == 0:
            with library.catalog.engine.begin() as connection:
                write_descriptions(connection, {asset: Words(caption="a dog" if number % 2 else "a dog on a beach")})
    search = make_searcher(windows).search
    whole = search(Query(text, top=500, anyway=True))
    assert len(whole.hits) == 130
    for top in (5, 20, 33):
        pages = [search(Query(text, top=top, offset=offset, anyway=True)) for offset in range(0, 150, top)]
        assert [hit for page in pages for hit in page.hits] == list(whole.hits)
        assert [page.goes_on for page in pages] == [offset + top < 130 for offset in range(0, 150, top)]
    for hit in whole.hits:  # the best windows, and what is below them, tell by which expert they were found
        assert hit.kind is not MediaKind.SOUND or {reason.source for reason in hit.why} <= {"motion", "caption"}


def test_a_sound_is_not_put_back_for_what_can_not_be_seen(
    library: Any, film: Callable[[str, float, float], None], windows: PlainWindows, make_searcher: MakeSearcher
) -> None:
    """Many videos that score more than a sound at all: it stands by what can be heard of it, and fits."""
    for number in range(30):
        film(f"film{number:02}", 0.3 + number / 1000, 0.2)
    sound = library.asset("/media/right.wav", kind="sound")
    library.embed(sound, library.space(windows.name), [[0.15, 0, 0, 1]], [(0, 2)])
    (hit, *_) = make_searcher(windows).search(Query("1 0 0 0")).hits
    assert (hit.path.name, hit.fits, hit.score) == ("right.wav", True, pytest.approx(0.6, abs=1e-3))
    assert {reason.source for reason in hit.why} == {"motion"}
