"""`vidi train`: the heads of a space, from captioned pictures. The library is not touched."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi train contrastive`."""
    kinds = parser.add_subparsers(dest="kind", metavar="HOW", required=True)
    contrastive = kinds.add_parser(
        "contrastive",
        help="the starter's two heads, by CLIP's loss on captions and the classifier's names",
        description="Train the starter's two heads. A run that was stopped continues where it was.",
    )
    contrastive.add_argument("--captions", required=True, type=Path, metavar="CSV", help="header: path,caption")
    contrastive.add_argument(
        "--dev", required=True, type=Path, metavar="CSV", help="other captions, to calibrate and to measure on"
    )
    contrastive.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the heads are written")
    contrastive.add_argument("--seed", type=_whole, default=0, metavar="N", help="of every draw (default: %(default)s)")
    contrastive.add_argument(
        "--leave-out-names",
        type=_whole,
        metavar="SEED",
        help="leave 200 of the 1,000 class names, drawn with this seed, out of all that is learned",
    )
    contrastive.add_argument(
        "--data", default="", metavar="TEXT", help="name and licence of the captions, for the card"
    )
    contrastive.add_argument("--library", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 up, got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Train, saying on stderr what is done, then print the figures on dev."""
    # Here, not above: help must not wait for torch.
    from retrieval.training.contrastive import ContrastiveConfig
    from retrieval.training.starter_run import StarterRun

    training = StarterRun(
        arguments.captions,
        arguments.dev,
        arguments.out,
        say=_say,
        config=ContrastiveConfig(seed=arguments.seed),
        unseen_seed=arguments.leave_out_names,
        data=arguments.data,
    )
    try:
        figures = training.train()
    except KeyboardInterrupt:
        _say("run the same command again to continue")
        raise
    print("\n".join(f"{name:<12}{value}" for name, value in figures.items()))
    return 0


def _say(line: str) -> None:
    print(f"vidi: {line}", file=sys.stderr, flush=True)
