"""Frames and windows as one: videos by the sum of scores, pictures and videos by chance, shares by expert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import pytest

from retrieval.search.candidates import Candidates
from retrieval.search.fusion import Ranked, Ranking
from retrieval.search.judging import Judged
from retrieval.search.open_spaces import OpenSpace
from retrieval.search.results import Reason
from retrieval.search.sight import InsideJudge, Sight, SightJudge, WindowHits, explained, sight_of
from retrieval.search.word_evidence import FRAMES
from retrieval.spaces.mmt import MmtSpace, TermShare
from retrieval.store.lookup import AssetSegments, LiveAsset, Lookup
from retrieval.types import Float32Array, MediaKind

PICTURE, OTHER_PICTURE = (LiveAsset(number, MediaKind.PICTURE, (b"/%d.jpg" % number,)) for number in (1, 2))
FILM, OTHER_FILM, SOUND = (LiveAsset(number, MediaKind.VIDEO, (b"/%d.mp4" % number,)) for number in (3, 4, 5))


class Knows:
    """A judge who was told."""

    def __init__(self, judged: dict[int, Judged], fits_from: float = 0.5) -> None:
        self._judged = judged
        self.fits_from = fits_from

    def of(self, assets: Iterable[LiveAsset]) -> dict[int, Judged]:
        return {each.id: self._judged[each.id] for each in assets if each.id in self._judged}

    def pictures(self, assets: Sequence[LiveAsset]) -> dict[int, Float32Array]:
        return {each.id: np.ones(2, np.float32) for each in assets}


def judged(*chances: float, seconds: float = 1.0) -> Judged:
    times = np.stack([np.arange(len(chances)), np.arange(len(chances)) + 1], axis=1) * seconds
    return Judged(max(chances), times.astype(np.float32), np.array(chances, np.float32))


def chance(value: float) -> Judged:
    return Judged(value, None, np.array([value], np.float32))


def windows(assets: dict[LiveAsset, float], *below: list[LiveAsset]) -> WindowHits:
    return WindowHits(found(assets), below)


def found(assets: dict[LiveAsset, float]) -> Candidates:
    return Candidates(list(assets), np.array(list(assets.values()), np.float32), len(assets))


def unmoved(those: Candidates) -> Ranking:
    return Ranking(FRAMES, those.assets, {}, owed={"caption": {asset.id: 0.5 for asset in those.assets[:1]}})


def ids(sight: Sight) -> list[int]:
    return [asset.id for asset in sight.ranking.assets]


def test_without_windows_the_frames_keep_their_order() -> None:
    frames = found({PICTURE: 0.3, FILM: 0.2, OTHER_PICTURE: 0.1})
    for none in (None, windows({})):
        assert ids(sight_of(frames, none, Knows({}), unmoved)) == [1, 3, 2]


def test_videos_stand_by_the_sum_and_what_one_knows_alone_counts_as_the_least_of_the_other() -> None:
    frames, hits = found({FILM: 0.5, OTHER_FILM: 0.4}), windows({OTHER_FILM: 0.4, SOUND: 0.3, FILM: 0.1})
    sight = sight_of(frames, hits, Knows({}), unmoved)
    assert ids(sight) == [4, 5, 3]  # 0.8, 0.3 + 0.45 (a sound is no worse than most for not being seen), 0.6
    assert sight.shares[5] == {"windows": 1.0}
    assert sight.shares[3] == {FRAMES: pytest.approx(5 / 6), "windows": pytest.approx(1 / 6)}
    assert sight.ranking.owed == {"caption": {4: 0.5}}


def test_what_speaks_against_a_video_has_no_share() -> None:
    sight = sight_of(found({FILM: -0.1}), windows({FILM: 0.2}), Knows({}), unmoved)
    assert sight.shares[3] == {"windows": 1.0}


def test_windows_alone_are_found_where_nothing_has_a_frame() -> None:
    sight = sight_of(found({}), windows({SOUND: 0.2}), Knows({}), unmoved)
    assert ids(sight) == [5]


def test_pictures_and_videos_stand_by_chance_each_in_its_own_order() -> None:
    judge = Knows({1: chance(0.6), 2: chance(0.9), 3: chance(0.7), 4: chance(0.95), 5: chance(0.1)})
    frames = found({PICTURE: 0.5, FILM: 0.4, OTHER_PICTURE: 0.3, OTHER_FILM: 0.2})
    sight = sight_of(frames, windows({FILM: 0.5, SOUND: 0.45}), judge, unmoved)
    # Of videos 3 comes first; 4 and 5 are tied, and stand by name. Until 4 has come, a likelier video is ahead.
    assert ids(sight) == [3, 4, 1, 2, 5]
    without = sight_of(
        found({PICTURE: 0.5, FILM: 0.4, OTHER_PICTURE: 0.3}), windows({FILM: 0.5, SOUND: 0.4}), judge, unmoved
    )
    assert ids(without) == [1, 2, 3, 5]


def test_a_judge_without_windows_is_the_judge_of_frames() -> None:
    judge = SightJudge(Knows({1: chance(0.4)}, 0.3), None)
    assert judge.fits_from == 0.3
    assert judge.of([PICTURE])[1].chance == 0.4


def test_frames_and_windows_judge_alike() -> None:
    """The chance is the mean of both log-odds; a picture has its own, and so has a sound."""
    frames = Knows({1: chance(0.4), 3: judged(0.2, 0.8), 4: judged(0.9, 0.1)})
    by_windows = Knows({1: judged(0.9), 3: judged(0.3), 4: judged(0.5), 5: judged(0.7, seconds=30)})
    judged_as = SightJudge(frames, by_windows).of([PICTURE, FILM, OTHER_FILM, SOUND])
    assert {key: each.chance for key, each in judged_as.items()} == pytest.approx({
        1: 0.4, 3: 0.567, 4: 0.75, 5: 0.7
    }, abs=1e-3)  # fmt: skip
    (moment,) = judged_as[5].moments  # nothing but its windows tells where it is
    assert (moment.start_seconds, moment.end_seconds) == (0, 30)


def test_the_best_frames_inside_the_best_window_tell_the_moment() -> None:
    frames = Knows({3: judged(0.5, 0.1, 0.1, 0.3, 0.1)})
    by_window = Judged(0.9, np.array([[0, 2], [2, 5]], np.float32), np.array([0.2, 0.9], np.float32))
    judge = SightJudge(frames, Knows({3: by_window}))
    (best, *_) = judge.of([FILM])[3].moments
    assert (best.start_seconds, best.end_seconds, best.score) == (3, 4, pytest.approx(0.75))


def test_two_windows_that_are_near_the_best_tell_a_moment_each() -> None:
    """What is shown twice is found twice, though no frame alone is as sure as a window."""
    frames = Knows({3: judged(0.1, 0.5, 0.1, 0.1, 0.1, 0.45, 0.1)})
    by_window = Judged(0.9, np.array([[0, 2], [2, 4], [4, 7]], np.float32), np.array([0.9, 0.1, 0.8], np.float32))
    judge = SightJudge(frames, Knows({3: by_window}))
    found = [(moment.start_seconds, moment.score) for moment in judge.of([FILM])[3].moments]
    assert found == [(1, pytest.approx(0.75)), (5, pytest.approx(0.8 * 0.75))]  # what both say of it


def test_a_window_that_is_near_the_best_and_shows_nothing_of_it_tells_no_moment() -> None:
    frames = Knows({3: judged(0.1, 0.5, 0.1, 0.1, 0.1, 0.1)})
    by_window = Judged(0.9, np.array([[0, 2], [2, 4], [4, 6]], np.float32), np.array([0.9, 0.85, 0.8], np.float32))
    judge = SightJudge(frames, Knows({3: by_window}))
    assert [(moment.start_seconds, moment.end_seconds) for moment in judge.of([FILM])[3].moments] == [(1, 2)]


def test_where_windows_alone_rank_frames_tell_when_and_nothing_else() -> None:
    frames = Knows({3: judged(0.9, 0.1, 0.1, 0.2, 0.1)})
    by_window = Judged(0.4, np.array([[0, 2], [2, 5]], np.float32), np.array([0.1, 0.4], np.float32))
    judge = InsideJudge(Knows({3: by_window, 5: judged(0.7, seconds=30)}, 0.3), frames)
    told = judge.of([FILM, SOUND])
    assert judge.fits_from == 0.3
    assert (told[3].chance, told[5].chance) == (0.4, pytest.approx(0.7))
    assert [(each.start_seconds, each.end_seconds) for each in told[3].moments] == [(3, 4)]
    assert [(each.start_seconds, each.end_seconds) for each in told[5].moments] == [(0, 30)]


def test_a_window_fits_from_where_a_frame_does() -> None:
    """Their thresholds differ: a window just at its own is just at the frames'."""
    judge = SightJudge(Knows({}, 0.4), Knows({5: judged(0.8)}, fits_from=0.8))
    assert judge.of([SOUND])[5].chance == pytest.approx(0.4)


