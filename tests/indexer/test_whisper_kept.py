"""The Whisper model that a person chose: the library keeps it, so that runs which name none don't undo its work."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from indexer import index, run
from indexer.report import IndexReport
from indexer.run import Session, named_roots
from retrieval import Library
from retrieval.errors import ModelError, WeightsError
from retrieval.experts.registry import Experts
from retrieval.media.pieces import Stream
from retrieval.settings import IndexSettings, Settings
from retrieval.store.catalog import Catalog
from retrieval.store.schema import Setting, TimedWords, Track
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
    monkeypatch.setattr(run, "lasting_name", lambda name: str(Path(name).absolute()) if Path(name).is_dir() else name)
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


def test_a_session_goes_on_with_what_another_process_chose(media: Path, library: Path, gone: set[str]) -> None:
    """As `--watch` runs for weeks."""
    session = Session(library)
    session.run(named_roots([media]))
    run_index(media, library, "small")

    assert session.run(named_roots([media])).heard == 0
    assert versions(library) == [["whisper-small+minilm"]] * 2


def test_a_session_that_named_a_model_names_it_once(media: Path, library: Path, gone: set[str]) -> None:
    session = Session(library, settings=Settings(index=IndexSettings(whisper_model="small")))
    session.run(named_roots([media]))
    run_index(media, library, "tiny.en")

    assert session.run(named_roots([media])).heard == 0
    assert versions(library) == [["whisper-tiny.en+minilm"]] * 2


def test_a_library_of_before_that_was_transcribed_twice_keeps_the_words(
    media: Path, library: Path, gone: set[str]
) -> None:
    """It has the tracks of both models, and keeps no choice."""
    run_index(media, library)
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        packaged = dict(connection.execute(select(Track.__table__).where(Track.expert == "speech")).mappings().one())
    run_index(media, library, "small")
    with Catalog(library) as catalog, catalog.lock(), catalog.engine.begin() as connection:
        connection.execute(insert(Track).values(packaged | {"id": None}))
        connection.execute(delete(Setting).where(Setting.key == "whisper_model"))

    assert run_index(media, library).heard == 0
    assert versions(library)[1] == ["whisper-small+minilm"]
    assert run_index(media, library, "tiny.en").heard == 1
    assert versions(library) == [["whisper-tiny.en+minilm"]] * 2


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
