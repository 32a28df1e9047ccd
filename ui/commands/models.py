"""`vidi models`: the model cards, and which space a search takes."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ui.wording import megabytes

if TYPE_CHECKING:
    from retrieval.spaces.cards import ModelCard

__all__ = ["add_arguments", "run"]

_OTHERS = (
    "Any model of open_clip is a space: --space open_clip/MODEL/WEIGHTS, WEIGHTS a published tag or a file's path;\n"
    "`vidi models --open-clip` lists what is published, `vidi models --open-clip WORD` what has that word.\n"
    "So is a folder that `vidi train mmt` wrote: --space mmt/FOLDER."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi models`."""
    parser.add_argument("--json", action="store_true", help="print the cards as JSON")
    parser.add_argument("--use", metavar="SPACE", help="make SPACE, which is indexed, the one that a search takes")
    parser.add_argument(
        "--open-clip",
        nargs="?",
        const="",
        metavar="WORD",
        help="list the published models of open_clip (loads it, which takes seconds)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print every model card, or do what was asked."""
    if arguments.use is not None:
        return _use(arguments.library, arguments.use)
    if arguments.open_clip is not None:
        return _list_published(arguments.open_clip.lower(), as_json=arguments.json)
    from retrieval.spaces.cards import model_cards  # help must not wait for it

    cards = model_cards()
    if arguments.json:
        print(json.dumps([asdict(card) for card in cards], indent=2))
        return 0
    for card in cards:
        print(f"{card.name}  ({_where(card)}, {megabytes(card.size_bytes)}, {card.licence})")
        dimensions = f"; {card.dim} dimensions" if card.dim else ""
        print(f"    {card.task}{dimensions}; {', '.join(card.languages) or 'no language'}")
        print(f"    from {card.source}")
        print(f"    sha256 {card.sha256}")
    print(_OTHERS)
    return 0


def _where(card: ModelCard) -> str:
    """Here, or how far away. The hub is asked only for what it has and this machine has not."""
    if card.available:
        return "here"
    if not card.name.startswith("open_clip/") or card.source.startswith("/"):
        return "not here"
    from retrieval.models.hub import is_hub_reachable

    return "downloadable" if is_hub_reachable() else "not reachable"


def _use(library: str | None, space: str) -> int:
    from retrieval.library import Library  # help must not wait for it

    with Library(library) as opened:
        print(f"A search takes {opened.use(space)} now, unless --space names another.")
    return 0


def _list_published(word: str, *, as_json: bool) -> int:
    from retrieval.models.clip.published import published_names  # loads torch

    names = [name for name in published_names() if word in name.lower()]
    print(json.dumps(names, indent=2) if as_json else "\n".join(names) or f"open_clip publishes nothing with {word!r}.")
    return 0
