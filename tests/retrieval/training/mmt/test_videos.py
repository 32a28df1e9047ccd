"""Items of a table are cut into the windows that a search compares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.evaluation.captions import CaptionedItem
from retrieval.experts.appearance import Appearance
from retrieval.models.mmt_inputs import Window
from retrieval.spaces.mmt import MMT_STARTER, MmtSpace, read_model
from retrieval.spaces.starter import StarterSpace
from retrieval.training.mmt.pictures import StarterPictures
from retrieval.training.mmt.tracks import MediaTracks
from retrieval.training.mmt.videos import CaptionedVideos
from retrieval.types import FeatureTrack, Span

FILM, TONE = Path("film.mp4"), Path("tone.wav")


@pytest.fixture(scope="module")
def media() -> MediaTracks:
    """A film of 100 seconds with a cut at 20, of whose sound the half after 50 is told, and 70 seconds of sound."""
    rng = np.random.default_rng(0)
    scenes = np.maximum(rng.normal(0, 1, (2, Appearance.dim)), 0)
    starts = np.arange(100, dtype=np.float32)
    seen = FeatureTrack(np.stack([starts, starts + 1], axis=1), scenes[(starts >= 20).astype(int)].astype(np.float16))
    heard = np.stack([starts[50:], starts[50:] + 1], axis=1)
    sound = FeatureTrack(heard, rng.normal(0, 1, (50, 8)).astype(np.float16))
    tone = FeatureTrack(np.array([[40, 41]], np.float32), np.ones((1, 8), np.float16))
    tracks = {FILM: {"appearance": seen, "audio": sound}, TONE: {"audio": tone}}
    return MediaTracks(tracks, {FILM: 100.0, TONE: 70.0}, {})


def windows(media: MediaTracks, path: Path, span: Span | None = None) -> list[Window]:
    videos = CaptionedVideos([CaptionedItem(path, span, ("what it is",))], media, StarterPictures())
    cut = videos[0].windows
    assert videos.windows == len(cut)
    return [cut[number] for number in range(len(cut))]


def test_a_long_film_has_the_windows_of_a_search(media: MediaTracks) -> None:
    """By the same vectors, too."""
    space = MmtSpace("mmt/starter", read_model(MMT_STARTER), StarterSpace())
    spans = space.cut(media.tracks[FILM], 100.0)
    found = windows(media, FILM)
    assert [window.start_seconds for window in found] == [span.start_seconds for span in spans]
    assert 20.0 in [span.end_seconds for span in spans]
    assert [len(window.tracks["audio"]) for window in found] == [
        sum(50 <= second < span.end_seconds for second in range(int(span.start_seconds), int(span.end_seconds) + 1))
        for span in spans
    ]
    assert all(window.frame is not None and np.linalg.norm(window.frame) == pytest.approx(1) for window in found)


def test_a_part_is_cut_as_if_it_were_all(media: MediaTracks) -> None:
    (short,) = windows(media, FILM, Span(15, 40))
    assert (short.start_seconds, len(short.tracks["appearance"])) == (15, 25)
    long = windows(media, FILM, Span(5, 200))
    assert long[0].start_seconds == 5
    assert len(long[0].tracks["appearance"]) == 30
    assert long[-1].tracks["appearance"].times[-1, 1] == 100
    assert len(long) > 3


def test_windows_of_which_nothing_is_told_are_none(media: MediaTracks) -> None:
    found = windows(media, TONE)
    assert [len(window.tracks["audio"]) for window in found] == [1] * len(found)
    assert 1 <= len(found) <= 2
