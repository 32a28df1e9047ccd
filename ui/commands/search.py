"""`vidi search`: answers on the terminal, or as JSON."""

from __future__ import annotations

import argparse
import json
import sys

from ui.arguments import whole_number, words_of
from ui.presentation import result_lines

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi search`."""
    parser.add_argument(
        "query",
        nargs="*",
        metavar="QUERY",
        help="what to find, in your own words, with fields such as kind:video tag:dog -people (docs/search.md)",
    )
    parser.add_argument("--image", metavar="FILE", help="find what looks like this picture (with words: both)")
    parser.add_argument(
        "--kind", choices=("picture", "video", "sound"), help="only pictures, only moments of video, or only sounds"
    )
    parser.add_argument("--under", metavar="DIR", help="only files below this folder")
    parser.add_argument("--after", metavar="D", help="taken at or after: 2024, 2024-06, 2024-06-01, 2024-06-01T12:30")
    parser.add_argument("--before", metavar="D", help="taken before")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="LABEL", help="only what bears this tag (repeated: all of them)"
    )
    parser.add_argument("--space", metavar="S", help="the space to search in (default: see `vidi models --use`)")
    parser.add_argument(
        "--by",
        choices=("fused", "space", "frames", "text"),
        default="fused",
        help="what ranks: looks (space, frames), what people wrote (text), or both (default: fused)",
    )
    parser.add_argument(
        "--top", type=whole_number(1), default=20, metavar="N", help="at most so many hits (default: %(default)s)"
    )
    parser.add_argument("--offset", type=whole_number(0), default=0, metavar="N", help="pass over the first N hits")
    parser.add_argument("--anyway", action="store_true", help="show the nearest even if nothing fits")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Search, and print what fits."""
    from retrieval.library import Library  # help must not wait for it

    with Library(arguments.library, notice=lambda line: print(f"vidi: {line}", file=sys.stderr)) as library:
        result = library.search(
            " ".join(words_of([*arguments.query, *arguments.more_words])),
            image=arguments.image,
            kind=arguments.kind,
            under=arguments.under,
            after=arguments.after,
            before=arguments.before,
            tags=arguments.tag,
            space=arguments.space,
            by=arguments.by,
            top=arguments.top,
            offset=arguments.offset,
            anyway=arguments.anyway,
        )
    if arguments.json:
        print(json.dumps(result.to_json(), indent=2))
    else:
        print("\n".join(result_lines(result)))
    return 0
