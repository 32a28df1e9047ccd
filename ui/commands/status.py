"""`vidi status`: what is indexed, by which space, what failed and why."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ui.wording import megabytes, plural

if TYPE_CHECKING:
    from retrieval.library import LibraryStatus

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi status`."""
    parser.add_argument("--failed", action="store_true", help="list every file that failed, and why")
    parser.add_argument("--json", action="store_true", help="print the status as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the library's state."""
    from retrieval.library import Library  # help must not wait for it

    with Library(arguments.library) as library:
        status = library.status()
    if arguments.json:
        print(json.dumps(status.to_json(), indent=2))
    else:
        print("\n".join(_failures(status) if arguments.failed else _summary(status)))
    return 0
