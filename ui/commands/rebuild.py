"""`vidi rebuild`: the vector index, from the catalog."""

from __future__ import annotations

import argparse
import sys

from ui.wording import plural

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`vidi rebuild` takes no arguments of its own."""


def run(arguments: argparse.Namespace) -> int:
    """Rebuild the index of every space."""
    from retrieval.library import Library  # help must not wait for it

    with Library(arguments.library, notice=lambda line: print(f"vidi: {line}", file=sys.stderr)) as library:
        rebuilt = library.rebuild()
    for space, vectors in rebuilt.items():
        print(f"{space}: {plural(vectors, 'vector')}")
    if not rebuilt:
        print(
            "There is nothing to rebuild: no vectors that can be searched. Fill the library with `vidi index FOLDER`."
        )
    return 0
