"""The query language: from one line to a tree of words and fields that says where each of them stands.

    beach at sunset^2 -people -"a crowd" kind:video (tag:dog or tag:cat) text:"exit"

Ordinary sentences are ordinary: only known fields are fields, ``and``, ``or`` and ``not`` are words wherever they don't
stand between fields, and brackets around words are text. Only a quote or a bracket that is left open is an error.

The parser is our own. One from a library reads a grammar in which what doesn't match is an error; here nearly
nothing is an error, what a sign means depends on its neighbours, and every message has a place. Of parsers only
pyparsing comes with the packages that are installed anyway, for the sake of charts, and it would be one more thing to
import at each search.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from retrieval.errors import QueryError

__all__ = ["Both", "Either", "Field", "Negated", "Node", "Word", "error_at", "has_fields", "parse"]

WEIGHT_MOST = 10.0
_DEEPEST = 50
_SHOWN_BEFORE, _SHOWN_AFTER = 40, 40
_QUOTES = {'"': '"', "“": "”", "„": "“”"}
"""What opens a quotation, and what closes it."""
_FIELD = re.compile(r"([A-Za-z]+):(?=\S)")
_WEIGHT = re.compile(r"\^(\d{1,9}(?:\.\d{1,3})?)(?=[\s)]|$)")
_LIST_MARK = re.compile(r"(?:[ivxlc]+|\d+)\)", re.ASCII | re.IGNORECASE)
_JOINERS = ("and", "or")


# -- the tree ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or in quotes several; ``[start, end)`` of the query. ``weight`` is 1 unless ``^`` says otherwise."""

    text: str
    start: int
    end: int
    weight: float = 1.0
    is_phrase: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """``name:value``; the value is ``[start, end)`` of the query."""

    name: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Negated:
    """``-part``, or ``not part`` of a field."""

    part: Node


@dataclass(frozen=True, slots=True)
class Both:
    """All of ``parts``; in brackets unless it is the whole query, whose words then hold the brackets as text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of ``parts``, each of which has fields."""

    parts: tuple[Node, ...]


Node = Word | Field | Negated | Both | Either


def has_fields(node: Node) -> bool:
    """Whether a field stands anywhere in it."""
    match node:
        case Field():
            return True
        case Word():
            return False
        case Negated(part):
            return has_fields(part)
        case Both(parts) | Either(parts):
            return any(map(has_fields, parts))


def parse(text: str, fields: Collection[str]) -> Both:
    """The tree of a query, in which ``fields`` are known.

    Raises:
        QueryError: a quote or a bracket is left open or never opened, or they are nested deeper than 50.
    """
    return _Parser(text, list(_tokens(text, fields))).parse()


def error_at(text: str, start: int, end: int, message: str) -> QueryError:
    """``message``, the query below it, and a caret under each letter of ``[start, end)``."""
    first, last = max(0, start - _SHOWN_BEFORE), min(len(text), max(end, start + 1) + _SHOWN_AFTER)
    cut_before, cut_after = "…" if first else "", "…" if last < len(text) else ""
    shown = "".join(_on_one_line(sign) for sign in text[first:last])
    before = _columns(cut_before + "".join(map(_on_one_line, text[first:start])))
    under = max(1, _columns("".join(map(_on_one_line, text[start:end]))))
    return QueryError(f"{message}\n  {cut_before}{shown}{cut_after}\n  {' ' * before}{'^' * under}")


def _on_one_line(sign: str) -> str:
    return " " if sign.isspace() else sign if sign.isprintable() else "?"


