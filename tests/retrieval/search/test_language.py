"""The tree of a query: what is a field, a word, a joiner; and where a message points."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retrieval.errors import QueryError
from retrieval.search.language import (
    Both,
    Either,
    Field,
    Negated,
    Node,
    Word,
    error_at,
    has_fields,
    parse,
)
from retrieval.search.written import quoted, written

FIELDS = ("kind", "tag", "text")


def told(node: Node) -> str:
    """A tree as one line, with every bracket that it has."""
    match node:
        case Word(text, weight=weight, is_phrase=is_phrase):
            return (f"<{text}>" if is_phrase else text) + (f"^{weight:g}" if weight != 1 else "")
        case Field(name, value):
            return f"{name}={value}"
        case Negated(part):
            return f"!{told(part)}"
        case Both(parts):
            return f"[{' '.join(map(told, parts))}]"
        case Either(parts):
            return f"{{{' | '.join(map(told, parts))}}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "[]"),
        ("a dog on a beach", "[a dog on a beach]"),
        ("breaking: fire at 12:30", "[breaking: fire at 12:30]"),
        ("kind:video dog", "[kind=video dog]"),
        ("KIND:video Tag:Dog", "[kind=video tag=Dog]"),
        ("kind: video", "[kind: video]"),
        ("what kind:", "[what kind:]"),
        ('tag:"red car" x', "[tag=red car x]"),
        ("tag:“red car”", "[tag=red car]"),
        (r'tag:"a \"b\" \\ \c"', r'[tag=a "b" \ \c]'),
        ("-people", "[!people]"),
        ('beach -"a crowd"', "[beach !<a crowd>]"),
        ("-(a crowd) x", "[!<a crowd> x]"),
        ("-kind:video", "[!kind=video]"),
        ("well-known - dash -5 --x", "[well-known - dash -5 --x]"),
        ("sunset^2 beach^0.5 10^2 a^b ^2 x^", "[sunset^2 beach^0.5 10^2 a^b ^2 x^]"),
        ('"red car"^3 -people^2 sun^99', "[<red car>^3 !people^2 sun^10]"),
        ("cats and dogs or not", "[cats and dogs or not]"),
        ("kind:video or tag:dog", "[{kind=video | tag=dog}]"),
        ("kind:video OR tag:a AND tag:b", "[{kind=video | [tag=a tag=b]}]"),
        ("kind:video or tag:a tag:b", "[{kind=video | tag=a} tag=b]"),
        ("(kind:video or tag:a) and tag:b", "[[[{kind=video | tag=a}] tag=b]]"),
        ("not kind:video and not tag:a", "[[!kind=video !tag=a]]"),
        ("not (kind:video or tag:a)", "[![{kind=video | tag=a}]]"),
        ("kind:video or beach", "[kind=video or beach]"),
        ("this or kind:video", "[this or kind=video]"),
        ('kind:video "or" tag:a', "[kind=video <or> tag=a]"),
        ("a dog (brown) runs", "[a dog ( brown ) runs]"),
        ("(beach kind:video) x", "[[beach kind=video] x]"),
        ("(tag:a(b))", "[[tag=a(b)]]"),
        ('f(x) :) ;-) a) 5\'10" 12"', '[f(x) :) ;-) a) 5\'10" 12"]'),
        ("(kind:)", "[( kind: )]"),
        ("i) a ii) b 10) c", "[i) a ii) b 10) c]"),
    ],
)
def test_trees(text: str, expected: str) -> None:
    assert told(parse(text, FIELDS)) == expected


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ('a "dog', 'this quote is never closed; expected " after it', 2),
        ("a “dog", "this quote is never closed; expected ” after it", 2),
        ('tag:"dog', "this quote is never closed", 4),
        ("(kind:video", "this bracket is never closed; expected ) after it", 0),
        ("a (dog", "this bracket is never closed", 2),
        ("a (dog (b)", "this bracket is never closed", 2),
        ("beach) x", "this bracket closes what was never opened", 5),
        ("kind:video)", "this bracket closes what was never opened", 10),
        ("(" * 51 + ")" * 51, "brackets are nested deeper than 50", 40),
    ],
)
def test_errors_have_a_caret_under_their_place(text: str, message: str, place: int) -> None:
    with pytest.raises(QueryError, match=r"^this|^brackets") as caught:
        parse(text, FIELDS)
    said, shown, caret = str(caught.value).split("\n")
    assert message in said
    assert caret == " " * (2 + place + shown.startswith("  …")) + "^"


def test_a_caret_stands_under_what_a_terminal_shows() -> None:
    said, shown, caret = str(error_at("日本 x\ty\x1b é!", 3, 4, "no")).split("\n")
    assert (said, shown, caret) == ("no", "  日本 x y? é!", "       ^")
    long = "a" * 100 + "b" + "c" * 100
    _, shown, caret = str(error_at(long, 100, 101, "no")).split("\n")
    assert shown[caret.index("^")] == "b"
    assert len(shown) < 100


_SIGNS = st.lists(st.sampled_from([*"ab:-\"'()^2 \\.“”", "kind:", "tag:", " or ", " not ", " and "]), max_size=40).map(
    "".join
)


@given(_SIGNS | st.text(max_size=60))
@example("-(" * 60)
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused_with_a_caret(text: str) -> None:
    try:
        tree = parse(text, FIELDS)
    except QueryError as error:
        assert "^" in str(error).split("\n")[2]  # noqa: PT017 whether it raises is not what is asked
    else:
        assert has_fields(tree) <= any(f"{name}:" in text.lower() for name in FIELDS)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4))
def test_what_is_quoted_is_meant_to_the_letter(values: list[str]) -> None:
    tree = parse(" ".join(f"tag:{quoted(value)} -{quoted(value)} {quoted(value)}" for value in values), FIELDS)
    found = [
        part.value if isinstance(part, Field) else part.part.text if isinstance(part, Negated) else part.text
        for part in tree.parts
    ]
    assert found == [value for value in values for _ in range(3)]


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), max_size=8))
def test_plain_words_are_words(words: list[str]) -> None:
    assert parse(" ".join(words), FIELDS).parts == tuple(
        part for part in parse(" ".join(words), ()).parts if isinstance(part, Word)
    )


def _placeless(node: Node) -> object:
    """A tree without the places of its parts."""
    match node:
        case Word(text, weight=weight, is_phrase=is_phrase):
            return text, weight, is_phrase
        case Field(name, value):
            return name, value
        case Negated(part):
            return "not", _placeless(part)
        case Both(parts) | Either(parts):
            return type(node).__name__, tuple(map(_placeless, parts))


_VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_WORDS = st.sampled_from(["beach", "sun^2", "and", "or", "not", "-people", "12:30", "a)", "well-known", "kin:x", "^2"])
_LEAVES = (
    st.builds(lambda name, value: f"{name}:{quoted(value)}", st.sampled_from(FIELDS), _VALUES)
    | st.builds(lambda value, weight: f"{quoted(value)}^{weight}", _VALUES, st.sampled_from(["0", "0.5", "1", "12"]))
    | _VALUES.map(quoted)
    | _WORDS
)
_QUERIES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.builds(" ".join, st.lists(inner, min_size=1, max_size=4))
        | st.builds("({})".format, inner)
        | st.builds("-({})".format, inner)
        | st.builds("not {}".format, inner)
        | st.builds("{} or {}".format, inner, inner)
        | st.builds("{} and {}".format, inner, inner)
    ),
    max_leaves=12,
)


@given(_QUERIES | _SIGNS)
@example("not not kind:video")
@example("not not kind:a or tag:b")
@example("not -(not (kind:a))")
@example("not not kind:a and kind:b")
@example("(kind:a b(c )")
@settings(max_examples=500, deadline=None)
def test_what_is_written_is_read_as_the_same_tree(query: str) -> None:
    try:
        tree = parse(query, FIELDS)
    except QueryError:
        return
    assert _placeless(parse(written(tree), FIELDS)) == _placeless(tree)


def test_a_hundred_thousand_letters_take_no_time() -> None:
    for sign in ("a^", "a:", "-", "a ", ")", "kind:x or ", "f(", '""', "\\", "not "):
        assert parse(sign * (100_000 // len(sign)), FIELDS)
