"""`vidi forget`: remove files from the library, after listing them and asking."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from retrieval.errors import UsageError
from retrieval.paths import display_of
from ui.exit_codes import EXIT_FAILURE
from ui.wording import plural

if TYPE_CHECKING:
    from retrieval.store.forget import ForgetPlan

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi forget`."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a file, or a folder with all below it")
    parser.add_argument(
        "--missing",
        action="store_true",
        help="only files that are gone: all that are marked as missing, or with PATH those that are not there now",
    )
    parser.add_argument("--yes", action="store_true", help="don't ask")


def run(arguments: argparse.Namespace) -> int:
    """List, ask, forget."""
    from indexer.forget import Selection, forget, plan_forgetting  # help must not wait for it

    if not arguments.paths and not arguments.missing:
        raise UsageError("forget what? Give a file or folder, or --missing for all files that are gone")
    selection = Selection.of(arguments.paths, missing=arguments.missing)
    plan = plan_forgetting(arguments.library, selection)
    if not plan.file_ids and arguments.missing:
        print("No file is missing; there is nothing to forget.")
        return 0
    if plan.file_ids:
        print("\n".join(_lines(plan)))
        if not _consents(yes=arguments.yes):
            return EXIT_FAILURE
    count = forget(arguments.library, selection, plan, lambda line: print(f"vidi: {line}", file=sys.stderr))
    if not plan.file_ids:
        print("vidi: the library knows no file there; `vidi status` tells what it holds", file=sys.stderr)
        return EXIT_FAILURE
    print(f"Forgotten: {plural(count, 'file')}.")
    return 0


def _lines(plan: ForgetPlan) -> list[str]:
    parts = [f"{plural(plan.contents, 'content')} with {plural(plan.vectors, 'vector')}"]
    if plan.copies:
        parts.append(f"{plural(plan.copies, 'copy').replace('copys', 'copies')} of what lies elsewhere and stays known")
    lines = [f"To be forgotten: {plural(len(plan.file_ids), 'file')} ({'; '.join(parts)})"]
    lines += [f"  {display_of(path)}" for path in plan.examples]
    if more := len(plan.file_ids) - len(plan.examples):
        lines.append(f"  and {more:,} more")
    if plan.tags_of_people:
        lines.append(f"With them go {plural(plan.tags_of_people, 'tag')} that people gave.")
    lines.append(
        "The files themselves are not touched. One that still lies in a folder that you index comes back at its next "
        "`vidi index`, without the tags."
    )
    return lines


def _consents(*, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        print("vidi: nothing was forgotten: nobody can be asked here; add --yes to consent", file=sys.stderr)
        return False
    print("Forget them? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    print("vidi: nothing was forgotten", file=sys.stderr)
    return False
