"""`vidi index`: fill a library."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from ui.exit_codes import EXIT_INTERRUPTED
from ui.progress import show_progress
from ui.wording import beside, plural

if TYPE_CHECKING:
    from indexer import IndexReport

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi index`."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a folder (with all below it) or a file")
    parser.add_argument(
        "--space",
        action="append",
        metavar="S",
        help="the space to embed into: starter, mmt/FOLDER that `vidi train mmt` wrote, or open_clip/MODEL/WEIGHTS, "
        "WEIGHTS a published tag or a file's path (default: the one that a search of the library takes, in a new one "
        "starter; may be repeated)",
    )
    parser.add_argument(
        "--retry-failed",
        action="store_true",
        help="try files again that failed for good, and experts that failed",
    )
    parser.add_argument("--rehash", action="store_true", help="read every file again, even if it looks unchanged")
    parser.add_argument(
        "--watch", action="store_true", help="go on taking in what is new, changed, moved or gone, until Ctrl-C"
    )
    parser.add_argument(
        "--whisper",
        metavar="MODEL",
        help="what transcribes speech: a folder with a Whisper model converted for CTranslate2, or a name that "
        "faster-whisper knows, such as small (default: the one that was last given for the library, at first tiny.en, "
        "which comes with vidi[speech] and knows English). What another one heard is transcribed again",
    )
    parser.add_argument(
        "--expert",
        action="append",
        default=[],
        metavar="NAME=MODEL:WEIGHTS",
        help="also ask an expert whose weights vidi doesn't ship, such as motion=torchvision/r2plus1d_18:FILE, "
        "audio=clap:FOLDER, scene=places365/resnet18:FILE, rgb=timm/NAME:FILE; without weights they are fetched, "
        "where a hub has them (may be repeated, each NAME once)",
    )
    parser.add_argument("--workers", type=_positive, metavar="N", help="decoding processes (default: one a core)")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the report as JSON; with --watch or several spaces, one report a line",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 up, got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Index, with a progress bar on a terminal, then print what was done."""
    # Here, not above: help must not wait for the indexer's imports.
    from dataclasses import replace

    from indexer.run import Session, named_roots
    from indexer.watch import watch
    from retrieval.settings import Settings

    settings = Settings()
    index = replace(settings.index, whisper_model=arguments.whisper, expert_models=tuple(arguments.expert))
    settings = replace(settings, index=index)
    if arguments.workers:
        settings = replace(settings, index=replace(settings.index, workers=arguments.workers))
    spaces = list(dict.fromkeys(arguments.space or [None]))
    how = {"retry_failed": arguments.retry_failed, "rehash": arguments.rehash}
    roots = named_roots(arguments.paths)
    with show_progress() as progress:

        def tell(report: IndexReport) -> None:
            progress.hide()
            told = report.to_json()
            indent = None if arguments.watch or len(spaces) > 1 else 2  # several reports are one a line
            print(json.dumps(told, indent=indent) if arguments.json else "\n".join(_lines(told)), flush=True)

        # All of them before the first run: a space that can't be had is told now, not after hours of the others.
        sessions = [
            Session(arguments.library, space=space, settings=settings, progress=progress.update, notice=progress.say)
            for space in spaces
        ]
        if arguments.watch:
            watch(sessions, roots, tell, progress.say, **how)  # until somebody stops it; that is the only end
            return _interrupted()
        for session in sessions:
            report = session.run(roots, **how)
            tell(report)
            if report.interrupted:
                return _interrupted()
    return 0


def _interrupted() -> int:
    print("vidi: stopped; run the same command again to continue", file=sys.stderr)
    return EXIT_INTERRUPTED


def _account_lines(accounts: dict[str, Any]) -> list[str]:
    """The sum of all that was found, so that a person sees nothing was passed over."""
    words = {"indexed": "indexed", "failed": "failed", "waiting": "waiting", "parts": "parts of others"}
    listed = [f"{accounts[name]:,} {word}" for name, word in words.items() if accounts[name]]
    lines = [f"In all: {plural(accounts['found'], 'media file')}: {', '.join(listed)}."] if listed else []
    if told := beside(accounts["others"], accounts["hidden"]):
        lines.append(f"Beside them: {told}.")
    if accounts["troubled_places"]:
        told = plural(accounts["troubled_places"], "place")
        lines.append(f"Could not look into or judge: {told}; see why with `vidi status --failed`.")
    return lines


def _lines(report: dict[str, Any]) -> list[str]:
    def count(name: str) -> int:
        return int(str(report[name]))

    found = [f"{count(name):,} {name}" for name in ("new", "changed", "unchanged", "moved", "copied") if count(name)]
    found += [f"{count(name):,} {name}" for name in ("returned", "missing") if count(name)]
    lines = [f"Found: {', '.join(found) or 'no media files'}."]
    lines += _account_lines(report["accounts"])
    if count("indexed"):
        lines.append(
            f"Indexed: {plural(count('pictures'), 'picture')}, {plural(count('videos'), 'video')}, "
            f"{plural(count('sounds'), 'sound')} in {float(str(report['elapsed_seconds'])):.1f} s "
            f"({report['pictures_per_second']} pictures/s, {report['video_seconds_per_second']} video seconds/s)."
        )
    if count("embedded"):
        lines.append(f"Embedded again from what was kept, without decoding: {plural(count('embedded'), 'file')}.")
    if count("heard"):
        lines.append(f"Decoded again for experts that had not been asked: {plural(count('heard'), 'file')}.")
    if count("described"):
        lines.append(f"Their words read without decoding: {plural(count('described'), 'file')}.")
    if any(map(count, ("sidecars", "sidecars_refused", "sidecars_gone"))):
        told = {"sidecars": "read", "sidecars_refused": "refused", "sidecars_gone": "gone"}
        lines.append(
            "Sidecars: " + ", ".join(f"{count(key):,} {word}" for key, word in told.items() if count(key)) + "."
        )
    if count("windowed"):
        lines.append(f"Windows made from what was kept: {plural(count('windowed'), 'file')}.")
    elif count("sounds"):
        lines.append("Sounds are found by what is said in them, where the speech expert could hear it.")
    if count("failed"):
        lines.append(f"Failed: {plural(count('failed'), 'file')}; see why with `vidi status --failed`.")
    if count("still_failed"):
        lines.append(
            f"{plural(count('still_failed'), 'file')} failed before and did not change; "
            "try again with --retry-failed, or see `vidi status --failed`."
        )
    return lines
