"""The Whisper model that a person chose: the library keeps it, so that runs which name none don't undo its work."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from indexer import index, run
from indexer.report import IndexReport
from retrieval import Library
from retrieval.errors import ModelError, WeightsError
from retrieval.experts.registry import Experts
from retrieval.media.pieces import Stream
from retrieval.settings import IndexSettings, Settings
from retrieval.store.catalog import Catalog
from retrieval.store.schema import TimedWords, Track
from tests.indexer.test_listening import Small, tone


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of models that can't be had. Of others a speech expert is made whose version tells the model."""
    names: set[str] = set()

    def time_experts(*, whisper_model: str | None = None) -> Experts:
        if whisper_model in names:
            raise WeightsError(f"the Whisper model {whisper_model} is not on this machine")
        model = (whisper_model or "tiny.en").rpartition("/")[2]
        return Experts(
            [Small("motion", Stream.PAIRS), Small("speech", Stream.SOUND, version=f"whisper-{model}+minilm")]
        )

    monkeypatch.setattr(run, "time_experts", time_experts)
    return names


@pytest.fixture
def media(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    tone(tmp_path / "media" / "tone.wav")
    return tmp_path / "media"


def run_index(media: Path, library: Path, whisper: str | None = None, lines: list[str] | None = None) -> IndexReport:
    settings = Settings(index=IndexSettings(whisper_model=whisper))
    return index([media], library, settings=settings, notice=(lines if lines is not None else []).append)


def versions(library: Path) -> list[list[str]]:
    """Of the tracks of speech, and of the words."""
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        tracks = connection.scalars(select(Track.version).where(Track.expert == "speech"))
        return [list(tracks), list(connection.scalars(select(TimedWords.version)))]


def test_runs_that_name_no_model_go_on_with_the_last_one(media: Path, library: Path, gone: set[str]) -> None:
    run_index(media, library)
    assert versions(library) == [["whisper-tiny.en+minilm"]] * 2
    assert run_index(media, library, "small").heard == 1
    assert versions(library) == [["whisper-small+minilm"]] * 2

    assert run_index(media, library).heard == 0

    assert versions(library) == [["whisper-small+minilm"]] * 2
    with Library(library) as opened:
        assert opened.status().whisper_model == "small"


def test_the_packaged_model_is_gone_back_to_by_its_name(media: Path, library: Path, gone: set[str]) -> None:
    run_index(media, library, "small")

    assert run_index(media, library, "tiny.en").heard == 1

    assert versions(library) == [["whisper-tiny.en+minilm"]] * 2
    assert run_index(media, library).heard == 0
    with Library(library) as opened:
        assert opened.status().whisper_model is None
    assert run_index(media, library, "small").heard == 1  # its words had to make room, and its track with them


def test_a_folder_is_kept_by_its_whole_path(
    media: Path, library: Path, gone: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)

    run_index(media, library, "mine")

    with Catalog(library) as catalog:
        assert catalog.whisper_model == str(tmp_path / "mine")


def test_where_the_kept_model_is_gone_nobody_is_transcribed_by_another(
    media: Path, library: Path, gone: set[str]
) -> None:
    lines: list[str] = []
    run_index(media, library, "small")
    tone(media / "other.wav", 2000)
    gone.add("small")

    report = run_index(media, library, lines=lines)

    assert (report.indexed, report.failed) == (1, 0)
    assert versions(library)[0] == ["whisper-small+minilm"]
    assert any(
        "without the speech expert: the Whisper model small is not on this machine; or `vidi index --whisper tiny.en`"
        in line
        for line in lines
    )
    gone.clear()
    assert run_index(media, library).heard == 1


def test_one_that_is_asked_for_and_gone_is_told_before_anything_is_done(
    media: Path, library: Path, gone: set[str]
) -> None:
    gone.add("small")

    with pytest.raises(ModelError, match="small is not on this machine"):
        run_index(media, library, "small")

    run_index(media, library)
    assert versions(library)[0] == ["whisper-tiny.en+minilm"]
