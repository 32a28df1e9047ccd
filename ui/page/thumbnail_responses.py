"""A thumbnail as the page and the API send it: what is kept at once, what has to be made in its turn."""

from __future__ import annotations

from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from retrieval.types import MediaKind
from ui.page.files import OpenFile
from ui.page.thumbnails import ThumbnailStore

__all__ = ["NOBODY_WAITS", "respond_with_thumbnail"]

NOBODY_WAITS = 499
"""For whom nobody reads; nginx has it so."""


async def respond_with_thumbnail(
    request: Request, opened: OpenFile, at_seconds: float, size: int, store: ThumbnailStore, makers: CapacityLimiter
) -> Response:
    """The JPEG of ``opened``, which is closed then: at ``at_seconds`` of a video, ``size`` pixels at its longer side.

    Only what isn't kept waits for one of the ``makers``, if by then anybody still waits for it.

    Raises:
        MediaError: it can't be made of this file.
    """
    at = at_seconds if opened.kind is MediaKind.VIDEO else None
    tag = f'"{opened.content_hash}-{at_seconds}-{size}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    try:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        jpeg = await to_thread.run_sync(partial(store.kept, opened, at, size))
        if jpeg is None:
            async with makers:
                if await request.is_disconnected():
                    return Response(status_code=NOBODY_WAITS)  # the page moved on while this waited its turn
                jpeg = await to_thread.run_sync(partial(store.get, opened, at, size))
        return Response(jpeg, headers=headers, media_type="image/jpeg")
    finally:
        opened.close()
