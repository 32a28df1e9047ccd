"""Captions of video by a space of windows: by itself, by the frames beneath, and by both as search joins them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from retrieval.errors import DatasetError
from retrieval.evaluation import retrieval_protocol, video_items
from retrieval.evaluation.retrieval_protocol import evaluate_retrieval
from retrieval.evaluation.video_items import embed_video_items, fused_scores
from retrieval.experts.registry import Experts
from retrieval.media.pieces import Stream
from retrieval.search.query import By
from retrieval.settings import Settings
from retrieval.spaces.mmt import MmtSpace
from retrieval.spaces.registry import get_space
from retrieval.types import Span
from tests.indexer.test_listening import Small, film, tone
from tests.indexer.test_windows import write_model


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MmtSpace:
    here = [Small("motion", Stream.PAIRS), Small("speech", Stream.SOUND), Small("speech", Stream.SOUND, "unknown")]
    monkeypatch.setattr(video_items, "time_experts", lambda **_: Experts(here))
    found = get_space(f"mmt/{write_model(tmp_path / 'model')}")
    assert isinstance(found, MmtSpace)
    return found


@pytest.fixture
def table(tmp_path: Path) -> Path:
    film(tmp_path / "a.mp4")
    film(tmp_path / "b.mp4", seed=1)
    tone(tmp_path / "tone.wav")
    (tmp_path / "bad.mp4").write_bytes(b"no film")
    path = tmp_path / "captions.csv"
    path.write_text(
        "path,caption,start_seconds,end_seconds\na.mp4,grey noise,,\na.mp4,its end,1,2\nb.mp4,other noise,,\n"
        "tone.wav,a tone,,\nbad.mp4,nothing,,\nb.mp4,later than its end,7,9\n"
    )
    return path


@pytest.mark.parametrize("by", [By.FUSED, By.SPACE, By.FRAMES])
def test_every_item_is_ranked_or_told(table: Path, space: MmtSpace, by: By) -> None:
    figures = evaluate_retrieval(table, space, by=by)
    assert (figures.items, figures.captions) == (6, 6)
    assert [(item.path.name, item.reason) for item in figures.unreadable][1:] == [
        ("b.mp4", "nothing lies in that time")
    ]
    assert figures.unreadable[0].path.name == "bad.mp4"
    assert 0 <= figures.text_to_media.recall_at_1 <= 100


def test_a_part_of_a_file_is_as_a_file_of_its_own(table: Path, space: MmtSpace) -> None:
    folder = table.parent
    items = [(folder / "a.mp4", None), (folder / "a.mp4", Span(0, 60)), (folder / "tone.wav", None)]
    found = embed_video_items(items, space, Settings(), table)
    whole, part, sound = found.windows.vectors
    assert whole is not None
    assert part is not None
    np.testing.assert_array_equal(whole, part)
    assert sound is not None
    assert found.frames.vectors[2] is None  # nothing to see


def test_pictures_are_ranked_by_the_picture_space_beneath(table: Path, space: MmtSpace) -> None:
    folder = table.parent
    for name, colour in (("red.png", "red"), ("blue.png", "blue")):
        Image.new("RGB", (64, 48), colour).save(folder / name)
    items = [(folder / name, None) for name in ("red.png", "a.mp4", "blue.png")]
    found = embed_video_items([*items, (folder / "red.png", Span(0, 1))], space, Settings(), table)
    assert [vectors is None for vectors in found.windows.vectors] == [True, False, True, True]
    assert [vectors is None for vectors in found.frames.vectors] == [False, False, False, True]
    assert [item.reason for item in found.unreadable] == ["a picture has no start_seconds and end_seconds"]


def test_an_expert_that_fails_at_a_file_is_told(table: Path, space: MmtSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = Small("motion", Stream.PAIRS)
    motion.error = ValueError("no such motion")
    monkeypatch.setattr(video_items, "time_experts", lambda **_: Experts([motion]))
    lines: list[str] = []
    embed_video_items([(table.parent / "a.mp4", None)], space, Settings(), table, lines.append)
    assert any("a.mp4: the motion expert failed at it" in line for line in lines)


def test_a_table_of_nothing_usable_is_refused(table: Path, space: MmtSpace) -> None:
    with pytest.raises(DatasetError, match=r"none of the 1 items .* can be used"):
        embed_video_items([(table.parent / "bad.mp4", None)], space, Settings(), table)


def test_scores_are_added_and_what_is_unknown_counts_as_the_least() -> None:
    frames = np.array([[0.9, 0.5, -np.inf, -np.inf]], np.float32)
    windows = np.array([[0.1, 0.3, 0.2, -np.inf]], np.float32)
    fused = fused_scores(frames, windows, np.array([True, True, True, True]))
    np.testing.assert_allclose(fused[0, :3], [1.0, 0.8, 0.2 + 0.5], rtol=1e-6)
    assert fused[0, 3] == -np.inf
    of_a_sound = fused_scores(frames, windows, np.array([True, True, False, True]))
    np.testing.assert_allclose(of_a_sound[0, :3], [1.0, 0.8, 0.2 + 0.7], rtol=1e-6)


@given(st.integers(1, 30), st.integers(0, 10_000))
def test_where_both_agree_the_order_stays(count: int, seed: int) -> None:
    scores = np.random.default_rng(seed).permutation(count).astype(np.float32)[None]
    np.testing.assert_array_equal(
        np.argsort(-fused_scores(scores, scores, np.ones(count, np.bool_))), np.argsort(-scores)
    )


def test_of_nothing_but_unknown_items_nothing_is_made() -> None:
    none = np.full((2, 3), -np.inf, np.float32)
    assert np.isneginf(fused_scores(none, none, np.ones(3, np.bool_))).all()
    one = np.array([[0.2, 0.1, -np.inf]], np.float32)
    np.testing.assert_allclose(fused_scores(none[:1], one, np.ones(3, np.bool_)), one)


def test_words_that_are_said_join_what_ranks_by_default(
    table: Path, space: MmtSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small expert hears "a purple heron" in whatever sounds: only the tone does."""
    names = ["a.mp4", "b.mp4", "tone.wav"]
    (table.parent / "heard.csv").write_text(
        "path,caption\ntone.wav,someone says a purple heron\n" + "".join(f"{name},grey noise\n" for name in names[:2])
    )

    def order(by: By) -> float:
        sight_of_all = np.tile([[0.1, 0.9, 0.8]], (3, 1)).astype(np.float32)
        monkeypatch.setattr(retrieval_protocol, "_scores_of_windows", lambda *_: sight_of_all)
        return evaluate_retrieval(table.parent / "heard.csv", space, by=by).text_to_media.mean_rank

    assert order(By.SPACE) == pytest.approx((3 + 1 + 2) / 3)
    assert order(By.FUSED) == pytest.approx((1 + 1 + 2) / 3)
