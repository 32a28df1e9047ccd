from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.experts.over_time import TimeExpert, Told
from retrieval.experts.speech import Speech
from retrieval.experts.text_vectors import TextVectors
from retrieval.media.pieces import SOUND_RATE, SoundPiece
from retrieval.models.whisper import Whisper
from retrieval.types import TextSource

from .conftest import Say, melody, noise, pieces, tone

Hear = Callable[..., Told]

ENGLISH = (
    "The government decided yesterday not to raise taxes next year.",
    "Please open the window and close the door behind you.",
    "Turn left at the corner and walk for about two hundred meters.",
    "I think the blue car is faster than the black one.",
    "The train to London leaves from platform nine.",
)
FOREIGN = {
    "de": (
        "Der Hund läuft über die grüne Wiese und der Mann fährt mit dem Fahrrad am Fluss entlang.",
        "Die Regierung hat gestern beschlossen, die Steuern im nächsten Jahr nicht zu erhöhen.",
    ),
    "fr": (
        "Le chien court dans le pré vert et l'homme fait du vélo le long de la rivière.",
        "Le gouvernement a décidé hier de ne pas augmenter les impôts l'année prochaine.",
    ),
    "es": (
        "El perro corre por el campo verde y el hombre monta en bicicleta a lo largo del río.",
        "El gobierno decidió ayer no subir los impuestos el próximo año.",
    ),
    "pl": (
        "Pies biegnie po zielonej łące, a mężczyzna jedzie na rowerze wzdłuż rzeki.",
        "Rząd postanowił wczoraj nie podnosić podatków w przyszłym roku.",
    ),
    "cmn": ("狗在绿色的草地上跑，男人沿着河边骑自行车。", "政府昨天决定明年不增加税收。"),
}


@pytest.fixture(scope="module")
def hear(whisper: Whisper, vectors: TextVectors) -> Hear:
    expert = Speech(whisper, vectors)
    assert isinstance(expert, TimeExpert)

    def told(samples: NDArray[np.int16], duration: float | None = None) -> Told:
        reading = expert.begin()
        for piece in pieces(samples):
            reading.add(piece)
        return reading.finish(len(samples) / SOUND_RATE if duration is None else duration)

    return told


def quiet(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * SOUND_RATE), np.int16)


def test_english_is_kept_with_its_words(hear: Hear, say: Say) -> None:
    told = [hear(say(sentence)) for sentence in ENGLISH]

    assert sum(bool(each.texts) for each in told) >= len(ENGLISH) - 1
    said = " ".join(text.text for each in told for text in each.texts).casefold()
    assert sum(word in said for word in ("government", "window", "corner", "faster", "london")) >= 4
    assert all(text.source is TextSource.SPEECH and text.language == "en" for each in told for text in each.texts)


def test_noise_music_and_other_languages_become_no_english(hear: Hear, say: Say) -> None:
    """At most one in twenty."""
    spoken = [say(text, voice) for voice, texts in FOREIGN.items() for text in texts]
    sounds = [noise(15), noise(15, seed=1) // 10, melody(20), melody(20, seed=3), tone(10), *spoken]

    kept = [text.text for sound in sounds for text in hear(sound).texts]

    assert len(kept) <= len(sounds) / 20, kept


def test_utterances_have_their_times_across_a_long_file(hear: Hear, say: Say) -> None:
    """Speech at known times; one of them lies where the held sound ends."""
    sentence = say(ENGLISH[3])
    starts = (10.0, 58.5, 100.0)
    sound = quiet(115)
    for start in starts:
        at = round(start * SOUND_RATE)
        sound[at : at + len(sentence)] = sentence

    told = hear(sound)

    assert [text.start_seconds for text in told.texts] == pytest.approx(starts, abs=0.5)
    ends = [start + len(sentence) / SOUND_RATE for start in starts]
    assert [text.end_seconds for text in told.texts] == pytest.approx(ends, abs=0.6)
    assert told.track.times[:, 0].tolist() == pytest.approx([text.start_seconds for text in told.texts])


def test_a_row_is_the_vector_of_its_words(hear: Hear, say: Say, vectors: TextVectors) -> None:
    told = hear(say(ENGLISH[1]))

    assert told.track.features.shape == (len(told.texts), 384)
    expected = vectors.encode([text.text for text in told.texts])
    np.testing.assert_allclose(told.track.features.astype(np.float32), expected, atol=1e-3)


def test_silence_and_nothing_have_tracks_of_no_rows(hear: Hear) -> None:
    for sound in (quiet(70), quiet(0)):
        told = hear(sound)
        assert (told.track.features.shape, told.texts) == ((0, 384), ())


def test_sound_after_a_gap_keeps_its_time(whisper: Whisper, vectors: TextVectors, say: Say) -> None:
    reading = Speech(whisper, vectors).begin()
    reading.add(SoundPiece(0, tone(1)))
    for piece in pieces(say(ENGLISH[3]), start_seconds=300.0):
        reading.add(piece)

    texts = reading.finish(400).texts

    assert [text.start_seconds for text in texts] == pytest.approx([300.0], abs=0.5)


def test_what_is_said_past_the_end_is_left_out(hear: Hear, say: Say) -> None:
    sound = np.concatenate([say(ENGLISH[3]), quiet(2), say(ENGLISH[1])])
    length = len(say(ENGLISH[3])) / SOUND_RATE

    told = hear(sound, duration=length - 0.2)

    assert len(told.texts) == 1
    assert told.texts[0].end_seconds <= length - 0.2
