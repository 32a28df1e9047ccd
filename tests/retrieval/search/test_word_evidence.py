"""What is said and shown in video: who is found by it, where a hit opens, what is quoted, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.errors import QueryError
from retrieval.library import Library
from retrieval.search.query import By, Query
from retrieval.search.searcher import Searcher
from retrieval.search.word_evidence import WordEvidence
from retrieval.store import speech_vectors
from retrieval.store.descriptions import fill_text_index, write_descriptions
from retrieval.store.file_filter import AnyOf, HasWords, Not, OfKind, Says, Spoken, all_of
from retrieval.store.lookup import Lookup
from retrieval.store.speech_vectors import SpeechVectors
from retrieval.store.timed_texts import write_timed_texts
from retrieval.types import Float32Array, MediaKind, TextSource, TimedText, Words

MakeSearcher = Callable[..., Searcher]
SPEECH, OCR = TextSource.SPEECH, TextSource.OCR
WORDS_AS_AXES = {"weather": 0, "rain": 0, "cooking": 1, "onions": 1}


@pytest.fixture
def filled(library: Any) -> Any:
    """Three videos of ten seconds and a picture; every text asks for the first axis: best 0.9, good 0.7, none 0."""
    fill_text_index(library.catalog)
    space = library.space()
    library.ids = {}
    for name, score in (("best", 0.9), ("good", 0.7), ("none", 0.0)):
        library.ids[name] = library.asset(f"/media/{name}.mp4", kind="video")
        library.embed(library.ids[name], space, [[score, 0.1, 0, 0], [0, 0, 1, 0]], [(0, 5), (5, 10)])
    library.ids["picture"] = library.asset("/media/picture.jpg")
    library.embed(library.ids["picture"], space, [[0.6, 0.1, 0, 0]])
    return library


def tell(library: Any, name: str, source: TextSource, *texts: tuple[float, float, str]) -> None:
    said = [TimedText(source, start, end, text, 0.9) for start, end, text in texts]
    with library.catalog.engine.begin() as connection:
        write_timed_texts(connection, {library.ids[name]: {(source.value, "1"): said}})


def nothing_is_near(texts: Sequence[str]) -> Float32Array:
    return np.zeros((len(texts), 384), np.float32)


def embed_by_axis(texts: Sequence[str]) -> Float32Array:
    """Sentences about weather lie on the first axis, about cooking on the second; all others on a third."""
    vectors = np.zeros((len(texts), 384), np.float32)
    for row, text in enumerate(texts):
        known = [axis for word, axis in WORDS_AS_AXES.items() if word in text]
        vectors[row, known[0] if known else 2 + row] = 1
    return vectors


def hear(library: Any, name: str, *texts: tuple[float, float, str], cosine: float = 1.0) -> None:
    """As the speech expert: words, and a vector for each utterance, so far from its sentence's own."""
    tell(library, name, SPEECH, *texts)
    vectors = embed_by_axis([text for _, _, text in texts]) * cosine
    vectors[:, 383] = np.sqrt(1 - cosine**2)
    library.track(library.ids[name], "speech", [[start, end] for start, end, _ in texts], vectors)


def names(result: Any) -> list[str]:
    return [hit.path.stem for hit in result.hits]


def why(hit: Any) -> list[tuple[str, str | None]]:
    return [(reason.source, reason.quote) for reason in hit.why]


def test_a_library_without_such_words_answers_as_ever(filled: Any, make_searcher: MakeSearcher) -> None:
    def no_sentences(_texts: Sequence[str]) -> Float32Array:
        raise AssertionError("nothing is said in this library")

    result = make_searcher(embed_sentences=no_sentences).search(Query("happy birthday"))
    assert names(result) == ["best", "good", "picture"]
    assert {reason.source for hit in result.hits for reason in hit.why} == {"frames"}


def test_what_is_said_is_found_quoted_and_opens_there(filled: Any, make_searcher: MakeSearcher) -> None:
    tell(filled, "none", SPEECH, (1, 2, "good morning"), (7.5, 9, "Happy birthdays to you"), (9, 10, "to you"))
    result = make_searcher().search(Query("happy birthday"))
    assert names(result) == ["none", "best", "good", "picture"]
    hit = result.hits[0]
    assert (hit.start_seconds, hit.end_seconds, hit.fits, hit.score) == (7.5, 9, True, 0.9)
    assert why(hit) == [("speech", "Happy birthdays to you"), ("frames", None)]
    share = round(64 / 125, 4)  # 1/61 by what is said, 1/64 by the frames
    assert hit.to_json()["why"][0] == {
        "source": "speech",
        "share": share,
        "quote": "Happy birthdays to you",
        "start_seconds": 7.5,
        "end_seconds": 9.0,
    }
    # The frames' only moment is the whole, in which it is said.
    assert [(moment.start_seconds, moment.end_seconds) for moment in hit.moments] == [(7.5, 9)]


