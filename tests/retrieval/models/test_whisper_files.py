from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from retrieval.errors import WeightsError
from retrieval.experts.registry import time_experts
from retrieval.models import whisper_files
from retrieval.models.whisper import WHISPER_WEIGHTS, Whisper
from retrieval.models.whisper_files import digest_of, find_whisper, lasting_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The packaged model, as a person's own."""
    packaged = WHISPER_WEIGHTS.located().parent
    copy = tmp_path / "model"
    copy.mkdir()
    for file in packaged.iterdir():
        if file.is_file():
            (copy / file.name).symlink_to(file)
    return copy


def test_a_folder_is_a_model(folder: Path) -> None:
    sound = np.random.default_rng(0).normal(0, 0.01, 16_000).astype(np.float32)

    own = Whisper(find_whisper(str(folder))).transcribe(sound)

    assert own == Whisper().transcribe(sound)
    assert digest_of(folder) == WHISPER_WEIGHTS.sha256


def test_another_model_is_another_version_of_speech_alone(folder: Path) -> None:
    usual = {expert.name: expert.version for expert in time_experts().present}
    other = {expert.name: expert.version for expert in time_experts(whisper_model=str(folder)).present}

    assert {name for name in usual if usual[name] != other[name]} == {"speech"}
    assert WHISPER_WEIGHTS.sha256[:8] in other["speech"]


def test_the_packaged_one_has_a_name() -> None:
    versions = {expert.name: expert.version for expert in time_experts().present}
    assert {expert.name: expert.version for expert in time_experts(whisper_model="tiny.en").present} == versions


def test_a_name_lasts_wherever_a_command_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.bin").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    fetched = SimpleNamespace(download_model=lambda name, local_files_only: f"cache/{name}")
    monkeypatch.setattr(whisper_files, "import_faster_whisper", lambda: fetched)
    assert lasting_name("mine") == str(tmp_path / "mine")
    assert lasting_name("small") == str(tmp_path / "cache" / "small")


def test_a_folder_that_is_gone_is_never_looked_for_at_a_hub(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone is no folder: expected one that holds a Whisper model"):
        find_whisper(str(tmp_path / "gone"))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no Whisper model: expected model\.bin"):
        find_whisper(str(tmp_path))


def test_a_size_that_is_not_here_without_a_hub_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(whisper_files, "is_hub_reachable", lambda: False)

    with pytest.raises(
        WeightsError, match=r"large-v3 is not on this machine, and the hub .* can't be reached"
    ) as raised:
        find_whisper("large-v3")
    assert "\n" not in str(raised.value)


def test_a_name_that_nobody_knows_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper_files, "is_hub_reachable", lambda: True)

    with pytest.raises(WeightsError, match="there is no Whisper model 'enormous'"):
        find_whisper("enormous")


def test_a_model_of_many_languages_tells_which_it_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def transcribe(sound: object, *, language: str | None, **_options: object) -> tuple[list[object], object]:
        asked.append(language)
        said = SimpleNamespace(
            text=" Guten Tag",
            start=0.0,
            end=1.0,
            words=None,
            avg_logprob=-0.2,
            no_speech_prob=0.1,
            compression_ratio=1.0,
        )
        return [said], SimpleNamespace(language="de")

    model = SimpleNamespace(transcribe=transcribe, model=SimpleNamespace(is_multilingual=True))
    monkeypatch.setattr(Whisper, "_load", lambda self: model)

    (segment,) = Whisper().transcribe(np.zeros(16_000, np.float32))

    assert (segment.text, segment.language, asked) == ("Guten Tag", "de", [None])


def test_the_digest_is_of_the_weights(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")

    assert digest_of(tmp_path) == hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(WeightsError, match="can't be read"):
        digest_of(tmp_path / "gone")
