"""The routes that serve what the catalog knows, by the number of an asset: never by a path."""

from __future__ import annotations

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from retrieval.errors import MediaError
from ui.page.asset_numbers import asset_number, seconds_of
from ui.page.files import CatalogFiles, OpenFile
from ui.page.ranges import respond_with
from ui.page.thumbnail_responses import respond_with_thumbnail
from ui.page.thumbnails import SIZES, ThumbnailStore

__all__ = ["MediaRoutes"]

_GONE = "this file is not where it was when it was indexed; index its folder again"


class MediaRoutes:
    """``/media/ASSET`` gives a file, whole or in ranges; ``/thumbnail/ASSET?at=SECONDS&size=PIXELS`` a small JPEG."""

    def __init__(self, files: CatalogFiles, thumbnails: ThumbnailStore, makers: CapacityLimiter) -> None:
        """So many thumbnails as ``makers`` allows are made at one time."""
        self._files = files
        self._thumbnails = thumbnails
        self._makers = makers

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
        opened = await to_thread.run_sync(self._open, request)
        if opened is None:
            return PlainTextResponse(_GONE, 404)
        try:
            return await respond_with_thumbnail(request, opened, at_seconds, size, self._thumbnails, self._makers)
        except MediaError as error:
            return PlainTextResponse(str(error), 404)

    def _open(self, request: Request) -> OpenFile | None:
        return self._files.open(asset_number(request))


def _asked(request: Request) -> tuple[float, int]:
    """(seconds, pixels) of a thumbnail; ValueError where they make no sense."""
    at_seconds = seconds_of(request.query_params.get("at", "0"))
    size = int(request.query_params.get("size", str(SIZES[0])))
    if size not in SIZES:
        raise ValueError(size)
    return at_seconds, size
