from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.experts.credible import TEMPO, agreement, confidence_of, credible, faster
from retrieval.models.whisper import Segment, Word

SURE = Segment("a dog runs", 0, 2, [Word(" a", 0, 1, 0.9), Word(" dog", 1, 2, 0.9)], -0.3, 0.1, 1.0)
DOUBTFUL = replace(SURE, mean_log_probability=-0.7)


def never() -> list[Segment]:
    raise AssertionError("a sure segment needs no second hearing")


def test_what_is_sure_is_kept_without_a_second_hearing() -> None:
    assert credible([SURE], never) == [SURE]


@pytest.mark.parametrize(
    "change",
    [
        {"mean_log_probability": -1.2},
        {"compression_ratio": 9.0},
        {"no_speech_probability": 0.8, "mean_log_probability": -0.6},
        {"words": [Word(" a", 0, 1, 0.05), Word(" dog", 1, 2, 0.3)]},
        {"text": "x" * 200},
        {"text": "..."},
        {"text": "Thank you.", "words": [Word(" Thank", 0, 1, 0.6), Word(" you.", 1, 2, 0.6)]},
    ],
    ids=["improbable", "a loop", "no speech", "unsure words", "too fast", "no letter", "an unsure word or two"],
)
def test_what_betrays_itself_is_left_out(change: dict[str, object]) -> None:
    assert credible([replace(SURE, **change)], lambda: [SURE]) == []


def test_a_doubtful_one_stays_if_it_is_heard_alike_again() -> None:
    assert credible([DOUBTFUL], lambda: [replace(SURE, text="A dog runs!")]) == [DOUBTFUL]
    assert credible([SURE, DOUBTFUL], lambda: [replace(SURE, text="the hunt loathed")]) == [SURE]


def test_agreement_is_of_words_in_their_order() -> None:
    assert agreement([SURE], [replace(SURE, text="A dog, runs.")]) == 1
    assert agreement([SURE], [replace(SURE, text="something else")]) == 0
    assert agreement([], []) == 1


def test_confidence_is_a_geometric_mean_from_0_to_1() -> None:
    assert confidence_of(replace(SURE, words=[Word("a", 0, 1, 0.25), Word("b", 0, 1, 1.0)])) == pytest.approx(0.5)
    assert confidence_of(replace(SURE, words=[], mean_log_probability=0.1)) == 1


def test_the_second_hearing_is_shorter_by_its_tempo() -> None:
    assert len(faster(np.zeros(16_000, np.float32))) == int(16_000 / TEMPO)


UNSPACED = {
    "Chinese": ("今天天气很好我们去公园散步", "今天天气真好,我们去公园散步。", "他昨天买了一本新书"),
    "Japanese": ("今日はとても良い天気ですね", "今日はとても良い天気ですよ。", "電車が遅れています"),
    "Thai": ("วันนี้อากาศดีมากเราไปเดินเล่น", "วันนี้อากาศดีมากเราไปเดินเล่นกัน", "แมวนอนบนโซฟา"),
    "Lao": ("ມື້ນີ້ອາກາດດີຫຼາຍພວກເຮົາໄປຍ່າງ", "ມື້ນີ້ອາກາດດີຫຼາຍພວກເຮົາໄປຍ່າງຫຼິ້ນ", "ແມວນອນຢູ່ເທິງໂຊຟາ"),
    "Khmer": ("ថ្ងៃនេះអាកាសធាតុល្អណាស់", "ថ្ងៃនេះអាកាសធាតុល្អ", "ឆ្មាដេកលើសាឡុង"),
    "Burmese": ("ဒီနေ့ရာသီဥတုကောင်းတယ်", "ဒီနေ့ရာသီဥတုကောင်းပါတယ်", "ကြောင်အိပ်နေတယ်"),
}
"""A sentence, the same as it may be heard again, and another."""


@pytest.mark.parametrize(("said", "again", "other"), UNSPACED.values(), ids=UNSPACED)
def test_scripts_without_blanks_are_compared_by_their_signs(said: str, again: str, other: str) -> None:
    doubtful = replace(SURE, text=said, words=[Word(said, 0, 2, 0.6)], mean_log_probability=-0.7)

    assert credible([doubtful], lambda: [replace(doubtful, text=again)]) == [doubtful]
    assert credible([doubtful], lambda: [replace(doubtful, text=other)]) == []


@pytest.mark.parametrize(("text", "is_kept"), [("谢谢观看", False), ("谢谢大家来看我", True), ("ありがとう", False)])
def test_a_word_or_two_of_signs_must_be_surer_too(text: str, is_kept: bool) -> None:
    segment = replace(SURE, text=text, words=[Word(text, 0, 2, 0.6)])

    assert bool(credible([segment], never)) is is_kept
