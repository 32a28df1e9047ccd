"""What a query means: words left over, what it is against, its filter, and what people are told of it."""

from __future__ import annotations

import os
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.errors import QueryError
from retrieval.search.fields import FIELDS, INSTEAD
from retrieval.search.query import LETTERS_MOST, Term
from retrieval.search.query_words import content_words
from retrieval.search.reading import read_query
from retrieval.search.written import quoted
from retrieval.store.descriptions import fill_text_index
from retrieval.store.file_filter import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Bears,
    Below,
    Camera,
    Compared,
    Depicts,
    FileFilter,
    FileName,
    HasPlace,
    HasSound,
    HasWords,
    InFolder,
    Lens,
    Near,
    Not,
    OfKind,
    Quantity,
    Says,
    Sign,
    Spoken,
    Suffix,
    Taken,
)
from retrieval.store.text_lookup import TextLookup
from retrieval.types import MediaKind, TextSource

VIDEO = OfKind(MediaKind.VIDEO)


@pytest.mark.parametrize(
    "text",
    [
        "a dog leaps for a frisbee",
        "  spaces   are left  ",
        "breaking: fire at 12:30",
        "a dog (brown) and a cat",
        "note to self: well-known faces - at -5 °C",
        "see https://example.org/a:b or mail:x",
        "don't; 5'10\" tall :) a) b) 50/50 #tag @name",
        "10^2 = 100",
        "not this or that and those",
        "LOST AND FOUND OR NOT",
    ],
)
def test_ordinary_sentences_are_left_as_they_are(text: str) -> None:
    reading = read_query(text)
    assert (reading.text, reading.read_as, reading.notices, reading.wanted) == (text, None, (), EVERYTHING)
    assert not reading.phrases + reading.stressed + reading.against


def test_all_of_it_together() -> None:
    reading = read_query('beach at "golden sands" sunset^2 -people -"a crowd"^0.5 kind:video tag:"red car"')
    assert reading.text == "beach at golden sands sunset"
    assert reading.phrases == ("golden sands",)
    assert reading.stressed == (Term("sunset", 2),)
    assert reading.against == (Term("people"), Term("a crowd", 0.5))
    assert reading.wanted == AllOf((VIDEO, Bears("red car")))
    assert reading.read_as == (
        "“beach at golden sands sunset”; “sunset” × 2; less of “people”; less of “a crowd” × 0.5; "
        'only kind:video tag:"red car"'
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("kind:picture", OfKind(MediaKind.PICTURE)),
        ("kind:Videos", VIDEO),
        ("kind:photo", OfKind(MediaKind.PICTURE)),
        ("after:2024-06", Taken(after=datetime(2024, 6, 1))),
        ("before:2024", Taken(before=datetime(2024, 1, 1))),
        ("on:2024", Taken(datetime(2024, 1, 1), datetime(2025, 1, 1))),
        ("on:2024-12", Taken(datetime(2024, 12, 1), datetime(2025, 1, 1))),
        ("on:2024-02-28", Taken(datetime(2024, 2, 28), datetime(2024, 2, 29))),
        ("on:20240228", Taken(datetime(2024, 2, 28), datetime(2024, 2, 29))),
        ("on:2024-02-28T18:30", Taken(datetime(2024, 2, 28, 18, 30), datetime(2024, 2, 28, 18, 31))),
        ("under:Holidays", InFolder("Holidays")),
        ("under:/media/disk/", Below(b"/media/disk")),
        ("tag:dog", Bears("dog")),
        ("person:Anna", Depicts("Anna")),
        ('text:"happy birthday"', Says("happy birthday")),
        ("camera:nikon", Camera("nikon")),
        ("lens:50mm", Lens("50mm")),
        ("name:IMG_12*", FileName("IMG_12*")),
        ("ext:.JPG", Suffix("JPG")),
        ("near:48.85,2.35,10km", Near(48.85, 2.35, 10_000)),
        ('near:"-33.9, 18.4, 500 m"', Near(-33.9, 18.4, 500)),
        ("duration:>30s", Compared(Quantity.DURATION_SECONDS, Sign.ABOVE, 30)),
        ("duration:<=1m30s", Compared(Quantity.DURATION_SECONDS, Sign.AT_MOST, 90)),
        ("duration:>=1:02:03", Compared(Quantity.DURATION_SECONDS, Sign.AT_LEAST, 3723)),
        ("duration:<2h", Compared(Quantity.DURATION_SECONDS, Sign.BELOW, 7200)),
        (
            "duration:10s..1:30",
            AllOf(
                (
                    Compared(Quantity.DURATION_SECONDS, Sign.AT_LEAST, 10),
                    Compared(Quantity.DURATION_SECONDS, Sign.AT_MOST, 90),
                )
            ),
        ),
        (
            "width:1920",
            AllOf(
                (Compared(Quantity.WIDTH, Sign.AT_LEAST, 1919.5), Compared(Quantity.WIDTH, Sign.BELOW, 1920.5))
            ),
        ),
        ("height:<600", Compared(Quantity.HEIGHT, Sign.BELOW, 600)),
        ("megapixels:>=12", Compared(Quantity.PIXELS, Sign.AT_LEAST, 12e6)),
        ("rating:>=4", Compared(Quantity.RATING, Sign.AT_LEAST, 4)),
        ("has:sound", HasSound()),
        ("has:place", HasPlace()),
        ("-kind:video", Not(VIDEO)),
        ("kind:video or not tag:dog", AnyOf((VIDEO, Not(Bears("dog"))))),
        ("has:speech", HasWords(TextSource.SPEECH)),
        ("-has:Text", Not(HasWords(TextSource.OCR))),
        ("said:hello", Spoken("hello")),
        ('kind:video or said:"happy birthday"', AnyOf((VIDEO, Spoken("happy birthday")))),
    ],
)  # fmt: skip
def test_fields_are_conditions(text: str, wanted: FileFilter) -> None:
    reading = read_query(text)
    assert (reading.text, reading.wanted) == ("", wanted)


