"""Has vector indexes that were outgrown trained beside the searches that go on."""

from __future__ import annotations

from subprocess import Popen
from threading import Thread

from retrieval.errors import VidiError
from retrieval.search.tuning import tuning_queries
from retrieval.spaces.space import Space
from retrieval.store.background_training import start_training
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.faiss_index import CatalogIndex

__all__ = ["BackgroundTraining"]


class BackgroundTraining:
    """Each index once for each doubling, whatever comes of it. Not to be shared between threads without a lock."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._begun: dict[int, tuple[Thread, int]] = {}
        self._processes: dict[int, Popen[bytes]] = {}

    def offer(self, space: Space, row: SpaceRow, index: CatalogIndex) -> None:
        """Have ``index`` trained if it was outgrown; returns at once.

        The texts that it is tuned by take seconds to embed, and the process takes them only when it has started: no
        search waits for that. The thread ends with it, so that it keeps no program from ending for long.
        """
        thread, tried_at = self._begun.get(row.id, (None, 0))
        if thread is not None and (thread.is_alive() or self._is_running(row.id)):
            return
        if index.outgrown and len(index) >= 2 * tried_at:
            thread = Thread(target=self._start, args=(space, row), name="vidi-training")
            self._begun[row.id] = thread, len(index)
            thread.start()

    def _is_running(self, space_id: int) -> bool:
        process = self._processes.get(space_id)
        return process is not None and process.poll() is None

    def _start(self, space: Space, row: SpaceRow) -> None:
        try:
            self._processes[row.id] = start_training(self._catalog, row, tuning_queries(space))
        except (VidiError, OSError):
            return  # the old index goes on answering; the next `vidi index` trains, and says what is wrong