def test_a_query_may_wrap_what_is_said(filled: Any, make_searcher: MakeSearcher) -> None:
    tell(filled, "none", SPEECH, (7.5, 9, "please call the plumber"))
    found = make_searcher(embed_sentences=nothing_is_near).search(
        Query("someone says to call the plumber", by=By.SPEECH)
    )
    assert names(found) == ["none"]
    assert found.hits[0].start_seconds == 7.5


def test_words_must_be_said_at_once(filled: Any, make_searcher: MakeSearcher) -> None:
    tell(filled, "none", SPEECH, (1, 2, "happy"), (3, 4, "birthday"))
    assert "none" not in names(make_searcher().search(Query("happy birthday")))


@pytest.mark.parametrize(
    ("text", "weights"), [("dog", {"speech": 0.5, "ocr": 1}), ("the dog barks", {"speech": 1, "ocr": 1})]
)
def test_a_single_word_that_is_said_counts_half(filled: Any, text: str, weights: dict[str, float]) -> None:
    tell(filled, "none", SPEECH, (1, 2, "the dog is not here: it barks"))
    tell(filled, "good", OCR, (1, 2, "DOG BARKS"))
    evidence = WordEvidence(filled.catalog, Lookup(filled.catalog), nothing_is_near, lambda line: None)
    assert {ranking.source: ranking.weight for ranking in evidence.find(Query(text), 20)} == weights


def test_what_is_written_on_the_screen_and_by_people_is_text(filled: Any, make_searcher: MakeSearcher) -> None:
    tell(filled, "none", OCR, (4, 6, "EXIT\nright"))
    tell(filled, "good", SPEECH, (4, 6, "take the exit"))
    with filled.catalog.engine.begin() as connection:
        write_descriptions(connection, {filled.ids["picture"]: Words(caption="the exit of a cave")})
    searcher = make_searcher()
    result = searcher.search(Query("exit", by=By.TEXT))
    assert sorted(names(result)) == ["none", "picture"]
    by_name = dict(zip(names(result), result.hits, strict=True))
    assert why(by_name["none"]) == [("ocr", "EXIT right")]
    assert why(by_name["picture"]) == [("caption", "the exit of a cave")]
    assert by_name["none"].start_seconds == 4
    assert names(searcher.search(Query("exit", by=By.SPEECH))) == ["good"]
    assert {hit.path.stem: why(hit) for hit in searcher.search(Query("exit")).hits} == {
        "best": [("frames", None)],
        "good": [("frames", None), ("speech", "take the exit")],
        "none": [("ocr", "EXIT right"), ("frames", None)],
        "picture": [("caption", "the exit of a cave"), ("frames", None)],
    }


def test_a_sound_is_found_by_what_is_said_in_it(filled: Any, make_searcher: MakeSearcher) -> None:
    filled.ids["memo"] = filled.asset("/media/memo.mp3", kind="sound")
    tell(filled, "memo", SPEECH, (30, 33, "buy milk and bread"))
    result = make_searcher().search(Query("milk bread", wanted=OfKind(MediaKind.SOUND)))
    (hit,) = result.hits
    assert (names(result), hit.start_seconds, result.notices) == (["memo"], 30, ())


def test_fields_find_whoever_says_it_and_open_there(filled: Any, make_searcher: MakeSearcher) -> None:
    tell(filled, "none", SPEECH, (3, 4, "hello there"), (7, 8, "hello again"))
    tell(filled, "good", OCR, (2, 3, "hello"))
    searcher = make_searcher()
    (hit,) = searcher.search(Query(wanted=Spoken("hello"))).hits
    assert (hit.path.stem, [moment.start_seconds for moment in hit.moments]) == ("none", [3, 7])
    assert [(reason.source, reason.share, reason.quote) for reason in hit.why] == [
        ("filter", 1.0, None),
        ("speech", 0.0, "hello there"),
    ]
    assert names(searcher.search(Query(wanted=Spoken("there hello")))) == []
    (shown,) = searcher.search(Query(wanted=Says("hello"))).hits
    assert (shown.path.stem, shown.start_seconds, why(shown)[1]) == ("good", 2, ("ocr", "hello"))
    assert names(searcher.search(Query(wanted=HasWords(SPEECH)))) == ["none"]
    denied = searcher.search(Query(wanted=all_of(Not(Spoken("hello")), OfKind(MediaKind.VIDEO))))
    assert sorted(names(denied)) == ["best", "good"]
    assert all(len(hit.why) == 1 for hit in denied.hits)
    assert sorted(names(searcher.search(Query(wanted=AnyOf((Spoken("hello"), HasWords(OCR))))))) == ["good", "none"]


def test_frames_rank_what_a_field_lets_through_and_it_opens_where_it_is_said(
    filled: Any, make_searcher: MakeSearcher
) -> None:
    tell(filled, "good", SPEECH, (8, 9, "hello"))
    (hit,) = make_searcher().search(Query("1 0 0 0", wanted=Spoken("hello"))).hits
    assert (hit.path.stem, hit.start_seconds) == ("good", 8)
    assert why(hit) == [("frames", None), ("speech", "hello")]
    assert [moment.start_seconds for moment in hit.moments] == [8, 0]


