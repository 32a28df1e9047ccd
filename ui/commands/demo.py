"""`vidi demo`: the whole way on the sample media that came with the install."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import VidiError
from ui.exit_codes import EXIT_INTERRUPTED
from ui.naming import command_name
from ui.progress import show_progress
from ui.sample_media import sample_media
from ui.wording import plural

if TYPE_CHECKING:
    from retrieval.library import Library

__all__ = ["QUESTIONS", "add_arguments", "run"]

QUESTIONS: tuple[tuple[str, str | None], ...] = (
    ("a cat looking at the camera", "picture"),
    ("a cup of coffee on a saucer", "picture"),
    ("a red motorcycle in a garage", "picture"),
    ("a big cat running", "picture"),
    ("a city street with cars", "video"),
    ("bicycles parked on the street", "video"),
    ("a man in a suit talking", "video"),
    ("a submarine under water", None),
)
"""What the demo asks, and the kind of media that it asks among; nothing here fits the last."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi demo`."""
    parser.add_argument("--ui", action="store_true", help="open the search page on the sample media afterwards")


def run(arguments: argparse.Namespace) -> int:
    """Index the samples into a library of their own, ask, and say what to type next."""
    # Here, not above: help must not wait for the indexer's imports.
    from indexer import index
    from retrieval.library import Library

    folder = _demo_library(arguments.library)
    files, absent = sample_media()
    if not files:
        raise VidiError("no sample media are installed; install them with: pip install 'vidi[demo]'")
    if absent:
        print(f"vidi: without {', '.join(absent)}; for all samples: pip install 'vidi[demo]'", file=sys.stderr)
    print(f"Indexing {plural(len(files), 'sample file')} into {folder}")
    with show_progress() as progress:
        report = index(files, folder, progress=progress.update, notice=progress.say)
    if report.indexed:
        print(
            f"{plural(report.pictures, 'picture')} and {plural(report.videos, 'video')} "
            f"({report.video_seconds:.0f} s) in {report.elapsed_seconds:.1f} s"
        )
    if report.interrupted:
        print("vidi: stopped; run the same command again to continue", file=sys.stderr)
        return EXIT_INTERRUPTED
    with Library(folder) as library:
        for question, kind in QUESTIONS:
            _ask(library, question, kind)
    print("\n".join(_next_commands(folder)))
    if arguments.ui:
        from ui.commands import page

        arguments.library = str(folder)
        return page.run(page.defaults(arguments))
    return 0


def _next_commands(folder: Path) -> list[str]:
    vidi = command_name()
    return [
        "",
        "The samples on a page in your browser:",
        f"  {vidi} --library {shlex.quote(str(folder))} ui",
        "Your own, in a library of their own:",
        f"  {vidi} index ~/Pictures",
        f"  {vidi} ui",
    ]


def _demo_library(chosen: str | None) -> Path:
    """A library beside the person's own, unless one was named."""
    from retrieval.settings import library_path

    if chosen:
        return library_path(chosen)
    own = library_path(None)
    return own.with_name(f"{own.name}-demo")


def _ask(library: Library, question: str, kind: str | None) -> None:
    from ui.presentation import result_lines

    began = time.perf_counter()
    result = library.search(question, kind=kind, top=3)
    elapsed_ms = (time.perf_counter() - began) * 1000
    among = f" --kind {kind}" if kind else ""
    print(f'\n$ vidi search "{question}"{among}    ({elapsed_ms:.0f} ms)')
    print("\n".join(result_lines(result)))
