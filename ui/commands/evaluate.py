"""`vidi eval`: measure a space or a classifier on captions or labels. The library is not touched."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["add_arguments", "run"]

_USUAL = "starter"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi eval retrieval`, `vidi eval tags` and `vidi eval mmt`."""
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    retrieval = kinds.add_parser("retrieval", help="text to media and back, on captions")
    retrieval.add_argument(
        "--captions", required=True, type=Path, metavar="CSV",
        help="header: path,caption and perhaps start_seconds,end_seconds",
    )  # fmt: skip
    retrieval.add_argument(
        "--by", choices=("fused", "space", "frames"), default="fused",
        help="what ranks: all that a search joins (fused), of a space of windows these alone (space), or frames alone "
        "(default: fused)",
    )  # fmt: skip
    retrieval.add_argument(
        "--expert", action="append", default=[], metavar="NAME=MODEL:WEIGHTS",
        help="an expert that an MMT was trained over, as `vidi index` takes it (may be repeated)",
    )  # fmt: skip
    tags = kinds.add_parser("tags", help="the choice of a classifier, or of a space among the words, on labels")
    tags.add_argument("--labels", required=True, type=Path, metavar="CSV", help="header: path,label")
    measured = tags.add_mutually_exclusive_group()
    measured.add_argument(
        "--classifier", metavar="C",
        help="measure a classifier in the place of a space: imagenet, a folder that `vidi train classifier` wrote, "
        "published weights such as deit_s_in1k, or MODEL=FILE",
    )  # fmt: skip
    for space in (retrieval, measured):
        space.add_argument("--space", metavar="S", help=f"the space to measure (default: {_USUAL})")
    mmt = kinds.add_parser("mmt", help="the table of MMT's paper, from its authors' feature files")
    mmt.add_argument("--features", required=True, type=Path, metavar="DIR", help="the folder of a data set of theirs")
    mmt.add_argument(
        "--split", default="jsfusion", help="jsfusion (1k-A), miech (1k-B), full, or a file with a video a line "
        "(default: %(default)s)",
    )  # fmt: skip
    mmt.add_argument(
        "--checkpoint", type=Path, metavar="FILE",
        help="theirs (default: the only .pth file in DIR)",
    )  # fmt: skip
    for kind in (retrieval, tags, mmt):
        kind.add_argument("--json", action="store_true", help="print the figures as JSON")
        kind.add_argument("--library", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    measure: Callable[[argparse.Namespace], dict[str, Any]] = {"retrieval": _retrieval, "tags": _tags, "mmt": _mmt}[
        arguments.kind
    ]
    figures = measure(arguments)
    print(json.dumps(figures, indent=2) if arguments.json else "\n".join(_lines(figures)))
    return 0


# Imports are here, not above: help must not wait for them.


def _retrieval(arguments: argparse.Namespace) -> dict[str, Any]:
    from retrieval.evaluation.retrieval_protocol import evaluate_retrieval
    from retrieval.search.query import By
    from retrieval.settings import IndexSettings, Settings
    from retrieval.spaces.registry import get_space

    by, space = By.parse(arguments.by), get_space(arguments.space or _USUAL)
    settings = Settings(index=IndexSettings(expert_models=tuple(arguments.expert)))
    return evaluate_retrieval(arguments.captions, space, by=by, settings=settings, notice=_say).to_json()


def _tags(arguments: argparse.Namespace) -> dict[str, Any]:
    from retrieval.evaluation.classifier_protocol import evaluate_classifier
    from retrieval.evaluation.tags_protocol import evaluate_tags
    from retrieval.spaces.registry import get_space

    if arguments.classifier:
        return evaluate_classifier(arguments.labels, arguments.classifier).to_json()
    return evaluate_tags(arguments.labels, get_space(arguments.space or _USUAL)).to_json()


def _mmt(arguments: argparse.Namespace) -> dict[str, Any]:
    from retrieval.evaluation.mmt_protocol import evaluate_mmt

    return evaluate_mmt(arguments.features, arguments.split, arguments.checkpoint, _say).to_json()


def _say(line: str) -> None:
    print(f"vidi: {line}", file=sys.stderr, flush=True)


def _lines(figures: dict[str, object]) -> list[str]:
    lines = []
    for name, value in figures.items():
        if isinstance(value, dict):
            shown = "  ".join(f"{key} {number}" for key, number in value.items())
        elif isinstance(value, list):
            shown = "\n".join(["", *(f"    {item}" for item in value)]) if value else "none"
        else:
            shown = str(value)
        lines.append(f"{name.replace('_', ' '):<16}{shown}")
    return lines
