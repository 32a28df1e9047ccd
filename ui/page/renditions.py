"""Makes renditions in isolated workers: a file that hangs or crashes a decoder costs its own thumbnail."""

from __future__ import annotations

from retrieval.errors import BadMediaError
from retrieval.media.tasks import Failed, ThumbnailMade, ThumbnailTask
from retrieval.media.worker import MediaWorkers
from ui.page.thumbnails import Rendition, RenditionMaker

__all__ = ["make_renditions_with"]


def make_renditions_with(workers: MediaWorkers) -> RenditionMaker:
    """A maker that asks ``workers``; it may be called by several threads at once."""

    def make(rendition: Rendition) -> bytes:
        task = ThumbnailTask(0, rendition.path, rendition.size, rendition.at_seconds, rendition.stat)
        match outcome := workers.run(task)[-1]:
            case ThumbnailMade():
                return outcome.jpeg
            case Failed():
                raise outcome.error
            case _:
                raise BadMediaError(f"a thumbnail was answered by {outcome!r}; please report this file")

    return make
