"""Serves a library of colours as a process of its own:
``python -m tests.ui.page.serve_colours FOLDER PORT [SECONDS]``, of which later pages of an answer take SECONDS more.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from retrieval.library import Library
from retrieval.search.results import SearchResult
from tests.ui.page.colours import ColourSpace, embed_pictures
from ui.page.server import bind, serve


class SlowLibrary(Library):
    """A library of which later pages take their time."""

    later_seconds = 0.0

    def search(self, query: str = "", **how: Any) -> SearchResult:
        if how.get("offset"):
            time.sleep(self.later_seconds)
        return super().search(query, **how)


if __name__ == "__main__":
    SlowLibrary.later_seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    with bind("127.0.0.1", int(sys.argv[2])) as bound:
        serve(
            bound,
            Path(sys.argv[1]),
            notice=lambda line: print(line, file=sys.stderr),
            ready=lambda address: print(address, flush=True),
            open_library=partial(SlowLibrary, spaces=lambda name: ColourSpace(), embed_pictures=embed_pictures),
        )
