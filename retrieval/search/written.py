"""From the tree of a query back to the query: what is written here is read as the same tree again."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.search.language import Both, Either, Field, Negated, Node, Word, has_fields

__all__ = ["field_text", "quoted", "written"]


def written(tree: Both) -> str:
    """The query that has this tree. Places aside, parsing it gives ``tree``, if that came of parsing."""
    return _sequence(tree.parts, after_not=False)


def field_text(name: str, value: str) -> str:
    """``name:value``, with the value in quotes where it needs them."""
    return f"{name}:{value if _is_plain(value) else quoted(value)}"


def quoted(value: str) -> str:
    """``value`` as it stands in a query so that every sign of it is meant: in quotes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _sequence(parts: Sequence[Node], *, after_not: bool) -> str:
    pieces: list[str] = []
    for part in parts:
        pieces.append(_part(part, after_not=after_not))
        after_not = isinstance(part, Word) and not part.is_phrase and part.text.casefold() == "not"
    return " ".join(pieces)


def _part(node: Node, *, after_not: bool = False) -> str:
    """``after_not``: the word "not" stands before it, and would take a field with a minus for what it negates."""
    match node:
        case Word(text, weight=weight, is_phrase=is_phrase):
            return (quoted(text) if is_phrase else text) + ("" if weight == 1 else f"^{weight:g}")
        case Field(name, value):
            return field_text(name, value)
        case Negated(part):
            sign = "not " if (after_not and has_fields(part)) or isinstance(part, Negated) else "-"
            return sign + _part(part)
        case Both((first, *others)) if after_not:  # brackets would be negated by the word
            return " and ".join([_part(first, after_not=True), *map(_part, others)])
        case Both(parts):
            inner = _sequence(parts, after_not=False)
            return f"({inner} )" if inner.count("(") > inner.count(")") else f"({inner})"
        case Either((first, *others)):
            return " or ".join([_part(first, after_not=after_not), *map(_part, others)])
        case Either():
            return ""


def _is_plain(value: str) -> bool:
    return bool(value) and not any(sign.isspace() or sign in '"“”„()\\' for sign in value)
