"""What was heard and read: kept with its times, found by its words, and gone when it is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from retrieval.store.descriptions import fill_text_index, rebuild_text_index
from retrieval.store.file_filter import file_filter
from retrieval.store.forget import Eraser
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.results import MediaRecord, SegmentRecord
from retrieval.store.schema import TimedWords
from retrieval.store.text_lookup import TextLookup
from retrieval.store.timed_text_index import Quote, drop_timed_text_index, timed_quotes
from retrieval.store.timed_texts import AssetTexts, TimedTexts, write_timed_texts
from retrieval.types import MediaFacts, MediaKind, TextSource, TimedText

SPEECH, OCR = TextSource.SPEECH, TextSource.OCR
V1, V2 = ("speech", "1"), ("speech", "2")


def said(text: str, start: float = 0, end: float | None = None, source: TextSource = SPEECH) -> TimedText:
    return TimedText(source, start, start + 2 if end is None else end, text, 0.8, "en")


@pytest.fixture
def filled(library: Any) -> Any:
    fill_text_index(library.catalog)
    return library


def write(library: Any, asset: int, texts: AssetTexts) -> None:
    with library.catalog.engine.begin() as connection:
        write_timed_texts(connection, {asset: texts})


def found(library: Any, *words: str, source: TextSource = SPEECH) -> Sequence[int]:
    return TextLookup(library.catalog, lambda line: None).timed(source, words)


def count(library: Any) -> int:
    with library.catalog.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(TimedWords)) or 0


def record(file_id: int, texts: AssetTexts) -> MediaRecord:
    vectors = np.ones((1, 4), np.float32)
    content = str(file_id).encode().ljust(32, b"\0")
    return MediaRecord(file_id, content, MediaFacts(MediaKind.VIDEO), [SegmentRecord(0, 1, 0)], vectors, {}, texts)


def test_words_are_committed_with_their_tracks_and_read_in_the_order_of_time(filled: Any) -> None:
    intake = Intake(filled.catalog, ("frames", "1"))
    (file_id,) = intake.take_in([FoundFile(b"/a.mp4", "video", 1, 1, 1)], [], [])
    texts = {V1: [said("hello there", 1.5), said("good bye", 9)], ("ocr", "1"): [said("EXIT", 4, source=OCR)]}
    (asset,) = intake.write(filled.space(), [record(file_id, texts)], [])
    kept = TimedTexts(filled.catalog)
    assert kept.of([asset, 99]) == {asset: [texts[V1][0], texts["ocr", "1"][0], texts[V1][1]]}
    assert kept.of_file(b"/a.mp4") == kept.of([asset])[asset]
    assert kept.of_file(b"/b.mp4") == []
    assert (kept.any(SPEECH), kept.any(OCR)) == (True, True)


def test_a_batch_that_fails_leaves_no_words(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    intake = Intake(filled.catalog, ("frames", "1"))
    (file_id,) = intake.take_in([FoundFile(b"/a.mp4", "video", 1, 1, 1)], [], [])

    def power_fails(*_: object) -> None:
        raise OSError("power fails")

    monkeypatch.setattr("retrieval.store.intake.write_failures", power_fails)
    with pytest.raises(OSError, match="power fails"):
        intake.write(filled.space(), [record(file_id, {V1: [said("hello")]})], [])
    assert (count(filled), found(filled, "hello")) == (0, [])


def test_words_of_another_source_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected words of speech, got those of ocr"):
        record(1, {V1: [said("EXIT", source=OCR)]})


def test_an_expert_that_runs_again_takes_the_place_of_its_last_words_alone(filled: Any) -> None:
    asset, other = filled.asset("/a.mp4", kind="video"), filled.asset("/b.mp4", kind="video")
    write(filled, other, {V1: [said("hello")]})
    write(filled, asset, {V1: [said("hello")], ("ocr", "1"): [said("EXIT", source=OCR)]})
    write(filled, asset, {V2: [said("good morning"), said("good night")]})
    assert (found(filled, "hello"), found(filled, "good")) == ([other], [asset])
    assert found(filled, "exit", source=OCR) == [asset]
    write(filled, asset, {V2: []})
    write(filled, asset, {})
    assert (found(filled, "good"), count(filled)) == ([], 2)


def test_words_are_found_in_one_utterance_of_their_source(filled: Any) -> None:
    asset, other = filled.asset("/a.mp4", kind="video"), filled.asset("/b.mp4", kind="video")
    write(filled, asset, {V1: [said("Happy birthdays to you"), said("we sing")]})
    write(filled, other, {V1: [said("birthday " + "and many more words " * 9)]})
    assert found(filled, "birthday") == [asset, other]
    assert found(filled, "happy birthday") == [asset]
    assert found(filled, "happy", "sing") == found(filled, "birthday", source=OCR) == found(filled) == []


def test_the_best_places_are_quoted(filled: Any) -> None:
    asset = filled.asset("/a.mp4", kind="video")
    write(filled, asset, {V1: [said("the dog barks\nat a cat", 3), said("a cat", 7), said("dog", 9)]})
    with filled.catalog.engine.connect() as connection:
        quotes = timed_quotes(connection, SPEECH, ["cat"], [asset, 99], 5)
        assert quotes == {asset: [Quote(7, 9, "a cat"), Quote(3, 5, "the dog barks at a cat")]}
        assert timed_quotes(connection, SPEECH, ["cat", "dog"], [asset], 5)[asset][0].start_seconds == 3
        assert timed_quotes(connection, SPEECH, ["cat", "submarine"], [asset], 1) == {asset: [Quote(7, 9, "a cat")]}
        assert timed_quotes(connection, SPEECH, [], [asset], 1) == {}


def test_what_is_forgotten_can_not_be_read_from_the_database(filled: Any) -> None:
    asset = filled.asset("/a.mp4", kind="video")
    write(filled, asset, {V1: [said("the password is xylophone")]})
    eraser = Eraser(filled.catalog)
    assert eraser.forget([file.id for file in eraser.known(None)]) == 1
    assert (count(filled), found(filled, "xylophone")) == (0, [])
    filled.catalog.checkpoint()
    assert b"xylophone" not in (filled.folder / "catalog.sqlite").read_bytes()


def test_the_index_is_made_again_from_the_rows(filled: Any) -> None:
    asset = filled.asset("/a.mp4", kind="video")
    with filled.catalog.engine.begin() as connection:
        drop_timed_text_index(connection)
    write(filled, asset, {V1: [said("hello")]})  # kept all the same, by whatever engine has no such index
    assert found(filled, "hello") == []
    fill_text_index(filled.catalog)
    assert found(filled, "hello") == [asset]
    filled.execute("DROP TABLE timed_text_index_1_data")
    rebuild_text_index(filled.catalog)
    assert found(filled, "hello") == [asset]


@pytest.mark.parametrize("word", ['"', "dog*", "text:dog", "NEAR(", "AND", "dog -cat", "'", "^dog", "\0", "\ue000"])
def test_signs_of_the_search_language_are_signs(filled: Any, word: str) -> None:
    write(filled, filled.asset("/a.mp4", kind="video"), {V1: [said("dog")]})
    found(filled, word)
    assert found(filled, word, "submarine") == []


def test_of_more_than_can_be_ranked_the_newest_are_and_of_a_filter_those_that_meet_it(
    filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.store.timed_text_index.RANKED_MOST", 2)
    monkeypatch.setattr("retrieval.store.text_lookup.RANKED_MOST", 2)
    assets = [filled.asset(f"/{place}/{place}.mp4", kind="video") for place in range(4)]
    for asset in assets:
        write(filled, asset, {V1: [said("good morning")]})
    texts = TextLookup(filled.catalog, lambda line: None)
    assert texts.timed(SPEECH, ["morning"]) == assets[2:]
    assert texts.timed(SPEECH, ["morning"], up_to=assets[2]) == assets[1:3]
    assert texts.timed(SPEECH, ["morning"], wanted=file_filter(under=b"/0")) == assets[:1]
    assert texts.timed_among(SPEECH, ["morning"], assets[:2]) == set(assets[:2])
    write(filled, assets[3], {V1: [said("good morning"), said("a dog")]})
    assert texts.timed(SPEECH, ["morning"], without=[["dog"]]) == assets[1:3]
