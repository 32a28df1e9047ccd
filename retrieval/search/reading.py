"""How a query is read: which of it is meaning, which is a filter, and what a person should be told about that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from retrieval.errors import QueryError
from retrieval.search.fields import FIELDS, INSTEAD
from retrieval.search.language import Both, Either, Field, Negated, Node, Word, error_at, has_fields, parse
from retrieval.search.query import Term, check_text
from retrieval.search.written import field_text
from retrieval.store.file_filter import EVERYTHING, FileFilter, Not, all_of, any_of

__all__ = ["Reading", "read_query"]

_NEAR_MISS = 0.75
_FIELD_LIKE = re.compile(r"([A-Za-z]{2,}):(?!//)\S+", re.DOTALL)
_ALONE = re.compile(r"([A-Za-z]+):")
_NOTICED_MOST = 5
_TERMS_MOST = 50
"""Each is embedded by itself, which takes milliseconds."""
_FIELDS_MOST = 200
"""SQLite takes an expression of some 1,000 conditions."""
_TOLD_LETTERS = 1000


@dataclass(frozen=True, slots=True)
class Reading:
    """A query taken apart."""

    text: str
    """The words left over: what is to be seen. The whole query, unchanged, where nothing in it is special."""
    phrases: tuple[str, ...] = ()
    """Words in quotes, which belong to ``text`` too: people's words must hold them in their order."""
    stressed: tuple[Term, ...] = ()
    """Words of ``text`` with weights other than 1."""
    against: tuple[Term, ...] = ()
    """What is not to be seen."""
    wanted: FileFilter = EVERYTHING
    tags: tuple[Field, ...] = ()
    """The fields that name tags, in their places: whether there are such tags is not known here."""
    notices: tuple[str, ...] = ()
    read_as: str | None = None
    """The reading in one line; None where nothing in the query is special."""


def read_query(text: str) -> Reading:
    """The reading of ``text``.

    Raises:
        QueryError: a quote or bracket is unbalanced, a known field has a value that it can't have, or there are more
            than 50 negated or weighted terms, or than 200 fields; a caret is under the place.
    """
    check_text(text)
    tree = parse(text, FIELDS)
    _check_fields(text, tree)
    reader = _Reader(text)
    wanted = reader.filter_of(tree) or EVERYTHING
    words = list(_words_of(tree))
    _check_terms(text, words)
    plain = [word for word, negated in words if not negated]
    against = _terms(word for word, negated in words if negated)
    is_special = has_fields(tree) or bool(against) or any(word.weight != 1 or word.is_phrase for word in plain)
    reading = Reading(
        text=_text_of(plain) if is_special else text,
        phrases=tuple(word.text for word in plain if word.is_phrase and word.text.strip()),
        stressed=_terms(word for word in plain if word.weight != 1),
        against=against,
        wanted=wanted,
        tags=tuple(reader.tags),
        notices=tuple(dict.fromkeys([*reader.notices, *_notices(plain)])),
    )
    return _told(reading, _shown(tree)) if is_special else reading


def _terms(words: Iterable[Word]) -> tuple[Term, ...]:
    """Each once, however often it is said."""
    return tuple(dict.fromkeys(Term(word.text.strip(), word.weight) for word in words if word.text.strip()))


def _check_terms(text: str, words: Iterable[tuple[Word, bool]]) -> None:
    known: set[tuple[str, float, bool]] = set()
    for word, negated in words:
        if (negated or word.weight != 1) and word.text.strip():
            known.add((word.text.strip(), word.weight, negated))
        if len(known) > _TERMS_MOST:
            message = f"more than {_TERMS_MOST} words are negated or weighted; leave some out"
            raise error_at(text, word.start, word.end, message)


def _check_fields(text: str, tree: Node) -> None:
    for number, field in enumerate(_fields_of(tree)):
        if number == _FIELDS_MOST:
            raise error_at(text, field.start, field.end, f"there are more than {_FIELDS_MOST} fields; leave some out")