def test_the_language_reaches_speech_and_screen(filled: Any, space: Any) -> None:
    tell(filled, "none", SPEECH, (3, 4, "happy birthday"))
    with Library(filled.folder, spaces=lambda _: space) as library:
        assert names(library.search('said:"happy birthday"')) == ["none"]
        assert sorted(names(library.search("kind:video -has:speech"))) == ["best", "good"]
        assert names(library.search("has:text or said:birthday")) == ["none"]
        assert [text.text for text in library.timed_texts("/media/none.mp4")] == ["happy birthday"]
        assert library.timed_texts(filled.ids["none"]) == library.timed_texts("/media/none.mp4")
        assert library.timed_texts(99) == []


def test_speech_is_found_by_its_meaning_below_what_says_the_words(filled: Any, make_searcher: MakeSearcher) -> None:
    hear(filled, "none", (1, 2, "good morning"), (3, 5, "bring an umbrella, it will rain"))
    hear(filled, "good", (6, 7, "the weather today"))
    searcher = make_searcher(embed_sentences=embed_by_axis)
    result = searcher.search(Query("weather", by=By.SPEECH))
    assert names(result) == ["good", "none"]
    assert [hit.score for hit in result.hits] == [pytest.approx(0.9), pytest.approx(0.9, abs=1e-3)]
    assert why(result.hits[1]) == [("speech", "bring an umbrella, it will rain")]
    assert result.hits[1].start_seconds == 3
    fused = searcher.search(Query("weather"))
    assert set(names(fused)) == {"best", "good", "none", "picture"}
    evidence = WordEvidence(filled.catalog, Lookup(filled.catalog), embed_by_axis, lambda line: None)
    said, about = evidence.find(Query("weather today"), 20)
    assert [
        (asset.paths, weight) for asset, weight in ((said.assets[0], said.weight), (about.assets[0], about.weight))
    ] == [
        ((b"/media/good.mp4",), 1.0),
        ((b"/media/none.mp4",), 0.5),
    ]


@pytest.mark.parametrize(("cosine", "fits"), [(0.65, True), (0.55, False)])
def test_what_is_weakly_alike_never_fits(filled: Any, make_searcher: MakeSearcher, cosine: float, fits: bool) -> None:
    hear(filled, "none", (3, 5, "bring an umbrella, it will rain"), cosine=cosine)
    searcher = make_searcher(embed_sentences=embed_by_axis)
    assert ("none" in names(searcher.search(Query("weather")))) == fits
    result = searcher.search(Query("weather", by=By.SPEECH))
    assert (result.fits, names(result)) == (fits, ["none"] if fits else [])
    (hit,) = searcher.search(Query("weather", by=By.SPEECH, anyway=True)).hits
    assert (hit.fits, hit.score) == (fits, pytest.approx(cosine - 0.1, abs=2e-3))


def test_speech_that_is_added_changed_or_forgotten_is_followed(filled: Any, make_searcher: MakeSearcher) -> None:
    searcher = make_searcher(embed_sentences=embed_by_axis)

    def found() -> list[str]:
        return sorted(names(searcher.search(Query("weather", by=By.SPEECH))))

    assert found() == []
    hear(filled, "none", (3, 5, "it will rain"))
    assert found() == ["none"]
    hear(filled, "good", (3, 5, "rain again"))
    assert found() == ["good", "none"]
    filled.execute("DELETE FROM file WHERE asset_id = :id", id=filled.ids["none"])
    filled.execute("DELETE FROM asset WHERE id = :id", id=filled.ids["none"])
    assert found() == ["good"]
    filled.execute("DELETE FROM track WHERE expert = 'speech'")
    filled.execute("UPDATE timed_text SET version = '2'")
    assert found() == []


def test_more_utterances_than_are_kept_are_told(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_vectors, "UTTERANCES_MOST", 2)
    hear(filled, "best", (0, 1, "rain"), (1, 2, "onions"))
    hear(filled, "good", (0, 1, "rain"))
    lines: list[str] = []
    vectors = SpeechVectors(filled.catalog, Lookup(filled.catalog), 384, lines.append)
    near = vectors.nearest(embed_by_axis(["weather"])[0], 0.5, 10)
    assert [(each.asset_id, each.start_seconds) for each in near] == [(filled.ids["best"], 0)]
    assert lines == ["of 3 utterances the first 2 are compared by meaning; by their words all are found"]


def test_words_alone_take_no_pictures() -> None:
    with pytest.raises(QueryError, match="speech is searched by words alone"):
        Query("dog", images=(Path("a.jpg"),), by=By.SPEECH)
    assert Query(wanted=Spoken("x"), by=By.SPEECH)


def test_words_of_an_earlier_version_are_told(filled: Any, make_searcher: MakeSearcher) -> None:
    filled.execute("ALTER TABLE text_index_2 RENAME TO text_index_1")
    lines: list[str] = []
    make_searcher(notice=lines.append).search(Query("dog"))
    assert "what people wrote is indexed anew by the next `vidi index`, or by `vidi rebuild`" in lines
