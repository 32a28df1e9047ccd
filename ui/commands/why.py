"""`vidi why`: a picture of where in a picture an answer or a tag comes from; of a video or sound, by which experts."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ui.wording import clock, span

if TYPE_CHECKING:
    from retrieval.search.why import Explanation
    from retrieval.search.why_experts import ExpertsWhy

__all__ = ["add_arguments", "run"]

_LONGEST_SIDE = 1600
_FORMATS = (".png", ".jpg", ".jpeg", ".webp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi why`."""
    parser.add_argument("path", metavar="PATH", type=Path, help="a picture, video or sound")
    parser.add_argument("asked", metavar="QUERY OR TAG", help="what was searched for, or a tag")
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="the picture to write: .png, .jpg, .jpeg or .webp (default: here, as a.jpg.why.png)",
    )
    reader = parser.add_mutually_exclusive_group()
    reader.add_argument("--space", metavar="S", help="the space that reads a query (default: the library's)")
    reader.add_argument(
        "--classifier", metavar="C",
        help="explain a class of this classifier: photo, photo-all, imagenet, a folder that `vidi train classifier` "
        "wrote, published weights such as deit_s_in1k, or MODEL=FILE (default: what gave the picture this tag, if it "
        "is one)",
    )  # fmt: skip
    parser.add_argument("--at", metavar="SECONDS", type=float, help="the time in a video (default: where it fits best)")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Explain, draw, and say what was drawn. A sound is told of alone."""
    from retrieval.media.kinds import kind_of
    from retrieval.types import MediaKind

    if kind_of(arguments.path) is MediaKind.SOUND:
        return _tell_sound(arguments)
    out = _out(arguments.path, arguments.out)
    found = _explained(arguments)
    experts = _experts_of_video(arguments) if kind_of(arguments.path) is MediaKind.VIDEO else None
    _write(out, _picture(arguments.path, found.time_seconds), found.heat)
    across, down = found.peak
    if arguments.json:
        facts = {
            "path": str(arguments.path),
            "asked": arguments.asked,
            "source": found.source,
            "score": round(found.score, 4),
            "time_seconds": found.time_seconds,
            "peak": {"x": round(across, 3), "y": round(down, 3)} if found.heat.any() else None,
            "out": str(out),
            **({"experts": experts.to_json()} if experts else {}),
        }
        print(json.dumps(facts, indent=2))
        return 0
    when = "" if found.time_seconds is None else f" at {clock(found.time_seconds)}"
    if found.heat.any():
        print(f"{out}: what speaks for {arguments.asked!r}{when}, as {found.source} sees it, is bright.")
        print(f"Most of all: {across:.0%} from the left, {down:.0%} from the top.")
    else:
        print(f"{out}: nothing speaks for {arguments.asked!r}{when}, as {found.source} sees it.")
    for line in _experts_lines(experts, arguments.asked) if experts else ():
        print(line)
    return 0


def _tell_sound(arguments: argparse.Namespace) -> int:
    from retrieval.errors import QueryError, UsageError

    if arguments.out or arguments.classifier:
        option = "--out" if arguments.out else "--classifier"
        raise UsageError(f"{option} is for what can be seen, and {arguments.path} is a sound; leave it out")
    if (experts := _experts(arguments)) is None:
        raise QueryError(
            f"the library holds no windows of {arguments.path}, which tell why a sound is found; "
            f"run `vidi index` on it, and let --space name a space of windows, such as mmt/starter"
        )
    if arguments.json:
        facts = {"path": str(arguments.path), "asked": arguments.asked, "experts": experts.to_json()}
        print(json.dumps(facts, indent=2))
    else:
        print("\n".join(_experts_lines(experts, arguments.asked)))
    return 0


def _experts_of_video(arguments: argparse.Namespace) -> ExpertsWhy | None:
    """None where a class is explained, or where the library knows the video by its frames at most."""
    from retrieval.errors import LibraryError, ModelError, QueryError

    if arguments.classifier or (not arguments.space and _tagger_of(arguments.library, arguments.path, arguments.asked)):
        return None
    try:
        return _experts(arguments)
    except (LibraryError, ModelError, QueryError):  # the picture is there all the same
        return None


def _experts(arguments: argparse.Namespace) -> ExpertsWhy | None:
    from retrieval.errors import QueryError
    from retrieval.search.why_experts import explain_experts
    from retrieval.settings import library_path
    from retrieval.store.catalog import Catalog

    if not arguments.asked.strip():
        raise QueryError('nothing is asked; give a text, such as `vidi why talk.wav "the weather"`')
    with Catalog(library_path(arguments.library)) as catalog:
        return explain_experts(
            catalog, arguments.path, arguments.asked.strip(), arguments.space, at_seconds=arguments.at
        )


def _experts_lines(found: ExpertsWhy, asked: str) -> list[str]:
    """The best window, then its terms: weight × agreement, and the words of those that are heard or read."""
    window = span(found.window.start_seconds, found.window.end_seconds)
    lines = [
        f"{window} speaks most for {asked!r} in {found.space}: {found.score:.3f}, the sum of weight × agreement of"
    ]
    wide = max((len(term.term) for term in found.terms), default=0)
    for term in found.terms:
        of = "" if term.expert in term.term else f"  ({term.expert})"
        lines.append(f"  {term.term:<{wide}}  {term.weight:.3f} × {term.agreement:+.3f} = {term.share:+.3f}{of}")
    return [*lines, *_quote_lines(found)]


def _quote_lines(found: ExpertsWhy) -> list[str]:
    from retrieval.search.results import Reason
    from ui.presentation import quote_row, readable

    rows = [
        quote_row(Reason(source, 0.0, quote.text, quote.start_seconds, quote.end_seconds))
        for source, quote in found.quotes.items()
    ]
    return [f"  “{readable(row.text)}” ({row.origin})" for row in rows]


def _explained(arguments: argparse.Namespace) -> Explanation:
    # Here, not above: help must not wait for them.
    from retrieval.search.why import explain, explain_class, explain_tag, explain_text
    from retrieval.spaces.registry import get_space

    path, asked, at_seconds = arguments.path, arguments.asked, arguments.at
    if arguments.classifier:
        return explain_class(path, asked, arguments.classifier, at_seconds=at_seconds)
    if arguments.space:
        return explain_text(path, asked, get_space(arguments.space), at_seconds=at_seconds)
    if tagger := _tagger_of(arguments.library, path, asked):
        return explain_tag(path, asked, tagger, at_seconds=at_seconds)
    return explain(path, asked, get_space(_space_of(arguments.library)), at_seconds=at_seconds)


def _tagger_of(library: str | None, path: Path, label: str) -> str | None:
    """The machine that is surest of this tag of the picture; None where nothing gave it."""
    from retrieval.errors import LibraryError
    from retrieval.settings import library_path
    from retrieval.store.catalog import Catalog
    from retrieval.store.tags import Tags

    try:
        with Catalog(library_path(library)) as catalog:
            taggers = Tags(catalog).taggers_of(os.fsencode(os.path.abspath(path)), label)
    except LibraryError:
        return None
    return taggers[0] if taggers else None


def _space_of(library: str | None) -> str:
    """The space in which an answer was found that named none; the starter where nothing is indexed."""
    from retrieval.errors import LibraryError
    from retrieval.library import Library
    from retrieval.spaces.registry import DEFAULT_SPACE

    try:
        with Library(library) as opened:
            return opened.default_space
    except LibraryError:
        return DEFAULT_SPACE


def _out(path: Path, out: Path | None) -> Path:
    from retrieval.errors import UsageError

    is_named, out = out is not None, out or Path(f"{path.name}.why.png")
    if out.suffix.lower() not in _FORMATS:
        raise UsageError(f"--out {out} names no kind of picture that can be written; expected {', '.join(_FORMATS)}")
    if out.exists() and path.exists() and out.samefile(path):
        raise UsageError(f"--out {out} is the picture itself, which is never written; choose another name")
    if is_named and out.exists():
        raise UsageError(f"--out {out} is there already, and nothing is written over it; choose another name")
    return out


def _picture(path: Path, time_seconds: float | None) -> bytes:
    """The picture, or the video's frame at that time, as a JPEG."""
    from retrieval.errors import QueryError
    from retrieval.media.tasks import Failed, ThumbnailMade, ThumbnailTask
    from retrieval.media.worker import MediaWorkers
    from retrieval.settings import MediaLimits

    with MediaWorkers(MediaLimits(), processes=1) as workers:
        outcome = workers.run(ThumbnailTask(0, path, _LONGEST_SIDE, time_seconds))[-1]
    if isinstance(outcome, Failed):
        raise QueryError(f"{path} can't be drawn: {outcome.reason}")
    assert isinstance(outcome, ThumbnailMade), outcome
    return outcome.jpeg


def _write(out: Path, jpeg: bytes, heat: object) -> None:
    import numpy as np

    from retrieval.store.files import replacing
    from ui.heat_picture import draw_heat

    picture = draw_heat(jpeg, np.asarray(heat))
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(out.suffix.lower(), "PNG")
    with replacing(out) as temporary:
        picture.save(temporary, kind)
