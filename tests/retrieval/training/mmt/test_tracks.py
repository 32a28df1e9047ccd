"""Tracks that are kept between training runs: what is final is not decoded again, and what is not is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from retrieval.errors import ModelError, WeightsError
from retrieval.media.pieces import Stream
from retrieval.settings import Settings
from retrieval.training.mmt.tracks import MediaTracks, TrackReader
from retrieval.training.stage_cache import StageCache
from tests.indexer.test_listening import Small, film


@pytest.fixture
def films(tmp_path: Path) -> list[Path]:
    for number in range(2):
        film(tmp_path / f"{number}.mp4", seed=number)
    return [tmp_path / f"{number}.mp4" for number in range(2)]


@pytest.fixture
def expert() -> Small:
    return Small("motion", Stream.PAIRS)


def read(paths: Sequence[Path], expert: Small, lines: list[str], *more: Small) -> MediaTracks:
    cache = StageCache(paths[0].parent / "cache")
    return TrackReader([expert, *more], cache, Settings(), lines.append).read(paths)  # type: ignore[list-item]


def test_a_model_that_breaks_off_ends_the_reading_and_is_asked_again_at_the_next_run(
    films: list[Path], expert: Small, lines: list[str]
) -> None:
    expert.error = WeightsError("its weights are damaged")
    with pytest.raises(ModelError, match=r"\.mp4: the model of the expert motion broke off.* run again"):
        read(films, expert, lines)
    assert any("the motion expert is left out: its weights are damaged" in line for line in lines)
    expert.error = None
    found = read(films, expert, lines)
    assert [list(found.tracks[path]) for path in films] == [["motion"], ["motion"]]


def test_an_expert_that_fails_twice_at_a_file_is_not_asked_of_it_again(
    films: list[Path], expert: Small, lines: list[str]
) -> None:
    expert.error = ValueError("no such motion")
    found = read(films, expert, lines)
    assert [found.tracks[path] for path in films] == [{}, {}]
    assert sum("no such motion" in line for line in lines) == 4  # two tries of each
    asked = expert.asked
    assert read(films, expert, lines).tracks == found.tracks
    assert expert.asked == asked


def test_an_expert_without_memory_is_asked_again_at_the_next_run(
    films: list[Path], expert: Small, lines: list[str]
) -> None:
    expert.error = MemoryError("no room")
    assert list(read(films, expert, lines).tracks.values()) == [{}, {}]
    assert sum("asked again at the next run: no room" in line for line in lines) == 4  # two tries of each
    expert.error = None
    assert [list(said) for said in read(films, expert, lines).tracks.values()] == [["motion"], ["motion"]]


@pytest.mark.parametrize("is_permanent", [True, False], ids=["of the file", "of the moment"])
def test_a_file_that_fails_is_tried_again_if_it_may_do_better(
    films: list[Path], expert: Small, lines: list[str], monkeypatch: pytest.MonkeyPatch, is_permanent: bool
) -> None:
    from retrieval.experts.extraction import NotExtracted
    from retrieval.training.mmt import tracks

    tried: list[list[Path]] = []

    def extract(files, *rest, **more):  # type: ignore[no-untyped-def]
        tried.append([path for path, _ in files])
        return [NotExtracted(path, "its worker died", is_permanent) for path, _ in files]

    monkeypatch.setattr(tracks, "extract_tracks", extract)
    assert read(films, expert, lines).left_out == dict.fromkeys(films, "its worker died")
    assert read(films, expert, lines).left_out == dict.fromkeys(films, "its worker died")
    assert tried == ([films] if is_permanent else [films] * 4)  # two tries a run
    monkeypatch.undo()
    assert list(read(films, expert, lines).left_out) == (films if is_permanent else [])


def test_other_files_in_another_order_have_only_themselves_decoded(
    films: list[Path], expert: Small, lines: list[str]
) -> None:
    read(films[:1], expert, lines)
    assert list(read(films[::-1], expert, lines).tracks) == films[::-1]
    assert expert.asked == 2


def test_a_new_expert_is_asked_alone(films: list[Path], expert: Small, lines: list[str]) -> None:
    read(films, expert, lines)
    other = Small("ocr", Stream.FRAMES)
    found = read(films, expert, lines, other)
    assert [list(found.tracks[path]) for path in films] == [["motion", "ocr"], ["motion", "ocr"]]
    assert (expert.asked, other.asked) == (2, 2)


def test_a_kill_loses_no_file_that_was_done(films: list[Path], expert: Small, lines: list[str]) -> None:
    class KilledError(Exception):
        pass

    class Killing(StageCache):
        def store(self, *arguments: Any) -> None:
            super().store(*arguments)
            raise KilledError

    with pytest.raises(KilledError):
        TrackReader([expert], Killing(films[0].parent / "cache"), Settings(), lines.append).read(films)  # type: ignore[list-item]
    expert.asked = 0
    assert set(read(films, expert, lines).tracks) == set(films)
    assert expert.asked == 1


def test_a_file_that_changed_is_decoded_again(films: list[Path], expert: Small, lines: list[str]) -> None:
    read(films, expert, lines)
    film(films[0], seed=7)
    read(films, expert, lines)
    assert expert.asked == 3
