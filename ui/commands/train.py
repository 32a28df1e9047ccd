"""`vidi train`: the heads of a space, a space for video, or a person's own classifier. The library is not touched."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from ui.commands import train_classifier, train_contrastive, train_mmt

__all__ = ["add_arguments", "run"]

_KINDS = {"contrastive": train_contrastive, "classifier": train_classifier, "mmt": train_mmt}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every kind of training."""
    kinds = parser.add_subparsers(dest="kind", metavar="HOW", required=True)
    for name, module in _KINDS.items():
        kind = kinds.add_parser(name, help=module.SUMMARY, description=module.DESCRIPTION)
        module.add_arguments(kind)
        kind.add_argument("--library", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Train, saying on stderr what is done, then print the figures."""
    training: Callable[[argparse.Namespace, Callable[[str], None]], list[str]] = _KINDS[arguments.kind].train
    try:
        lines = training(arguments, _say)
    except KeyboardInterrupt:
        _say("run the same command again to continue")
        raise
    print("\n".join(lines))
    return 0


def _say(line: str) -> None:
    print(f"vidi: {line}", file=sys.stderr, flush=True)
