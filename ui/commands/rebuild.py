"""`vidi rebuild`: the vector index, from the catalog."""

from __future__ import annotations

import argparse

from ui.wording import plural

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`vidi rebuild` takes no arguments of its own."""


def run(arguments: argparse.Namespace) -> int:
    """Rebuild the index of every space."""
    from retrieval.library import Library  # help must not wait for it

    with Library(arguments.library) as library:
        for space, vectors in library.rebuild().items():
            print(f"{space}: {plural(vectors, 'vector')}")
    return 0
