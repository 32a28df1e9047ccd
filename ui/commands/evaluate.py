"""`vidi eval`: measure a space on captions or labels. The library is not touched."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

__all__ = ["add_arguments", "run"]

_USUAL = "starter"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi eval retrieval` and `vidi eval tags`."""
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    retrieval = kinds.add_parser("retrieval", help="text to media and back, on captions")
    retrieval.add_argument("--captions", required=True, type=Path, metavar="CSV", help="header: path,caption")
    retrieval.add_argument("--by", choices=("fused", "space", "frames"), default="fused", help="what ranks")
    tags = kinds.add_parser("tags", help="the choice of a classifier, or of a space among the words, on labels")
    tags.add_argument("--labels", required=True, type=Path, metavar="CSV", help="header: path,label")
    measured = tags.add_mutually_exclusive_group()
    measured.add_argument(
        "--classifier", metavar="C",
        help="measure a classifier in the place of a space: imagenet, a folder that `vidi train classifier` wrote, or "
        "published weights such as deit_s_in1k",
    )  # fmt: skip
    for kind, space in ((retrieval, retrieval), (tags, measured)):
        space.add_argument("--space", metavar="S", help=f"the space to measure (default: {_USUAL})")
        kind.add_argument("--json", action="store_true", help="print the figures as JSON")
        kind.add_argument("--library", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    # Here, not above: help must not wait for these.
    from retrieval.evaluation.classifier_protocol import evaluate_classifier
    from retrieval.evaluation.retrieval_protocol import evaluate_retrieval
    from retrieval.evaluation.tags_protocol import evaluate_tags
    from retrieval.search.query import By
    from retrieval.spaces.registry import get_space

    space = get_space(arguments.space or _USUAL)
    if arguments.kind == "tags" and arguments.classifier:
        figures = evaluate_classifier(arguments.labels, arguments.classifier).to_json()
    elif arguments.kind == "retrieval":
        figures = evaluate_retrieval(arguments.captions, space, by=By.parse(arguments.by)).to_json()
    else:
        figures = evaluate_tags(arguments.labels, space).to_json()
    print(json.dumps(figures, indent=2) if arguments.json else "\n".join(_lines(figures)))
    return 0


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
