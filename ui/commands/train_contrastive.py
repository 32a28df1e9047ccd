"""`vidi train contrastive`: the starter's heads, from captioned pictures."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ui.arguments import whole_number

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "train"]

SUMMARY: Final = "the starter's two heads, by CLIP's loss on captions and the classifier's names"
DESCRIPTION: Final = "Train the starter's two heads. A run that was stopped continues where it was."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi train contrastive`."""
    parser.add_argument("--captions", required=True, type=Path, metavar="CSV", help="header: path,caption")
    parser.add_argument(
        "--dev", required=True, type=Path, metavar="CSV", help="other captions, to calibrate and to measure on"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the heads are written")
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="of every draw (default: 0)")
    parser.add_argument(
        "--leave-out-names",
        type=whole_number(0),
        metavar="SEED",
        help="leave 200 of the 1,000 class names, drawn with this seed, out of all that is learned",
    )
    parser.add_argument("--data", default="", metavar="TEXT", help="name and licence of the captions, for the card")


def train(arguments: argparse.Namespace, say: Callable[[str], None]) -> list[str]:
    """Train, and give the figures on dev in lines."""
    # Here, not above: help must not wait for torch.
    from retrieval.training.contrastive import ContrastiveConfig
    from retrieval.training.starter_run import StarterRun

    training = StarterRun(
        arguments.captions,
        arguments.dev,
        arguments.out,
        say=say,
        config=ContrastiveConfig(seed=arguments.seed),
        unseen_seed=arguments.leave_out_names,
        data=arguments.data,
    )
    return [f"{name:<12}{value}" for name, value in training.train().items()]
