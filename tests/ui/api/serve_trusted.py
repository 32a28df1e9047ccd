"""Serves a library of colours to those who sign in: ``python -m tests.ui.api.serve_trusted FOLDER PASSWORDS TOKEN``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from retrieval.library import Library
from tests.ui.page.colours import ColourSpace, embed_pictures
from ui.page.server import bind, serve
from ui.trust.access import Access
from ui.trust.passwords import Passwords
from ui.trust.settings import Trust
from ui.trust.tokens import token_of

if __name__ == "__main__":
    folder, passwords, token = map(Path, sys.argv[1:4])
    access = Access(Passwords.read(passwords), token_of(token))
    with bind("0.0.0.0", 0) as bound:
        serve(
            bound,
            folder,
            notice=lambda line: print(line, file=sys.stderr),
            ready=lambda address: print(address.replace("0.0.0.0", "127.0.0.1"), flush=True),
            trust=Trust(access, roots=(folder.parent / "media",), mcp=True),
            open_library=partial(Library, spaces=lambda name: ColourSpace(), embed_pictures=embed_pictures),
        )
