"""Why a picture, or the moment of a video, was found: its rendition, warm where the answer comes from."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PIL import Image

from retrieval.errors import QueryError
from retrieval.search.reading import read_query
from retrieval.search.why import explain_picture
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import Space
from retrieval.types import MediaKind
from ui.heat_picture import draw_heat
from ui.page.files import CatalogFiles, OpenFile
from ui.page.kept_files import KeptFiles
from ui.page.thumbnails import ThumbnailStore

__all__ = ["HasSpace", "Heat"]

_SIDE = 1600
_QUALITY = 85
_FILES_MOST = 2_000
_BYTES_MOST = 500_000_000


class HasSpace(Protocol):
    """What heat needs of a library."""

    @property
    def default_space(self) -> str:
        """As :attr:`retrieval.library.Library.default_space`."""


class Heat:
    """Draws heat over assets, one at a time, and keeps what it drew. Safe to share between threads.

    What is looked at is the rendition that is shown: no file is decoded again, and of a video no other frame.
    """

    def __init__(
        self,
        library: HasSpace,
        files: CatalogFiles,
        thumbnails: ThumbnailStore,
        folder: Path,
        *,
        spaces: Callable[[str], Space] = get_space,
    ) -> None:
        """``folder`` is made when the first picture is kept. ``spaces`` takes the place of the models."""
        self._library = library
        self._files = files
        self._thumbnails = thumbnails
        self._spaces = spaces
        self._kept = KeptFiles(folder, files_most=_FILES_MOST, bytes_most=_BYTES_MOST)
        self._lock = threading.Lock()

    def draw(self, asset_id: int, query: str, at_seconds: float | None) -> bytes | None:
        """A JPEG of the asset under the heat of the words of ``query``; None if the asset is gone.

        ``at_seconds`` is the moment of a video.

        Raises:
            QueryError: no words are asked for.
            MediaError: the file can't be drawn.
        """
        words = read_query(query).text.strip()
        if not words:
            raise QueryError("no words were asked for; where a picture is alike can't be shown")
        opened = self._files.open(asset_id)
        if opened is None:
            return None
        try:
            return self._drawn(opened, words, (at_seconds or 0.0) if opened.kind is MediaKind.VIDEO else None)
        finally:
            opened.close()

    def _drawn(self, opened: OpenFile, words: str, at_seconds: float | None) -> bytes:
        with self._lock:
            space = self._spaces(self._library.default_space)
            name = _name(opened, at_seconds, space, words)
            try:
                return self._kept.path_of(name).read_bytes()
            except OSError:
                pass  # not drawn yet, or removed since
            rendition = self._thumbnails.get(opened, at_seconds, _SIDE)
            found = explain_picture(Image.open(io.BytesIO(rendition)).convert("RGB"), words, space)
            content = io.BytesIO()
            draw_heat(rendition, found.heat).save(content, "JPEG", quality=_QUALITY)
            self._kept.keep(name, content.getvalue())
            return content.getvalue()


def _name(opened: OpenFile, at_seconds: float | None, space: Space, words: str) -> str:
    asked = hashlib.sha256(f"{space.name}\n{space.version}\n{words}".encode()).hexdigest()[:32]
    at = "" if at_seconds is None else f"-{round(at_seconds * 1000)}"
    return f"{opened.content_hash}{at}-{asked}.jpg"
