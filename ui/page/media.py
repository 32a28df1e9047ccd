"""The routes that serve what the catalog knows, by the number of an asset: never by a path."""

from __future__ import annotations

import math

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from retrieval.errors import MediaError
from retrieval.types import MediaKind
from ui.page.asset_numbers import asset_number
from ui.page.files import CatalogFiles, OpenFile
from ui.page.ranges import respond_with
from ui.page.thumbnails import SIZES, ThumbnailStore

__all__ = ["MediaRoutes"]

_LONGEST_SECONDS = 30 * 24 * 3600.0
_GONE = "this file is not where it was when it was indexed; index its folder again"


class MediaRoutes:
    """``/media/ASSET`` gives a file, whole or in ranges; ``/thumbnail/ASSET?at=SECONDS&size=PIXELS`` a small JPEG."""

    def __init__(self, files: CatalogFiles, thumbnails: ThumbnailStore, *, makers: int) -> None:
        """``makers`` thumbnails are made at one time."""
        self._files = files
        self._thumbnails = thumbnails
        # Its own, so that a page of thumbnails being made never holds up a search.
        self._limiter = CapacityLimiter(makers)

    def routes(self) -> list[Route]:
        """GET and HEAD alone."""
        return [
            Route("/media/{asset_id}", self._media),
            Route("/thumbnail/{asset_id}", self._thumbnail),
        ]

    async def _media(self, request: Request) -> Response:
        opened = await to_thread.run_sync(self._open, request)
        if opened is None:
            return PlainTextResponse(_GONE, 404)
        return respond_with(opened, request.method, request.headers)

    async def _thumbnail(self, request: Request) -> Response:
        try:
            at_seconds, size = _asked(request)
        except ValueError:
            sizes = " or ".join(map(str, SIZES))
            return PlainTextResponse(f"expected size={sizes}, and for a video at=SECONDS", 400)
        async with self._limiter:
            if await request.is_disconnected():
                return Response(status_code=204)  # the page moved on while this waited its turn
            return await to_thread.run_sync(self._make_thumbnail, request, at_seconds, size)

    def _open(self, request: Request) -> OpenFile | None:
        return self._files.open(asset_number(request))

    def _make_thumbnail(self, request: Request, at_seconds: float, size: int) -> Response:
        opened = self._open(request)
        if opened is None:
            return PlainTextResponse(_GONE, 404)
        try:
            tag = f'"{opened.content_hash}-{at_seconds}-{size}"'
            headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
            if request.headers.get("if-none-match") == tag:
                return Response(status_code=304, headers=headers)
            at = at_seconds if opened.kind is MediaKind.VIDEO else None
            return Response(self._thumbnails.get(opened, at, size), headers=headers, media_type="image/jpeg")
        except MediaError as error:
            return PlainTextResponse(str(error), 404)
        finally:
            opened.close()


def _asked(request: Request) -> tuple[float, int]:
    """(seconds, pixels) of a thumbnail; ValueError where they make no sense."""
    at_seconds = float(request.query_params.get("at", "0"))
    size = int(request.query_params.get("size", str(SIZES[0])))
    if not (math.isfinite(at_seconds) and 0 <= at_seconds <= _LONGEST_SECONDS and size in SIZES):
        raise ValueError(at_seconds, size)
    return at_seconds, size
