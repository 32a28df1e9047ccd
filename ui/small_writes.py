"""What people write in passing while the page is served: a tag, a kept search, the space that is taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from retrieval.errors import LibraryBusyError

__all__ = ["SmallWrites"]


class SmallWrites:
    """Has those of one server wait for one another. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Write when nobody else of this server does.

        Whoever is on the page has no other library to choose: most often it is the page's own that is indexed.

        Raises:
            LibraryBusyError: the library is being written to, as while it is indexed.
        """
        with self._lock:
            try:
                yield
            except LibraryBusyError as error:
                raise LibraryBusyError(
                    "this library is being indexed, or written to by another vidi; "
                    "try again when that is done or stopped"
                ) from error