class ExplainsSpace(MmtSpace):
    """Text is two numbers, and the experts' shares are those of the window."""

    def __init__(self) -> None:  # no folder
        pass

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        return np.array([[1, 0]], np.float32)

    def explain(self, text: str, windows: Float32Array) -> list[tuple[TermShare, ...]]:
        assert (text, windows.tolist()) == ("a bell", [[0.5, 1.0]])  # the better one
        return [
            (
                TermShare("audio", "audio", 0.6, 0.5),
                TermShare("event 1", "appearance", 0.2, 0.25),
                TermShare("frames", "appearance", 0.1, 0.5),
                TermShare("motion", "motion", 0.1, -0.3),
            )
        ]


class KnowsSegments:
    def segments(self, row: object, ids: Sequence[int]) -> dict[int, AssetSegments]:
        return {key: AssetSegments(np.array([[0.1, 0], [0.5, 1]], np.float32), None) for key in ids}


def test_shares_are_told_by_expert_and_quotes_stay() -> None:
    opened = OpenSpace(ExplainsSpace(), cast(Any, None), cast(Any, None))
    shares = {3: {FRAMES: 0.2, "windows": 0.8}}
    page = [
        Ranked(FILM, 0.9, (Reason(FRAMES, 0.5), Reason("audio", 0.5, quote="ding"))),
        Ranked(PICTURE, 0.8, (Reason(FRAMES, 1.0),)),
    ]
    film, picture = explained(page, shares, opened, "a bell", cast(Lookup, KnowsSegments()))
    assert picture == page[1]
    assert {reason.source: reason.share for reason in film.why} == {
        "audio": pytest.approx(0.5 + 0.5 * 0.8 * 0.75),
        FRAMES: pytest.approx(0.5 * (0.2 + 0.8 * 0.125)),
        "appearance": pytest.approx(0.5 * 0.8 * 0.125),
    }
    assert film.why[0].quote == "ding"
    assert sum(reason.share for reason in film.why) == pytest.approx(1)
