"""Searches that people keep, on the page: a panel beside the box, and the route that fills it."""

from __future__ import annotations

from urllib.parse import parse_qs

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from retrieval.store.catalog import Catalog
from retrieval.store.saved_searches import SavedSearches
from ui.kept_searches import address_of

__all__ = ["SavedOnPage", "saved_button", "saved_panel"]


class SavedOnPage:
    """The kept searches that the page can ask; others are for the terminal. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._saved = SavedSearches(catalog)

    def all(self) -> list[dict[str, str]]:
        """``name``, ``line`` to be read, and ``address`` of the page that answers it, by name."""
        shown = [(saved, address_of(saved.asked)) for saved in self._saved.all()]
        return [{"name": saved.name, "line": _line(address), "address": address} for saved, address in shown if address]

    def routes(self) -> list[Route]:
        """``/page/saved``, for the page's script."""
        return [Route("/page/saved", self._respond)]

    async def _respond(self, _request: Request) -> Response:
        return JSONResponse(await to_thread.run_sync(self.all))


def _line(address: str) -> str:
    """What the page shows in its box for ``address``, and how many it compares with."""
    said = parse_qs(address[1:])
    signs = (("like", "more like"), ("unlike", "less like"))
    counts = [f"{told} {len(said[name])}" for name, told in signs if name in said]
    return " · ".join([*said.get("q", ()), *counts])


def saved_button() -> str:
    """HTML: what shows and hides the panel."""
    return (
        '<button type="button" id="vidi-saved-toggle" aria-expanded="false" aria-controls="vidi-saved-panel" '
        'aria-label="Saved searches" title="Saved searches">★</button>'
    )


def saved_panel() -> str:
    """HTML, hidden until it is asked for; the page's script fills it."""
    return (
        '<section id="vidi-saved-panel" class="vidi-help" aria-label="Saved searches" hidden>'
        '<form class="vidi-save"><input type="text" name="name" maxlength="256" autocomplete="off" '
        'placeholder="A name for this search" aria-label="A name for this search">'
        '<button type="submit" class="vidi-button">Save</button></form>'
        '<p class="vidi-told" role="status"></p><ul class="vidi-saved-list" aria-label="Saved searches"></ul></section>'
    )
