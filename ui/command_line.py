"""The `vidi` command. Data goes to stdout, the rest to stderr.

Exit codes: 0 done · 1 an expected failure, told in one line · 2 wrong usage · 130 stopped by Ctrl-C.
Only the module of the command that was asked for is imported, so that help stays quick.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from retrieval.errors import UsageError, VidiError
from retrieval.paths import display_of
from ui.arguments import words_kept
from ui.exit_codes import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE
from ui.interruption import Interruption

__all__ = ["COMMANDS", "main"]


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command's module under ``ui.commands``, and its line of help."""

    module: str
    summary: str
    takes_words: bool = False
    """Words may stand anywhere among its options, and begin with one dash; ``more_words`` are those after an option."""


COMMANDS = {
    "demo": CommandEntry("demo", "index the sample media that came with the install, and ask a few questions"),
    "index": CommandEntry("index", "index pictures, videos and sounds under folders; run again to continue"),
    "search": CommandEntry(
        "search", "find pictures, moments in video, and sounds by describing them", takes_words=True
    ),
    "tag": CommandEntry("tag", "tag the library, show its tags, tag by hand, write tags out"),
    "ui": CommandEntry("page", "open the search page on this machine"),
    "why": CommandEntry("why", "show why a file was found: the place in a picture, the experts of a video or sound"),
    "status": CommandEntry("status", "what is indexed, by which space, what failed and why"),
    "forget": CommandEntry("forget", "remove files from the library, after listing them and asking; never the files"),
    "models": CommandEntry("models", "the models: what they are, where they come from, whether they are here"),
    "rebuild": CommandEntry("rebuild", "make the vector index again from the catalog"),
    "train": CommandEntry("train", "train a classifier for your own labels, or a space for video or pictures"),
    "eval": CommandEntry("evaluate", "measure a space or a classifier on captions or labels"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with Interruption() as interruption:
        try:
            return _run(arguments)
        except BaseException as error:
            if interruption.came:
                return _stopped(error)
            code = _told(error)
            if code is None:
                raise
            return code


def _stopped(error: BaseException) -> int:
    """Tell that a person stopped the command; and what failed on the way out, unless the stop itself made it fail."""
    if not isinstance(error, KeyboardInterrupt | ImportError) and _told(error) is None:
        print(f"vidi: {type(error).__name__}: {error}", file=sys.stderr)
    print("vidi: stopped", file=sys.stderr)
    return EXIT_INTERRUPTED


def _told(error: BaseException) -> int | None:
    """Put an expected failure into words and give its exit code; None where ``error`` is no such thing."""
    match error:
        case UsageError():
            print(f"vidi: {error}", file=sys.stderr)
            return EXIT_USAGE
        case VidiError():
            print(f"vidi: {error}", file=sys.stderr)
            return EXIT_FAILURE
        case KeyboardInterrupt():
            return _stopped(error)
        case BrokenPipeError():
            _drop_output()  # its reader (`| head`) has gone
            return 0
        case OSError():
            _drop_output()
            print(f"vidi: {_plain(error)}", file=sys.stderr)
            return EXIT_FAILURE
        case _:
            return None


def _drop_output() -> None:
    """Write what can be written now; if it can't, nothing tries again when the interpreter ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plain(error: OSError) -> str:
    """A refusal of the system that nothing nearer to it has put into words."""
    reason = error.strerror or type(error).__name__
    if error.filename is not None:
        return f"{display_of(os.fsencode(error.filename))} can't be used ({reason})"
    try:
        os.getcwd()
    except FileNotFoundError:
        return f"the working folder is gone ({reason}); change to one that exists"
    return f"the output, or a file, can't be written ({reason})"


def _run(arguments: list[str]) -> int:
    chosen = _chosen(arguments)
    parser = argparse.ArgumentParser(
        prog="vidi", description="Find pictures, moments in video, and sounds from a sentence, on your own machine."
    )
    _add_library(parser, default=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, entry in COMMANDS.items():
        command = commands.add_parser(name, help=entry.summary, description=entry.summary.capitalize() + ".")
        # SUPPRESS: an option that is absent here must not undo the one before the command.
        _add_library(command, default=argparse.SUPPRESS)
        if name == chosen:
            module = _load(entry)
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    if chosen is not None and COMMANDS[chosen].takes_words:
        parsed, more = parser.parse_known_args(words_kept(arguments))
        if options := [word for word in more if word.startswith("-")]:
            parser.error(f"unrecognized arguments: {' '.join(options)}")
        parsed.more_words = more
    else:
        parsed = parser.parse_args(arguments)
    result: int = parsed.run(parsed)
    sys.stdout.flush()
    return result


def _chosen(arguments: list[str]) -> str | None:
    """The first word that is a command; a value of ``--library`` is none."""
    previous = ""
    for word in arguments:
        if word in COMMANDS and previous != "--library":
            return word
        previous = word
    return None


def _add_library(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    parser.add_argument(
        "--library",
        metavar="DIR",
        default=default,
        help="the library's folder (default: $VIDI_LIBRARY, else vidi in the user's data folder)",
    )


def _load(entry: CommandEntry) -> ModuleType:
    return importlib.import_module(f"ui.commands.{entry.module}")


if __name__ == "__main__":
    sys.exit(main())
