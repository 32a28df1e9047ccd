"""Serves a library of colours as a process of its own: ``python -m tests.ui.page.serve_colours FOLDER PORT``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from retrieval.library import Library
from tests.ui.page.colours import ColourSpace, embed_pictures
from ui.page.server import bind, serve

if __name__ == "__main__":
    with bind("127.0.0.1", int(sys.argv[2])) as bound:
        serve(
            bound,
            Path(sys.argv[1]),
            notice=lambda line: print(line, file=sys.stderr),
            ready=lambda address: print(address, flush=True),
            open_library=partial(Library, spaces=lambda name: ColourSpace(), embed_pictures=embed_pictures),
        )
