"""`vidi status` of what experts failed at, and of the Whisper model that the library keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer import index, run
from retrieval.experts.registry import Experts
from retrieval.media.pieces import Stream
from retrieval.settings import IndexSettings, Settings
from tests.indexer.test_listening import Small, tone
from ui.command_line import main

REASON = "the speech expert failed at it and is left out: lost its way"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One sound, at which the speech expert failed."""
    tone(tmp_path / "tone.wav")
    speech = Small("speech", Stream.SOUND)
    speech.error = RuntimeError("lost its way")
    monkeypatch.setattr(run, "time_experts", lambda **_: Experts([speech, Small("audio", Stream.SOUND)]))
    monkeypatch.setattr(run, "lasting_name", lambda name: name)
    settings = Settings(index=IndexSettings(whisper_model="small"))
    index([tmp_path / "tone.wav"], tmp_path / "library", settings=settings)
    return tmp_path / "library"


def status(library: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert main(["--library", str(library), "status", *more]) == 0
    return capsys.readouterr().out


def test_what_an_expert_failed_at_is_told(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Experts failed at 1 file, which the others speak of.\nSee why" in status(library, capsys)
    listed = status(library, capsys, "--failed")
    assert listed.startswith(str(library.parent / "tone.wav"))
    assert f"    {REASON} (asked again with --retry-failed)\n" in listed
    told = json.loads(status(library, capsys, "--json"))
    assert told["files"]["failed"] == 0
    assert told["failed_experts"] == [
        {"path": str(library.parent / "tone.wav"), "expert": "speech", "version": "1", "reason": REASON}
    ]


def test_the_model_that_transcribes_is_told(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Speech   transcribed by small\n" in status(library, capsys)
    assert json.loads(status(library, capsys, "--json"))["whisper_model"] == "small"
