"""`vidi search`: answers on the terminal, or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ui.arguments import whole_number, words_of
from ui.kept_searches import joined
from ui.presentation import result_lines, saved_line

if TYPE_CHECKING:
    from retrieval.store.saved_searches import SavedSearch

__all__ = ["add_arguments", "run"]

_OPTIONS = ("image", "kind", "under", "after", "before", "tags", "space", "by", "like", "unlike", "unfolded")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi search`."""
    parser.add_argument(
        "query",
        nargs="*",
        metavar="QUERY",
        help="what to find, in your own words, with fields such as kind:video tag:dog -people (docs/search.md)",
    )
    parser.add_argument(
        "--image",
        action="append",
        metavar="FILE",
        help="find what looks like this picture (with words: both; repeated: all of them)",
    )
    _add_filters(parser)
    _add_evidence(parser)
    _add_page(parser)
    _add_saved(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind", choices=("picture", "video", "sound"), help="only pictures, only moments of video, or only sounds"
    )
    parser.add_argument("--under", metavar="DIR", help="only files below this folder")
    parser.add_argument("--after", metavar="D", help="taken at or after: 2024, 2024-06, 2024-06-01, 2024-06-01T12:30")
    parser.add_argument("--before", metavar="D", help="taken before")
    parser.add_argument(
        "--tag", action="append", dest="tags", metavar="LABEL", help="only what bears this tag (repeated: all of them)"
    )


def _add_evidence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--space", metavar="S", help="the space to search in (default: see `vidi models --use`)")
    parser.add_argument(
        "--by",
        choices=("fused", "space", "frames", "speech", "text"),
        help="what ranks: looks (space, frames), what is said (speech), what is written by people or on the screen "
        "(text), or all of it (default: fused)",
    )
    parser.add_argument(
        "--like", action="append", metavar="PATH", help="find more like this result, or picture (repeated: all of them)"
    )
    parser.add_argument(
        "--unlike", action="append", metavar="PATH", help="find less like this result, or picture (repeated)"
    )
    parser.add_argument("--unfolded", action="store_true", help="show near-identical pictures each for itself")


def _add_page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--top", type=whole_number(1), default=20, metavar="N", help="at most so many hits (default: %(default)s)"
    )
    parser.add_argument("--offset", type=whole_number(0), default=0, metavar="N", help="pass over the first N hits")
    parser.add_argument(
        "--as-of", metavar="STATE", help="only what was there at an earlier answer: the as_of of its JSON (for paging)"
    )
    parser.add_argument("--anyway", action="store_true", help="show the nearest even if nothing fits")


def _add_saved(parser: argparse.ArgumentParser) -> None:
    saved = parser.add_mutually_exclusive_group()
    saved.add_argument("--save", metavar="NAME", help="keep this search under a name, and answer it")
    saved.add_argument("--saved", metavar="NAME", help="answer a kept search; words are added, options take its places")
    saved.add_argument("--list-saved", action="store_true", help="list the kept searches")
    saved.add_argument("--unsave", metavar="NAME", help="remove a kept search")


def run(arguments: argparse.Namespace) -> int:
    """Search, and print what fits; or tell of kept searches."""
    from retrieval.library import Library  # help must not wait for it

    with Library(arguments.library, notice=lambda line: print(f"vidi: {line}", file=sys.stderr)) as library:
        if arguments.list_saved:
            _print_saved(library.saved_searches(), as_json=arguments.json)
            return 0
        if arguments.unsave is not None:
            library.forget_search(arguments.unsave)
            print(f"The search {arguments.unsave} is no longer kept.")
            return 0
        asked = _asked(arguments)
        if arguments.saved is not None:
            asked = joined(library.saved_search(arguments.saved).asked, asked)
        page = {name: getattr(arguments, name) for name in ("top", "offset", "as_of", "anyway")}
        result = library.search(**asked, **page)
        if arguments.save is not None:
            library.save_search(arguments.save, **asked)
            print(f"vidi: kept as {arguments.save}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(result.to_json(), indent=2))
    else:
        offers_nearest = not (arguments.anyway or _is_filter_alone(asked))
        lines = result_lines(result, offset=arguments.offset, top=arguments.top, offers_nearest=offers_nearest)
        print("\n".join(lines))
    return 0


def _is_filter_alone(asked: Mapping[str, Any]) -> bool:
    """Whether nothing is to be compared: what meets it is found, and nothing else is near."""
    from retrieval.search.reading import read_query  # help must not wait for it

    reading = read_query(asked["query"])
    return not (reading.text.strip() or reading.against or any(asked.get(name) for name in ("image", "like", "unlike")))


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a search is asked, without what was not given."""
    words = " ".join(words_of([*arguments.query, *arguments.more_words]))
    given = {name: getattr(arguments, name) for name in _OPTIONS if getattr(arguments, name)}
    return {"query": words, **given}


def _print_saved(searches: Sequence[SavedSearch], *, as_json: bool) -> None:
    if as_json:
        listed = [{"name": each.name, **each.asked, "saved_at": each.saved_at.isoformat()} for each in searches]
        print(json.dumps(listed, indent=2))
        return
    for each in searches:
        print(f"{each.name}\t{saved_line(each)}")
    if not searches:
        print("No search is kept yet. Keep one with --save NAME.")
