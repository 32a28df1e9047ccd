"""Why a picture, or the moment of a video, was found: its rendition, warm where the answer comes from."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Protocol

from retrieval.errors import QueryError
from retrieval.search.reading import read_query
from retrieval.search.why import explain
from retrieval.spaces.registry import get_space
from ui.heat_picture import draw_heat
from ui.page.files import CatalogFiles
from ui.page.thumbnails import ThumbnailStore

__all__ = ["HasSpace", "Heat"]

_SIDE = 1600
_QUALITY = 85


class HasSpace(Protocol):
    """What heat needs of a library."""

    @property
    def default_space(self) -> str:
        """As :attr:`retrieval.library.Library.default_space`."""


class Heat:
    """Draws heat over assets; one at a time, since each takes a core for a second. Safe to share between threads."""

    def __init__(self, library: HasSpace, files: CatalogFiles, thumbnails: ThumbnailStore) -> None:
        self._library = library
        self._files = files
        self._thumbnails = thumbnails
        self._lock = threading.Lock()

    def draw(self, asset_id: int, query: str, at_seconds: float | None) -> bytes | None:
        """A JPEG of the asset under the heat of the words of ``query``; None if the asset is gone.

        Raises:
            QueryError: no words are asked for, or the file can't be looked at.
            MediaError: the file can't be drawn.
        """
        words = read_query(query).text.strip()
        if not words:
            raise QueryError("no words were asked for; where a picture is alike can't be shown")
        opened = self._files.open(asset_id)
        if opened is None:
            return None
        try:
            with self._lock:
                space = get_space(self._library.default_space)
                found = explain(Path(os.fsdecode(opened.path)), words, space, at_seconds=at_seconds)
            picture = draw_heat(self._thumbnails.get(opened, found.time_seconds, _SIDE), found.heat)
        finally:
            opened.close()
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=_QUALITY)
        return content.getvalue()
