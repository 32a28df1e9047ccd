"""A file over HTTP, whole or in part (RFC 9110, section 14), read in small pieces as the browser takes them."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ui.page.files import OpenFile

__all__ = ["ByteRange", "UnsatisfiableRangeError", "parse_range", "respond_with"]

_CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*")


class UnsatisfiableRangeError(Exception):
    """The range lies outside of the file."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``[start, stop)`` of a file."""

    start: int
    stop: int


def parse_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """The one range that ``header`` asks for; None asks for the whole file.

    A header that is malformed, or asks for several ranges, is passed over, as the standard allows.

    Raises:
        UnsatisfiableRangeError: it begins past the end of the file, or is empty.
    """
    asked = _RANGE.fullmatch(header or "")
    if asked is None or asked[1] == asked[2] == "":
        return None
    if asked[1] == "":
        start, stop = max(0, size_bytes - int(asked[2])), size_bytes
    else:
        start, stop = int(asked[1]), min(size_bytes, int(asked[2]) + 1 if asked[2] else size_bytes)
        if asked[2] and int(asked[2]) < start:
            return None  # malformed, not merely out of reach
    if start >= stop:
        raise UnsatisfiableRangeError(header)
    return ByteRange(start, stop)


def respond_with(opened: OpenFile, method: str, headers: Headers) -> Response:
    """The response that serves ``opened`` and closes it at its end, however that comes."""
    tag = f'"{opened.content_hash}"'
    common = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if headers.get("if-none-match") == tag:
        opened.close()
        return Response(status_code=304, headers=common)
    asked = headers.get("range") if headers.get("if-range", tag) == tag else None
    try:
        part = parse_range(asked, opened.size_bytes)
    except UnsatisfiableRangeError:
        opened.close()
        unsatisfied = {"Content-Range": f"bytes */{opened.size_bytes}"}
        return PlainTextResponse("the range lies outside of the file", 416, headers=common | unsatisfied)
    whole = ByteRange(0, opened.size_bytes)
    sent = part or whole
    common["Content-Length"] = str(sent.stop - sent.start)
    if part:
        common["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{opened.size_bytes}"
    status = 206 if part else 200
    if method == "HEAD":
        opened.close()
        return Response(status_code=status, headers=common, media_type=opened.content_type)
    chunks = _chunks(opened.file.fileno(), sent)
    return _ClosingResponse(chunks, opened.close, status, common, opened.content_type)


async def _chunks(descriptor: int, part: ByteRange) -> AsyncIterator[bytes]:
    position = part.start
    while position < part.stop:
        wanted = min(_CHUNK_BYTES, part.stop - position)
        chunk = await to_thread.run_sync(os.pread, descriptor, wanted, position)
        if not chunk:
            return  # the file was cut short while it was read; the connection ends with too few bytes
        position += len(chunk)
        yield chunk


class _ClosingResponse(StreamingResponse):
    """Streams, and closes what it streamed from even when the browser went away."""

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        close: Callable[[], None],
        status_code: int,
        headers: dict[str, str],
        media_type: str,
    ) -> None:
        super().__init__(chunks, status_code, headers, media_type)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()