class _Reader:
    """Turns fields into conditions."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.notices: list[str] = []
        self.tags: list[Field] = []

    def filter_of(self, node: Node) -> FileFilter | None:
        """All that ``node`` asks for; None where that is nothing."""
        match node:
            case Word():
                return None
            case Field():
                return self._of_field(node)
            case Negated(part):
                self._warn_of_words(part, "after a minus")
                inner = self.filter_of(part)
                return None if inner is None else Not(inner)
            case Both(parts):
                met = [found for part in parts if (found := self.filter_of(part)) is not None]
                return all_of(*met) if met else None
            case Either(parts):
                for part in parts:
                    self._warn_of_words(part, "beside an or")
                met = [found for part in parts if (found := self.filter_of(part)) is not None]
                return any_of(*met) if met else None

    def _of_field(self, field: Field) -> FileFilter | None:
        rule = FIELDS[field.name]
        if field.name == "tag":
            self.tags.append(field)
        try:
            return rule.read(field.value)
        except (ValueError, LookupError, OverflowError, QueryError) as error:
            message = f"{field.name}: can't be {_short(field.value)!r}; expected {rule.expected}"
            raise error_at(self._text, field.start, field.end, message) from error

    def _warn_of_words(self, part: Node, where: str) -> None:
        if has_fields(part) and any(True for _ in _words_of(part)):
            self.notices.append(f"words {where} in brackets with fields count as if they stood outside of them")


def _words_of(node: Node, *, negated: bool = False) -> Iterator[tuple[Word, bool]]:
    """Every word, and whether it is negated."""
    match node:
        case Word():
            yield node, negated
        case Negated(part):
            yield from _words_of(part, negated=not negated)
        case Both(parts) | Either(parts):
            for part in parts:
                yield from _words_of(part, negated=negated)


def _fields_of(node: Node) -> Iterator[Field]:
    match node:
        case Field():
            yield node
        case Negated(part):
            yield from _fields_of(part)
        case Both(parts) | Either(parts):
            for part in parts:
                yield from _fields_of(part)


def _text_of(words: list[Word]) -> str:
    """The words as one text; what touched, such as a bracket and its word, still does."""
    pieces: list[str] = []
    end: int | None = None
    for word in words:
        pieces += ["" if end in (None, word.start) else " ", word.text]
        end = word.end
    return " ".join("".join(pieces).split())


def _notices(words: list[Word]) -> Iterator[str]:
    """Words that look as if they were meant to be fields."""
    given = 0
    for place, word in enumerate(words):
        line = _notice(word, is_last=place + 1 == len(words))
        if line is not None and (given := given + 1) <= _NOTICED_MOST:
            yield line


def _notice(word: Word, *, is_last: bool) -> str | None:
    if word.is_phrase:
        return None
    if (found := _ALONE.fullmatch(word.text)) and not is_last and found[1].casefold() in FIELDS:
        return f"{word.text} is read as a word; a field has its value without a space, such as {word.text}value"
    if (found := _FIELD_LIKE.fullmatch(word.text)) is None or found[1].casefold() in FIELDS:
        return None
    name = found[1].casefold()
    meant = INSTEAD.get(name) or next(iter(get_close_matches(name, FIELDS, 1, _NEAR_MISS)), None)
    if meant is None:
        return None
    return f"{_short(word.text)} is read as words; if a field is meant, it is {meant}:"


def _told(reading: Reading, fields: str) -> Reading:
    """With the line that says how it was read."""
    weights = [f"“{term.text}” × {term.weight:g}" for term in reading.stressed]
    is_one_term = [term.text for term in reading.stressed] == [reading.text]
    parts = [f"“{reading.text}”"] if reading.text and not is_one_term else []
    parts += weights
    parts += [f"less of “{term.text}”{_times(term)}" for term in reading.against]
    parts += [f"only {fields}"] if fields else []
    line = "; ".join(parts)
    cut = line if len(line) <= _TOLD_LETTERS else line[: _TOLD_LETTERS - 1] + "…"
    return replace(reading, read_as=cut or None)


def _times(term: Term) -> str:
    return "" if term.weight == 1 else f" × {term.weight:g}"


def _shown(node: Node) -> str:
    """The fields of ``node`` as one would write them; empty where none is left."""
    match node:
        case Field(name, value):
            return field_text(name, value)
        case Word():
            return ""
        case Negated(part):
            return f"-{shown}" if (shown := _bracketed(part)) else ""
        case Both(parts):
            return " ".join(_shown_parts(parts))
        case Either(parts):
            shown_parts = _shown_parts(parts)
            return f"({' or '.join(shown_parts)})" if len(shown_parts) > 1 else "".join(shown_parts)


def _shown_parts(parts: Sequence[Node]) -> list[str]:
    return [shown for part in parts if (shown := _bracketed(part))]


def _bracketed(node: Node) -> str:
    """As a part of something else."""
    if isinstance(node, Both) and len(parts := _shown_parts(node.parts)) > 1:
        return f"({' '.join(parts)})"
    return _shown(node)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
