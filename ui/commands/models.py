"""`vidi models`: the model cards."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from ui.wording import megabytes

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi models`."""
    parser.add_argument("--json", action="store_true", help="print the cards as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print every model card."""
    from retrieval.spaces.cards import model_cards  # help must not wait for it

    cards = model_cards()
    if arguments.json:
        print(json.dumps([asdict(card) for card in cards], indent=2))
        return 0
    for card in cards:
        here = "here" if card.available else "not here"
        print(f"{card.name}  ({here}, {megabytes(card.size_bytes)}, {card.licence})")
        print(f"    {card.task}; {card.dim} dimensions; {', '.join(card.languages) or 'no language'}")
        print(f"    from {card.source}")
        print(f"    sha256 {card.sha256}")
    return 0
