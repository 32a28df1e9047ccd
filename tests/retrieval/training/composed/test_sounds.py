"""Named sounds are found by their table, and heard for as long as is asked."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import DatasetError, MissingExtraError
from retrieval.evaluation.tables import read_table
from retrieval.training.composed import sounds as module
from retrieval.training.composed.atoms import render_parts
from retrieval.training.composed.drawing import Parts
from retrieval.training.composed.parts import NamedSound, Noise, Quiet, Saying
from retrieval.training.composed.sounds import SAMPLE_RATE, find_sounds, heard_wave


def test_a_folder_with_its_own_table_is_read(sounds: list[NamedSound]) -> None:
    found = find_sounds([sounds[0].file.parent])
    assert found.sounds == tuple(sounds[:2])
    assert found.held_out == (sounds[2],)


def test_a_folder_without_a_named_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no named sound in .*tuxpaint-stamps-default"):
        find_sounds([tmp_path])


def test_the_table_names_each_file_once_and_in_words() -> None:
    table = Path(str(files("retrieval.training.composed").joinpath("data", "sounds.csv")))
    rows = list(read_table(table, ("file", "subject", "verb", "participle"), ("is_held_out",)))
    assert len({row.text("file") for row in rows}) == len(rows) >= 100
    known = {row.text("subject") for row in rows if not row.cells["is_held_out"]}
    assert {row.text("subject") for row in rows if row.cells["is_held_out"]} <= known


def test_a_noise_fills_its_seconds_and_depends_on_its_seed(sounds: list[NamedSound]) -> None:
    waves = [heard_wave(Noise(sounds[0], seed), 3) for seed in (1, 1, 2)]
    assert all(wave.shape == (3 * SAMPLE_RATE,) and np.abs(wave).max() <= 1 for wave in waves)
    assert np.array_equal(waves[0], waves[1])
    assert not np.array_equal(waves[0], waves[2])
    assert np.sqrt((waves[0][-SAMPLE_RATE:] ** 2).mean()) > 0.01


def test_silence_is_silent() -> None:
    assert not heard_wave(Quiet(), 2).any()
    assert len(heard_wave(Quiet(), 2)) == 2 * SAMPLE_RATE


def test_without_espeak_the_install_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(MissingExtraError, match="apt-get install espeak-ng"):
        heard_wave(Saying("a sentence", "en-us", 150, 0), 2)


def test_a_sentence_that_espeak_fails_at_costs_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\necho 'no such voice' >&2\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setattr(module.shutil, "which", lambda name: str(program))
    saying = Saying("a sentence", "en-us", 150, 0)
    rendered = render_parts(Parts((), (), (saying,)), tmp_path / "atoms", lambda line: None)
    assert rendered.left_out == ("'a sentence': espeak-ng can't speak it: no such voice",)
    assert set(rendered.paths) == {Quiet()}
    assert [path.suffix for path in (tmp_path / "atoms").iterdir()] == [".wav"]


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_saying_is_spoken_from_the_start_and_then_it_is_silent() -> None:
    wave = heard_wave(Saying("a short word", "en-us", 170, 0), 4)
    assert len(wave) == 4 * SAMPLE_RATE
    assert np.abs(wave[:SAMPLE_RATE]).max() > 0.05
    assert not wave[-SAMPLE_RATE:].any()
