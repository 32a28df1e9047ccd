"""Serves a library of colours; run by the tests as a process of its own: FOLDER."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from colours import ColourSpace, embed_pictures

from retrieval.library import Library
from ui.page.server import bind, serve

if __name__ == "__main__":
    with bind("127.0.0.1", 0) as bound:
        serve(
            bound,
            Path(sys.argv[1]),
            notice=lambda line: print(line, file=sys.stderr),
            ready=lambda address: print(address, flush=True),
            open_library=partial(Library, spaces=lambda name: ColourSpace(), embed_pictures=embed_pictures),
        )