def _columns(text: str) -> int:
    """How wide a terminal shows it: ideographs take two columns, combining marks none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


# -- from letters to tokens --------------------------------------------------------------------------------------


class _Kind(Enum):
    WORD = auto()
    FIELD = auto()
    MINUS = auto()
    OPEN = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    start: int
    end: int
    node: Word | Field | None = None


def _tokens(text: str, fields: Collection[str]) -> Iterator[_Token]:
    at, depth = 0, 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token = _token_at(text, at, depth, fields)
        depth += (token.kind is _Kind.OPEN) - (token.kind is _Kind.CLOSE)
        at = token.end
        yield token


def _token_at(text: str, at: int, depth: int, fields: Collection[str]) -> _Token:
    sign, following = text[at], text[at + 1 : at + 2]
    if sign == "-" and (following.isalpha() or following == "(" or following in _QUOTES):
        return _Token(_Kind.MINUS, at, at + 1)
    if sign == "(":
        return _Token(_Kind.OPEN, at, at + 1)
    if sign == ")" and depth:
        return _Token(_Kind.CLOSE, at, at + 1)
    if sign in _QUOTES:
        return _phrase_at(text, at)
    found = _FIELD.match(text, at)
    if found and found[1].casefold() in fields:
        token = _field_at(text, found[1].casefold(), found.end(), depth)
        if token is not None:
            return token
    return _word_at(text, at, depth)


def _phrase_at(text: str, at: int) -> _Token:
    value, end = _quotation(text, at)
    weight = _WEIGHT.match(text, end)
    end = weight.end() if weight else end
    return _Token(_Kind.WORD, at, end, Word(value, at, end, _weight(weight[1]) if weight else 1.0, is_phrase=True))


def _field_at(text: str, name: str, at: int, depth: int) -> _Token | None:
    """None where nothing is left of the value, as in ``(what kind:)``."""
    if text[at] in _QUOTES:
        value, end = _quotation(text, at)
    else:
        end = _run_end(text, at, depth)
        _check_opened(text, at, end, depth)
        value = text[at:end]
    return _Token(_Kind.FIELD, at, end, Field(name, value, at, end)) if end > at else None


def _word_at(text: str, at: int, depth: int) -> _Token:
    end = _run_end(text, at, depth)
    _check_opened(text, at, end, depth)
    mark = text.rfind("^", at, end)
    weight = _WEIGHT.match(text, mark) if mark > at else None
    if weight is None or weight.end() != end or not any(map(str.isalpha, text[at:mark])):
        return _Token(_Kind.WORD, at, end, Word(text[at:end], at, end))
    return _Token(_Kind.WORD, at, end, Word(text[at:mark], at, end, _weight(weight[1])))


def _check_opened(text: str, start: int, end: int, depth: int) -> None:
    """Refuse ``beach)``; a smiley, or the ``a)``, ``ii)`` or ``10)`` of a list, is ordinary."""
    run = text[start:end]
    is_mark = sum(map(str.isalnum, run)) < 2 or _LIST_MARK.fullmatch(run)
    if not depth and run.endswith(")") and run.count(")") > run.count("(") and not is_mark:
        raise error_at(text, end - 1, end, "this bracket closes what was never opened; open it, or leave it out")


def _weight(text: str) -> float:
    return min(float(text), WEIGHT_MOST)


def _run_end(text: str, at: int, depth: int) -> int:
    """Where a run without spaces ends; a bracket that closes what was opened before it is none of it."""
    inside = 0
    for end in range(at, len(text)):
        sign = text[end]
        if sign.isspace():
            return end
        inside += sign == "("
        if sign == ")":
            if not inside and depth:
                return end
            inside = max(0, inside - 1)
    return len(text)


def _quotation(text: str, at: int) -> tuple[str, int]:
    """What is quoted from ``at`` on, and where the quotation has ended. ``\\"`` and ``\\\\`` stand for the second."""
    closing, place = _QUOTES[text[at]], at + 1
    value: list[str] = []
    while place < len(text):
        sign = text[place]
        if sign == "\\" and text[place + 1 : place + 2] in ("\\", '"'):
            place += 1
            sign = text[place]
        elif sign in closing:
            return "".join(value), place + 1
        value.append(sign)
        place += 1
    raise error_at(text, at, at + 1, f"this quote is never closed; expected {closing[0]} after it")


