"""Searches that people keep under a name, as the terminal, the API and the page tell of them and ask them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from retrieval.search.query import By
from retrieval.search.written import field_text
from retrieval.store.saved_searches import SavedSearch

__all__ = ["address_of", "joined", "mark_of", "saved_json"]

_FIELDS = ("kind", "under", "after", "before")
"""Options that the query's one line says just as well."""
_FOR_ONE_LINE = frozenset({"query", "tags", "like", "unlike", "unfolded", "by", *_FIELDS})


def joined(kept: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A kept search with what was given besides: words are added, options take the place of its own."""
    return {**kept, **given, "query": f"{kept['query']} {given.get('query', '')}".strip()}


def mark_of(liked: Any) -> str:
    """An asset by its number, of a video with ``@SECOND``; a file by its path."""
    return f"{liked[0]}@{liked[1]:g}" if isinstance(liked, tuple | list) else str(liked)


def saved_json(saved: SavedSearch) -> dict[str, Any]:
    """As :class:`retrieval.client.answers.SavedSearch` has it."""
    asked = dict(saved.asked)
    lists = {name: list(map(mark_of, _listed(asked.pop(name, ())))) for name in ("tags", "image", "like", "unlike")}
    return {"name": saved.name, "saved_at": saved.saved_at.isoformat(), **asked, **lists}


def address_of(asked: Mapping[str, Any]) -> str | None:
    """The page's address that answers it; None of what the page can't ask: pictures, and another space or evidence."""
    given = {name: value for name, value in asked.items() if value}
    liked = {name: list(map(mark_of, _listed(given.get(name, ())))) for name in ("like", "unlike")}
    if given.keys() - _FOR_ONE_LINE or given.get("by", By.FUSED) != By.FUSED:
        return None
    if not all(mark[0].isdecimal() for marks in liked.values() for mark in marks):
        return None  # files that were named by their paths
    fields = [field_text(name, str(given[name])) for name in _FIELDS if name in given]
    tags = [field_text("tag", label) for label in given.get("tags", ())]
    words = " ".join([str(given.get("query", "")), *fields, *tags]).strip()
    said = {"q": words, **liked, "unfolded": "true" if given.get("unfolded") else ""}
    return "?" + urlencode({name: value for name, value in said.items() if value}, doseq=True)


def _listed(value: Any) -> Sequence[Any]:
    """One that stands alone as well as several."""
    return [value] if isinstance(value, str) else value
