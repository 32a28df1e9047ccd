from __future__ import annotations

import numpy as np
import pytest

from retrieval.experts.audio import Audio
from retrieval.experts.over_time import TimeExpert
from retrieval.media.pieces import SOUND_RATE, SoundPiece
from retrieval.models.whisper import Whisper
from retrieval.types import FeatureTrack

from .conftest import melody, noise, pieces, tone


def heard(whisper: Whisper, *parts: SoundPiece, duration: float = 1e9) -> FeatureTrack:
    reading = Audio(whisper).begin()
    for part in parts:
        reading.add(part)
    return reading.finish(duration).track


def test_a_row_a_second_the_last_as_short_as_the_sound(whisper: Whisper) -> None:
    track = heard(whisper, *pieces(tone(12.5)))

    assert isinstance(Audio(whisper), TimeExpert)
    assert track.features.shape == (13, Audio.dim) == (13, 464)
    assert track.times[:, 0].tolist() == list(range(13))
    assert track.times[-1].tolist() == [12, 12.5]
    assert np.isfinite(track.features).all()


def test_how_sound_is_cut_into_pieces_changes_nothing(whisper: Whisper) -> None:
    samples = melody(11)

    whole = heard(whisper, SoundPiece(0, samples))
    cut = heard(whisper, *pieces(samples, seconds=0.7))

    np.testing.assert_array_equal(whole.features, cut.features)


def test_a_second_sounds_the_same_wherever_it_comes(whisper: Whisper) -> None:
    samples, silence = melody(3), np.zeros(SOUND_RATE * 20, np.int16)

    early = heard(whisper, *pieces(np.concatenate([silence[: SOUND_RATE * 2], samples, silence])))
    late = heard(whisper, *pieces(np.concatenate([silence[: SOUND_RATE * 13], samples, silence])))

    np.testing.assert_allclose(early.features[1:6], late.features[12:17], atol=1e-2)


def test_seconds_that_sound_alike_are_alike(whisper: Whisper) -> None:
    sound = np.concatenate([noise(5), tone(5), noise(5, seed=1)])

    features = heard(whisper, *pieces(sound)).features[:, :384].astype(np.float32)
    features -= features.mean(axis=0)
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    alike = directions @ directions.T

    assert alike[2, 12] > 0.8
    assert alike[2, 7] < 0


def test_bands_tell_loudness_and_pitch(whisper: Whisper) -> None:
    loud, quiet, high = (
        heard(whisper, *pieces(sound)).features[1, 384:424].astype(float)
        for sound in (
            tone(3),
            tone(3) // 10,
            tone(3, hertz=4000),
        )
    )

    assert loud.max() - quiet.max() == pytest.approx(2 / 4, abs=0.05)  # a hundredth of the power: two of log10
    assert high.argmax() > loud.argmax()


def test_a_gap_has_no_rows_and_what_follows_keeps_its_time(whisper: Whisper) -> None:
    track = heard(whisper, *pieces(tone(2)), *pieces(tone(1.5), start_seconds=25.5))

    assert track.times.tolist() == [[0, 1], [1, 2], [25, 26], [26, 27]]


def test_silence_is_heard_and_no_sound_is_not(whisper: Whisper) -> None:
    assert len(heard(whisper, SoundPiece(0, np.zeros(32_000, np.int16)))) == 2
    assert heard(whisper).features.shape == (0, 464)
    assert len(heard(whisper, SoundPiece(0, np.zeros(800, np.int16)))) == 0


def test_rows_end_with_the_file(whisper: Whisper) -> None:
    assert heard(whisper, *pieces(tone(4)), duration=2.5).times.tolist() == [[0, 1], [1, 2], [2, 2.5]]
