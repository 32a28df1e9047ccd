"""Experts over time in an index run; the experts here are small ones that count what they are given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from sqlalchemy import select

from indexer import index, run
from retrieval.errors import WeightsError
from retrieval.experts.over_time import Told
from retrieval.experts.registry import AbsentExpert, Experts
from retrieval.media.pieces import Piece, Stream
from retrieval.store.catalog import Catalog
from retrieval.store.census import take_census
from retrieval.store.schema import Asset, ExpertFailure, Track
from retrieval.store.timed_texts import TimedTexts
from retrieval.types import FeatureTrack, TextSource, TimedText


class Small:
    """An expert of one stream: a row with the number of its pieces."""

    dim = 1

    def __init__(self, name: str, stream: Stream, version: str = "1") -> None:
        self.name, self.stream, self.version = name, stream, version
        self.asked = 0
        self.error: Exception | None = None

    def load(self) -> None:
        if isinstance(self.error, WeightsError):
            raise self.error

    def begin(self) -> SmallReading:
        self.asked += 1
        return SmallReading(self)


class SmallReading:
    def __init__(self, expert: Small) -> None:
        self._expert = expert
        self._count = 0

    def add(self, piece: Piece) -> None:
        if self._expert.error is not None:
            raise self._expert.error
        self._count += 1

    def finish(self, duration_seconds: float) -> Told:
        if self._expert.error is not None:
            raise self._expert.error
        times = np.array([[0, duration_seconds]], np.float32)[: self._count]
        texts = ()
        if self._expert.name == "speech" and self._count:
            texts = (TimedText(TextSource.SPEECH, 0, duration_seconds, "a purple heron", 0.9, "en"),)
        return Told(FeatureTrack(times, np.full((len(times), 1), self._count, np.float16)), texts)


@pytest.fixture
def experts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Small]:
    """Those that are here, by name; a test may add and take away."""
    here = {"motion": Small("motion", Stream.PAIRS), "speech": Small("speech", Stream.SOUND)}
    monkeypatch.setattr(run, "time_experts", lambda **_: Experts(list(here.values())))
    return here


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    film(folder / "film.mp4")
    tone(folder / "tone.wav")
    return folder


def film(path: Path, seed: int = 0, frames: int = 50) -> None:
    grain = np.random.default_rng(seed).integers(0, 256, (96, 160, 3)).astype(np.uint8)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grain, "rgb24")))
        container.mux(stream.encode())


def tone(path: Path, level: int = 3000) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.full((1, 32000), level, np.int16), "s16", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def tracks(library: Path) -> dict[tuple[str, str], tuple[str, int]]:
    """(kind of asset, expert) to (version, rows) of all tracks over time."""
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        columns = select(Asset.kind, Track.expert, Track.version, Track.count).join(Asset, Asset.id == Track.asset_id)
        rows = connection.execute(columns.where(Track.expert.in_(["motion", "speech", "ocr"])))
        return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def test_videos_and_sounds_get_a_track_of_each_expert_be_it_empty(
    media: Path, library: Path, experts: dict[str, Small]
) -> None:
    report = index([media], library)

    assert (report.videos, report.sounds, report.failed) == (1, 1, 0)
    assert tracks(library) == {
        ("video", "motion"): ("1", 1),
        ("video", "speech"): ("1", 0),
        ("sound", "motion"): ("1", 0),
        ("sound", "speech"): ("1", 1),
    }
    with Catalog(library) as catalog:
        said = TimedTexts(catalog).of_file(bytes(media / "tone.wav"))
    assert [text.text for text in said] == ["a purple heron"]


def test_the_second_run_asks_nobody(media: Path, library: Path, experts: dict[str, Small]) -> None:
    index([media], library)
    asked = {name: expert.asked for name, expert in experts.items()}

    report = index([media], library)

    assert {name: expert.asked for name, expert in experts.items()} == asked == {"motion": 2, "speech": 2}
    assert (report.indexed, report.heard) == (0, 0)


def test_an_expert_that_comes_later_is_caught_up_with_alone(
    media: Path, library: Path, experts: dict[str, Small]
) -> None:
    speech = experts.pop("speech")
    index([media], library)
    experts["speech"] = speech

    report = index([media], library)

    assert (report.indexed, report.heard, report.failed) == (0, 2, 0)
    assert (experts["motion"].asked, speech.asked) == (2, 2)
    assert tracks(library)["sound", "speech"] == ("1", 1)
    assert index([media], library).heard == 0


def test_a_new_version_is_asked_again_and_its_words_take_the_old_ones_place(
    media: Path, library: Path, experts: dict[str, Small]
) -> None:
    index([media], library)
    experts["speech"] = Small("speech", Stream.SOUND, version="2")

    assert index([media], library).heard == 2

    with Catalog(library) as catalog:
        assert len(TimedTexts(catalog).of_file(bytes(media / "tone.wav"))) == 1


def test_copies_are_asked_once_and_all_are_linked(media: Path, library: Path, experts: dict[str, Small]) -> None:
    (media / "copy.wav").write_bytes((media / "tone.wav").read_bytes())
    speech = experts.pop("speech")
    index([media], library)
    experts["speech"] = speech

    report = index([media], library)

    assert (report.heard, speech.asked, report.failed) == (2, 2, 0)
    assert index([media], library).accounts.indexed == 3


def failed(library: Path) -> list[tuple[str, str]]:
    """(file, reason) as the census tells it."""
    with Catalog(library) as catalog:
        found = take_census(catalog).failed_experts
    return [(each.display.rpartition("/")[2], each.reason) for each in found]


def test_a_failure_at_a_file_is_told_and_not_tried_again_until_somebody_asks(
    media: Path, library: Path, experts: dict[str, Small]
) -> None:
    experts["motion"].error = RuntimeError("lost its way")
    lines: list[str] = []

    report = index([media], library, notice=lines.append)

    assert (report.indexed, report.failed) == (2, 0)
    line = "the motion expert failed at it and is left out: lost its way"
    assert any(told.endswith(f"film.mp4: {line}") for told in lines)
    assert ("video", "motion") not in tracks(library)
    assert ("film.mp4", line) in failed(library)
    assert index([media], library).heard == index([media], library, rehash=True).heard == 0
    experts["motion"].error = None
    assert index([media / "tone.wav"], library, retry_failed=True).heard == 1
    assert [name for name, _ in failed(library)] == ["film.mp4"]
    assert index([media], library, retry_failed=True).heard == 1
    assert (tracks(library)["video", "motion"], failed(library)) == (("1", 1), [])


def test_a_failure_at_known_media_is_kept_too_and_goes_with_another_version(
    media: Path, library: Path, experts: dict[str, Small]
) -> None:
    motion = experts.pop("motion")
    index([media], library)
    experts["motion"] = motion
    motion.error = RuntimeError("lost its way")
    assert index([media], library).heard == 2
    assert index([media], library).heard == 0
    assert len(failed(library)) == 2
    experts["motion"] = Small("motion", Stream.PAIRS, version="2")
    assert index([media], library).heard == 2
    assert failed(library) == []


def test_a_failure_is_tried_again_once_the_decoders_are_others(
    media: Path, library: Path, experts: dict[str, Small], monkeypatch: pytest.MonkeyPatch
) -> None:
    experts["motion"].error = RuntimeError("lost its way")
    index([media], library)
    experts["motion"].error = None
    monkeypatch.setattr(run, "version", lambda _name: "99")

    assert index([media], library).heard == 2
    assert failed(library) == []


@pytest.mark.parametrize("error", [MemoryError(), OSError("disk full")], ids=["memory", "disk"])
def test_a_failure_of_the_moment_is_asked_again_by_the_next_run(
    media: Path, library: Path, experts: dict[str, Small], error: Exception
) -> None:
    experts["motion"].error = error
    lines: list[str] = []

    assert index([media], library, notice=lines.append).indexed == 2

    assert any("film.mp4: the motion expert failed at it now, and is asked again" in line for line in lines)
    assert "film.mp4" in [name for name, _ in failed(library)]
    experts["motion"].error = None
    assert index([media], library).heard == 2
    assert (tracks(library)["video", "motion"], failed(library)) == (("1", 1), [])


def test_a_moment_that_lasts_is_no_moment(media: Path, library: Path, experts: dict[str, Small]) -> None:
    """A film that takes too much memory would be decoded at every run."""
    experts["motion"].error = MemoryError()
    assert index([media], library).indexed == 2
    assert index([media], library).heard == 2
    assert index([media], library).heard == 0
    assert len(failed(library)) == 2
    experts["motion"].error = None
    assert index([media], library, retry_failed=True).heard == 2
    assert failed(library) == []


def test_failures_of_experts_that_are_not_asked_stay_told(
    media: Path, library: Path, experts: dict[str, Small]
) -> None:
    experts["motion"].error = RuntimeError("lost its way")
    index([media], library)
    motion = experts.pop("motion")
    index([media], library, retry_failed=True)
    assert len(failed(library)) == 2
    experts["motion"] = motion


def test_what_an_expert_failed_at_is_forgotten_with_the_file(
    media: Path, library: Path, experts: dict[str, Small]
) -> None:
    from indexer.forget import Selection, forget, plan_forgetting

    experts["motion"].error = RuntimeError("lost its way")
    index([media], library)

    chosen = Selection.of([media], missing=False)
    forget(library, chosen, plan_forgetting(library, chosen))

    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        assert connection.execute(select(ExpertFailure)).all() == []


def test_an_expert_without_its_weights_is_left_out_and_no_film_is_decoded_for_it(
    media: Path, library: Path, experts: dict[str, Small]
) -> None:
    experts["motion"].error = WeightsError("weights differ")
    lines: list[str] = []

    index([media], library)
    report = index([media], library, notice=lines.append)

    assert (report.heard, experts["speech"].asked) == (0, 2)
    assert "the motion expert is left out: weights differ" in lines
    experts["motion"].error = None
    assert index([media], library).heard == 2


def test_an_absent_expert_is_named_once_and_only_where_it_is_missed(
    media: Path, library: Path, experts: dict[str, Small], monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = AbsentExpert("ocr", 'it is not installed; run: pip install "vidi[ocr]"')
    monkeypatch.setattr(run, "time_experts", lambda **_: Experts(list(experts.values()), [absent]))

    def notices() -> list[str]:
        lines: list[str] = []
        index([media], library, notice=lines.append)
        return [line for line in lines if "ocr" in line]

    assert [line.endswith('run: pip install "vidi[ocr]"') for line in notices()] == [True]
    assert notices() == []


def test_settings_may_ask_nobody(media: Path, library: Path, experts: dict[str, Small]) -> None:
    from retrieval.settings import IndexSettings, Settings

    index([media], library, settings=Settings(index=IndexSettings(experts=())))

    assert tracks(library) == {}
    assert index([media], library).heard == 2


def test_a_film_that_fails_leaves_nothing_behind(media: Path, library: Path, experts: dict[str, Small]) -> None:
    (media / "bad.mp4").write_bytes(b"no film")

    report = index([media], library)

    assert (report.failed, report.indexed) == (1, 2)
    assert len(tracks(library)) == 4


def test_an_animated_picture_is_no_work_for_experts(tmp_path: Path, library: Path, experts: dict[str, Small]) -> None:
    from PIL import Image

    frames = [Image.fromarray(np.full((48, 64, 3), value, np.uint8)) for value in (0, 90, 200)]
    (tmp_path / "media").mkdir()
    frames[0].save(tmp_path / "media" / "a.gif", save_all=True, append_images=frames[1:], duration=500)

    assert index([tmp_path / "media"], library).failed == 0
    assert index([tmp_path / "media"], library, rehash=True).heard == 0
    assert experts["motion"].asked == 0


def test_a_kill_between_pieces_is_finished_by_the_next_run(
    media: Path, library: Path, experts: dict[str, Small], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(BaseException): ...

    def add(self: Any, key: int, piece: Piece) -> None:
        raise Stop

    from indexer import listening

    with monkeypatch.context() as patch:
        patch.setattr(listening.ExpertThreads, "add", add)
        with pytest.raises(Stop):
            index([media], library)

    report = index([media], library)

    assert report.failed == 0
    assert len(tracks(library)) == 4


def test_a_library_of_pictures_imports_nothing_for_experts(tmp_path: Path, library: Path) -> None:
    from PIL import Image

    media = tmp_path / "media"
    media.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)).save(media / "a.png")
    code = (
        "import sys; from indexer import index; index([sys.argv[1]], sys.argv[2]);"
        "heavy = {'cv2', 'faster_whisper', 'ctranslate2', 'rapidocr_onnxruntime', 'av', 'torch'};"
        "print(sorted(heavy & set(sys.modules)))"
    )

    run_of = subprocess.run(
        [sys.executable, "-c", code, str(media), str(library)], check=True, capture_output=True, text=True
    )

    assert run_of.stdout == "[]\n"
