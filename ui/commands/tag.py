"""`vidi tag`: tag a library, show its tags, tag by hand, and write tags out."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ui.arguments import whole_number
from ui.exit_codes import EXIT_INTERRUPTED
from ui.wording import plural

if TYPE_CHECKING:
    from indexer.tag_report import TagReport
    from retrieval.tagging.tagger import Tagger

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi tag`."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these indexed files and folders, one by one")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--classifier",
        action="append",
        metavar="C",
        help="photo, photo-all, imagenet, a folder that `vidi train classifier` wrote, the name of published weights "
        "such as deit_s_in1k, or MODEL=FILE; may be repeated (default: photo and imagenet)",
    )
    chosen.add_argument("--labels", metavar="FILE", help="tag with your own words: a text file, a label a line")
    parser.add_argument(
        "--space", metavar="S", help="the space that compares --labels with pictures (default: the library's)"
    )
    parser.add_argument("--top", type=whole_number(1), default=30, metavar="N", help="show at most so many tags")
    hand = parser.add_argument_group("by hand")
    hand.add_argument("--add", action="append", metavar="LABEL", help="say that the files bear this tag")
    hand.add_argument("--remove", action="append", metavar="LABEL", help="say that they don't, whatever a machine says")
    hand.add_argument("--withdraw", metavar="SOURCE", help="take away every tag of this classifier, and tag nothing")
    out = parser.add_argument_group("out again")
    form = out.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the tags of every file as JSON")
    form.add_argument("--csv", metavar="FILE", help="write path,label,score,source, a row a tag")
    form.add_argument("--xmp", action="store_true", help="XMP sidecars: say how many would be made and changed")
    out.add_argument("--write", action="store_true", help="with --xmp: make and change them")
    out.add_argument(
        "--xmp-name",
        choices=("appended", "replaced"),
        help="a.jpg.xmp, as darktable and digiKam read, or a.xmp, as Adobe's programs do (default: appended)",
    )
    out.add_argument("--xmp-to", metavar="DIR", help="put the sidecars below this folder, not beside the files")


def run(arguments: argparse.Namespace) -> int:
    """Tag what is missing, or by hand; then show, or write out."""
    _check(arguments)
    from ui import tag_output  # help must not wait for it

    if arguments.withdraw is not None:
        print(tag_output.withdraw(arguments.library, arguments.withdraw), file=sys.stderr)
        return 0
    if arguments.add or arguments.remove:
        add, remove = arguments.add or [], arguments.remove or []
        for label in tag_output.tag_by_hand(arguments.library, arguments.paths, add, remove):
            print(f"vidi: no file bore {label!r}; it is refused all the same", file=sys.stderr)
    else:
        report = _tag(arguments)
        if report.interrupted:
            print("vidi: stopped; run the same command again to continue", file=sys.stderr)
            return EXIT_INTERRUPTED
        if arguments.json:
            tagged = tag_output.tagged_files(arguments.library, arguments.paths)
            print(json.dumps(report.to_json() | {"files": [each.to_json() for each in tagged]}, indent=2))
            return 0
        print("\n".join(_summary(report)), file=sys.stderr)
    if arguments.csv:
        count = tag_output.write_csv(arguments.library, arguments.paths, arguments.csv)
        print(f"{plural(count, 'row')} written to {arguments.csv}", file=sys.stderr)
    elif arguments.xmp:
        lines = tag_output.write_xmp(
            arguments.library,
            arguments.paths,
            arguments.xmp_name or "appended",
            arguments.xmp_to,
            write=arguments.write,
        )
        print("\n".join(lines))
    elif arguments.paths:
        print("\n".join(tag_output.file_lines(arguments.library, arguments.paths, arguments.top)))
    else:
        print("\n".join(tag_output.library_lines(arguments.library, arguments.top)))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    from retrieval.errors import UsageError

    by_hand = arguments.add or arguments.remove
    tags_too = by_hand or arguments.paths or arguments.classifier or arguments.labels or arguments.space
    if arguments.withdraw is not None and (tags_too or arguments.json or arguments.csv or arguments.xmp):
        raise UsageError("--withdraw takes away all tags of one classifier and does nothing else; give it alone")
    if by_hand and not arguments.paths:
        raise UsageError("--add and --remove need the files to tag: vidi tag --add LABEL PATH...")
    if by_hand and (arguments.classifier or arguments.labels or arguments.space):
        raise UsageError("--add and --remove are by hand; leave out --classifier, --labels and --space")
    if by_hand and arguments.json:
        raise UsageError(
            "--json prints what a run of taggers did; after --add or --remove run `vidi tag --json PATH...`"
        )
    if arguments.space and not arguments.labels:
        raise UsageError("--space chooses what compares the labels of --labels FILE; add it, or leave out --space")
    if (arguments.write or arguments.xmp_to or arguments.xmp_name) and not arguments.xmp:
        raise UsageError("--write, --xmp-name and --xmp-to are about sidecars; add --xmp")
    if arguments.csv is not None:
        from ui.tag_output import check_csv_target

        check_csv_target(arguments.csv)


def _tag(arguments: argparse.Namespace) -> TagReport:
    from indexer.tag import tag

    is_shown = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if is_shown:
            print(f"\r{done:,} of {total:,}", end="\n" if done >= total else "", file=sys.stderr, flush=True)

    def notice(line: str) -> None:
        print(f"vidi: {line}", file=sys.stderr)

    return tag(_taggers(arguments), arguments.library, paths=arguments.paths, progress=progress, notice=notice)


def _taggers(arguments: argparse.Namespace) -> list[Tagger]:
    from retrieval.tagging.registry import DEFAULT_TAGGERS, get_label_tagger, get_tagger

    if arguments.labels:
        return [get_label_tagger(arguments.labels, arguments.space or _space_of(arguments.library))]
    return [get_tagger(name) for name in dict.fromkeys(arguments.classifier or DEFAULT_TAGGERS)]


def _space_of(library: str | None) -> str:
    from retrieval.library import Library

    with Library(library) as opened:
        return opened.default_space


def _summary(report: TagReport) -> list[str]:
    lines = []
    for each in report.taggers:
        if each.assets or each.failed:
            seen = "1 picture or video" if each.assets == 1 else f"{each.assets:,} pictures and videos"
            lines.append(
                f"{each.name}: {plural(each.tags, 'tag')} for {each.tagged:,} of {seen} "
                f"({each.assets_per_second:,.0f} a second)"
            )
        else:
            lines.append(f"{each.name}: nothing new")
        if each.failed:
            lines.append(f"{each.name} could not look at {plural(each.failed, 'file')}; the next run tries again")
        if each.lacking:
            lines.append(f"{each.name} can't see {plural(each.lacking, 'file')}; run `vidi index` on them again")
    return lines
