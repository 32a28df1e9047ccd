"""What the page's script asks of one item: all about it, its moments for other words, why it was found."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from retrieval.errors import VidiError
from ui.page.answers import Answers
from ui.page.asset_numbers import asset_number, seconds_of
from ui.page.heat import Heat
from ui.page.items import Items

__all__ = ["ItemRoutes"]

_GONE = "this file is not where it was when it was indexed; index its folder again"
_log = logging.getLogger(__name__)


class ItemRoutes:
    """Routes below ``/page/items/ASSET``. Refusals are one plain line."""

    def __init__(self, items: Items, answers: Answers, heat: Heat, searches: CapacityLimiter) -> None:
        """Looking for moments is one of ``searches``."""
        self._items = items
        self._answers = answers
        self._heat = heat
        self._searches = searches
        self._drawing = CapacityLimiter(1)  # drawn one at a time: whoever waits holds no thread

    def routes(self) -> list[Route]:
        """GET and HEAD alone."""
        at = "/page/items/{asset_id}"
        return [Route(at, self._item), Route(f"{at}/moments", self._moments), Route(f"{at}/why", self._why)]

    async def _item(self, request: Request) -> Response:
        return await _told(lambda: self._items.of(asset_number(request)), lambda item: JSONResponse(item.to_json()))

    async def _moments(self, request: Request) -> Response:
        query = request.query_params.get("q", "")
        return await _told(lambda: self._answers.moments(asset_number(request), query), JSONResponse, self._searches)

    async def _why(self, request: Request) -> Response:
        at = request.query_params.get("at")
        try:
            at_seconds = None if at is None else seconds_of(at)
        except ValueError:
            return PlainTextResponse("expected at=SECONDS", 400)
        query = request.query_params.get("q", "")
        headers = {"Cache-Control": "no-store"}
        async with self._drawing:
            if await request.is_disconnected():
                return Response(status_code=204)  # the page moved on while this waited its turn
            return await _told(
                lambda: self._heat.draw(asset_number(request), query, at_seconds),
                lambda jpeg: Response(jpeg, media_type="image/jpeg", headers=headers),
            )


async def _told(
    work: Callable[[], Any], respond: Callable[[Any], Response], limiter: CapacityLimiter | None = None
) -> Response:
    """What ``work`` gives, done beside the event loop; or in a line why it can't be had."""
    try:
        found = await to_thread.run_sync(work, limiter=limiter)
    except VidiError as error:
        return PlainTextResponse(str(error).partition("\n")[0], 422)
    except Exception as error:  # noqa: BLE001 the page's last border: a person sees words, the terminal the cause
        _log.error("the page failed: %s: %s", type(error).__name__, error)
        return PlainTextResponse("that went wrong; the terminal in which vidi runs says more", 500)
    return PlainTextResponse(_GONE, 404) if found is None else respond(found)
