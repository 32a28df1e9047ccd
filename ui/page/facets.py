"""What a query can be narrowed by, with counts: each a click that writes into the query's one line, or takes out of it.

The line stays the one truth: what is marked is what stands in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from retrieval.errors import QueryError
from retrieval.search.facets import Facet, FacetValue
from retrieval.search.fields import FIELDS
from retrieval.search.language import Field, parse

__all__ = ["facets_markup", "is_in", "toggled"]

_TITLES = {"kind": "Kind", "year": "Year", "folder": "Folder", "tag": "Tags", "camera": "Camera", "has": "Has"}
_ONE_AT_A_TIME = ("kind", "year")
"""Nothing is two of these at once: another takes the place of the one that is there."""
_SHOWN = 6
_MOST = 60


def facets_markup(query: str, facets: Sequence[Facet]) -> str:
    """HTML of all that has anything to choose from; empty where nothing has.

    Each click is worked out here, for ``query``; where another line stands there by then, the page's script adds to it.
    """
    groups = "".join(_group(query, facet) for facet in facets if facet.values)
    return f'<nav class="vidi-facets" aria-label="Filters" data-for="{escape(query)}">{groups}</nav>' if groups else ""


def _group(query: str, facet: Facet) -> str:
    shown = [_value(query, facet.name, value) for value in facet.values[:_MOST]]
    rest = shown[_SHOWN:]
    more = f"<details><summary>{len(rest)} more</summary><ul>{''.join(rest)}</ul></details>" if rest else ""
    title = escape(_TITLES.get(facet.name, facet.name.capitalize()))
    return f"<section><h3>{title}</h3><ul>{''.join(shown[:_SHOWN])}</ul>{more}</section>"


def _value(query: str, name: str, value: FacetValue) -> str:
    pressed = "true" if is_in(query, value.token) else "false"
    becomes = escape(toggled(query, value.token, one_at_a_time=name in _ONE_AT_A_TIME))
    return (
        f'<li><button type="button" class="vidi-facet" aria-pressed="{pressed}" data-token="{escape(value.token)}" '
        f'data-becomes="{becomes}"><span>{escape(value.label)}</span><span>{value.count:,}</span></button></li>'
    )


def is_in(query: str, token: str) -> bool:
    """Whether ``token`` stands in ``query``, not negated and in no brackets."""
    wanted = _fields(token)
    return bool(wanted) and _key(wanted[0]) in map(_key, _fields(query))


def toggled(query: str, token: str, *, one_at_a_time: bool = False) -> str:
    """``query`` without ``token`` where it stands in it, else with it.

    With ``one_at_a_time``, in place of other values of the field.
    """
    wanted, found = _fields(token), _fields(query)
    same = [field for field in found if wanted and _key(field) == _key(wanted[0])]
    others = [field for field in found if one_at_a_time and wanted and field.name == wanted[0].name]
    kept = _without(query, same or others)
    return kept if same else f"{kept} {token}".strip()


def _without(query: str, fields: Sequence[Field]) -> str:
    for field in sorted(fields, key=lambda field: -field.start):
        query = f"{query[: field.start - len(field.name) - 1].rstrip()} {query[field.end :].lstrip()}"
    return query.strip()


def _fields(text: str) -> list[Field]:
    """Those that stand alone; none where the line can't be read yet."""
    try:
        return [part for part in parse(text, FIELDS).parts if isinstance(part, Field)]
    except QueryError:
        return []


def _key(field: Field) -> tuple[str, str]:
    return field.name, field.value.casefold()