def test_places_on_this_machine_begin_with_a_slash_a_dot_or_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/anna")
    assert read_query("under:./a").wanted == Below(os.fsencode(tmp_path / "a"))
    assert read_query("under:~/a").wanted == Below(b"/home/anna/a")


@pytest.mark.parametrize(
    "text",
    [
        "kind:movie", "after:yesterday", "before:24", "on:9999", "on:2024-13", "under:/..//", 'under:" "', "tag:-",
        'tag:""', "person:?", "text:…", "near:me", "near:91,0,1km", "near:1,2,3", "near:1,2,3miles", "duration:long",
        "duration:>", "duration:1..", "duration:..", "width:nan", "width:inf", "height:>1e99", "megapixels:x",
        "rating:6", "rating:4.5", "rating:good", "ext:.", "ext:a/b", "has:dog", "said:?", "name:*",
    ],
)  # fmt: skip
def test_a_bad_value_says_what_was_expected_with_a_caret_under_it(text: str) -> None:
    if text == "under:/..//":  # the root: all there is
        assert read_query(text).wanted == Below(b"/")
        return
    name, _, value = text.partition(":")
    with pytest.raises(QueryError, match=rf"^{name}: can't be .*; expected .+") as caught:
        read_query(f"a dog {text} at noon")
    _, shown, caret = str(caught.value).split("\n")
    assert shown[caret.index("^") : caret.rindex("^") + 1] == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kin:video", "kin:video is read as words; if a field is meant, it is kind:"),
        ("tags:dog", "tags:dog is read as words; if a field is meant, it is tag:"),
        ("type:video", "type:video is read as words; if a field is meant, it is kind:"),
        ("a kind: video", "kind: is read as a word; a field has its value without a space, such as kind:value"),
        ("speech:hello", "speech:hello is read as words; if a field is meant, it is said:"),
        (
            "(dog kind:video) or kind:picture",
            "words beside an or in brackets with fields count as if they stood outside",
        ),
        ("-(dog kind:video)", "words after a minus in brackets with fields count as if they stood outside of them"),
    ],
)
def test_what_may_have_been_meant_otherwise_is_told_and_not_refused(text: str, line: str) -> None:
    (notice,) = read_query(text).notices
    assert notice.startswith(line)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("not (kind:video or tag:dog) x", "“x”; only -(kind:video or tag:dog)"),
        ("(tag:a tag:b) or kind:video", "only ((tag:a tag:b) or kind:video)"),
        ("-(tag:a and tag:b)", "only -(tag:a tag:b)"),
        ("tag:“a (b)”", 'only tag:"a (b)"'),
        ("-people", "less of “people”"),
    ],
)
def test_the_reading_is_told(text: str, shown: str) -> None:
    assert read_query(text).read_as == shown