# -- from tokens to the tree -------------------------------------------------------------------------------------


class _Parser:
    """Recursive descent: a sequence is parts side by side, a part may be negated or in brackets."""

    def __init__(self, text: str, tokens: Sequence[_Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._next = 0

    def parse(self) -> Both:
        return Both(tuple(self._sequence(0)))

    def _sequence(self, depth: int) -> list[Node]:
        parts: list[Node] = []
        while self._next < len(self._tokens) and self._tokens[self._next].kind is not _Kind.CLOSE:
            parts += self._part(depth)
        return _joined(parts)

    def _part(self, depth: int) -> list[Node]:
        token = self._tokens[self._next]
        self._next += 1
        if token.node is not None:
            return [token.node]
        if token.kind is _Kind.OPEN:
            return self._in_brackets(token, depth + 1)
        (negated,) = self._bracketless(self._part(depth))
        return [negated]

    def _bracketless(self, parts: list[Node]) -> Iterator[Node]:
        """A negated part; of words in brackets the brackets are not text: they are one phrase."""
        if len(parts) == 1:
            yield Negated(parts[0])
        else:
            start, end = _first(parts[0]), _last(parts[-1])
            yield Negated(Word(self._text[start + 1 : end - 1].strip(), start, end, is_phrase=True))

    def _in_brackets(self, opening: _Token, depth: int) -> list[Node]:
        """One node if there are fields in it; else the words, and the brackets as words of their own."""
        if depth > _DEEPEST:
            raise error_at(self._text, opening.start, opening.end, f"brackets are nested deeper than {_DEEPEST}")
        parts = self._sequence(depth)
        if self._next == len(self._tokens):
            raise error_at(self._text, opening.start, opening.end, "this bracket is never closed; expected ) after it")
        closing = self._tokens[self._next]
        self._next += 1
        if any(map(has_fields, parts)):
            return [Both(tuple(parts))]
        return [Word("(", opening.start, opening.end), *parts, Word(")", closing.start, closing.end)]


def _first(node: Node) -> int:
    assert isinstance(node, Word), node
    return node.start


def _last(node: Node) -> int:
    assert isinstance(node, Word), node
    return node.end


def _joined(parts: Sequence[Node]) -> list[Node]:
    """``not`` before fields, and ``and`` and ``or`` between them, do what they say; everywhere else they are words."""
    negated: list[Node] = []
    for part in parts:
        if has_fields(part) and negated and _is_word(negated[-1], "not"):
            negated[-1] = Negated(part)
        else:
            negated.append(part)
    joined: list[Node] = []
    at = 0
    while at < len(negated):
        chain = [negated[at]]
        joiners: list[str] = []
        while joiner := _joiner(negated, at):
            joiners.append(joiner)
            chain.append(negated[at + 2])
            at += 2
        joined.append(_chained(chain, joiners))
        at += 1
    return joined


def _joiner(parts: Sequence[Node], at: int) -> str:
    """The word that joins the part at ``at`` with the one after the next; empty where none does."""
    if at + 2 >= len(parts) or not (has_fields(parts[at]) and has_fields(parts[at + 2])):
        return ""
    return next((name for name in _JOINERS if _is_word(parts[at + 1], name)), "")


def _is_word(node: Node, text: str) -> bool:
    return isinstance(node, Word) and not node.is_phrase and node.text.casefold() == text


def _chained(chain: Sequence[Node], joiners: Sequence[str]) -> Node:
    """``and`` binds closer than ``or``."""
    choices = [[chain[0]]]
    for joiner, node in zip(joiners, chain[1:], strict=True):
        if joiner == "or":
            choices.append([node])
        else:
            choices[-1].append(node)
    nodes = [choice[0] if len(choice) == 1 else Both(tuple(choice)) for choice in choices]
    return nodes[0] if len(nodes) == 1 else Either(tuple(nodes))