def test_a_text_that_is_too_long_or_none_is_refused_first() -> None:
    with pytest.raises(QueryError, match="has 100,001 letters"):
        read_query('"' * (LETTERS_MOST + 1))
    with pytest.raises(QueryError, match="bytes that are not UTF-8"):
        read_query('caf\udce9 "')


def test_terms_are_read_once_and_not_endlessly_many() -> None:
    assert read_query("beach " + "-w " * 15_000).against == (Term("w"),)
    assert read_query("sun^2 " * 100).stressed == (Term("sun", 2),)
    letters = [f"-{first}{second}" for first in "abcdefgh" for second in "abcdefgh"]
    assert len(read_query(" ".join(letters[:50])).against) == 50
    with pytest.raises(QueryError, match=r"more than 50 words are negated or weighted; leave some out\n.*\n +\^\^$"):
        read_query(" ".join([*letters[:49], "sun^2", "-xy", "rest"]))


def test_fields_are_not_endlessly_many() -> None:
    names = [f"name:a{number}" for number in range(1200)]
    assert isinstance(read_query(" or ".join(names[:200])).wanted, AnyOf)
    with pytest.raises(QueryError, match=r"there are more than 200 fields; leave some out\n.*\n +\^{4}$"):
        read_query(" or ".join(names))


def test_a_long_query_is_told_shortened() -> None:
    read_as = read_query("word " * 10_000 + "-people").read_as
    assert read_as is not None
    assert (len(read_as), read_as[-1]) == (1000, "…")


def test_every_field_has_an_example_that_it_takes() -> None:
    assert set(INSTEAD.values()) <= set(FIELDS)
    assert not set(INSTEAD) & set(FIELDS)


_PIECES = st.sampled_from(
    [
        "beach", "-people", '"a b"', "sun^2", "kind:video", "tag:dog", "or", "and", "not", "-(", "(", ")",
        "near:1,2,3km", "duration:>3s", "on:2024", "has:speech", "said:x", "kin:x", "-", "^", '"', "under:x", ":",
        "rating:>=4", "a)",
    ]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=12).map(" ".join) | st.lists(_PIECES, max_size=12).map("".join) | st.text())
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reading = read_query(text)
    except QueryError:
        return
    assert isinstance(reading.wanted, FileFilter)
    if reading.read_as is not None and reading.wanted and "; " not in reading.read_as:
        # What is told of the filter is a query that means the same.
        assert read_query(reading.read_as.removeprefix("only ")).wanted == reading.wanted


@given(st.sampled_from(["tag", "person", "camera", "text"]), st.text(st.characters(exclude_categories=["Cs"])))
def test_values_come_back_from_the_reading(name: str, value: str) -> None:
    value = f"a{value}b"
    reading = read_query(f"{name}:{quoted(value)}")
    assert reading.read_as is not None
    assert read_query(reading.read_as.removeprefix("only ")).wanted == reading.wanted


SENTENCES = (Path(__file__).parent / "ordinary_sentences.txt").read_text(encoding="utf-8").splitlines()


def test_no_ordinary_sentence_is_refused_or_taken_for_something_else(library: Any) -> None:
    assert len(set(SENTENCES)) == len(SENTENCES) >= 500
    assert sum(":" in line for line in SENTENCES) >= 100
    assert sum("-" in line for line in SENTENCES) >= 200
    assert sum(not {'"', "'", "“", "„"}.isdisjoint(line) for line in SENTENCES) >= 100
    fill_text_index(library.catalog)
    texts = TextLookup(library.catalog, pytest.fail)
    for line in SENTENCES:
        reading = read_query(line)
        assert (reading.wanted, reading.against) == (EVERYTHING, ()), line
        assert texts.holding_all(content_words(reading.text)) == [], line


_LETTERS = "abkz \t\n:;-_()\"'^2.0<>=*\\/“”„éß日🎈\0\u202e\ud800"
_PARTS = [
    *_LETTERS,
    *(f"{name}:" for name in FIELDS),
    " and ",
    " or ",
    " not ",
    '"',
    ")",
    "^2 ",
    "2024",
    ">30s",
    "1,2,3km",
]


def test_random_strings_raise_nothing_but_the_parser_s_own() -> None:
    count = 100_000
    generator = random.Random(6)
    refused = 0
    for _ in range(count):
        text = "".join(generator.choices(_PARTS, k=generator.randrange(1, 40)))
        try:
            read_query(text)
        except QueryError:
            refused += 1
    assert count / 20 < refused < count  # some were read, and some were not
