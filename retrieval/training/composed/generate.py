"""Composed videos as files, with the table of their captions: to look at, to measure on, or to train on."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from retrieval.errors import DatasetError
from retrieval.training.composed.drawing import draw_benchmark, draw_parts
from retrieval.training.composed.film import write_clip
from retrieval.training.composed.parts import Clip, Event
from retrieval.training.composed.sounds import PACKAGES, find_sounds
from retrieval.training.composed.source import read_photographs
from retrieval.training.heads_file import write_whole
from retrieval.training.stage_cache import digest_of, not_writable

__all__ = ["CAPTIONS_FILE", "CLIPS_FILE", "draw_clips", "generate"]

CAPTIONS_FILE: Final = "captions.csv"
CLIPS_FILE: Final = "clips.json"
"""What each clip is made of."""

_TELL_SECONDS: Final = 20.0
_SAYINGS: Final = 400
_NOISES_A_SOUND: Final = 4


def draw_clips(
    photographs: Path, count: int, seed: int, sounds: Sequence[Path] = PACKAGES, *, held_out_sounds: bool = False
) -> list[Clip]:
    """``count`` clips in equal parts of the eight kinds, as :func:`draw_benchmark` draws them.

    ``held_out_sounds``: with the sounds that no training hears.

    Raises:
        DatasetError: the table or the sounds can't be used, or are too few for so many clips.
    """
    items, found = read_photographs(photographs), find_sounds(sounds)
    heard = found.held_out if held_out_sounds else found.sounds
    parts = draw_parts(items, heard, noises=_NOISES_A_SOUND * len(heard), sayings=_SAYINGS, seed=seed, all_twice=True)
    try:
        return draw_benchmark(parts, count, seed)
    except ValueError as error:
        raise DatasetError(f"{photographs}: {error}") from error


def generate(clips: Sequence[Clip], out: Path, say: Callable[[str], None]) -> list[Path]:
    """Render what is not in ``out`` yet, then write the tables. Gives the videos' paths, in order.

    Raises:
        MissingExtraError: espeak-ng is not installed.
        UsageError: ``out`` can't be written.
        DatasetError: a photograph or sound can't be read.
    """
    try:
        (out / "videos").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(out, error) from error
    paths = [out / "videos" / f"{digest_of([repr(clip)])[:16]}.mp4" for clip in clips]
    told = begun = time.monotonic()
    for number, (clip, path) in enumerate(zip(clips, paths, strict=True), start=1):
        if not path.exists():
            _write(clip, path)
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            say(f"{number:,} of {len(clips):,} videos, {(told - begun) / number * (len(clips) - number):.0f} s left")
    _write_tables(clips, paths, out)
    return paths


def _write(clip: Clip, path: Path) -> None:
    try:
        write_clip(clip, path)
    except OSError as error:
        raise DatasetError(f"a part of {clip.caption!r} can't be read or written: {error}") from error


def _write_tables(clips: Sequence[Clip], paths: Sequence[Path], out: Path) -> None:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["path", "caption"])
    for clip, path in zip(clips, paths, strict=True):
        writer.writerow([path.relative_to(out).as_posix(), clip.caption])
    told = [_told(clip, path.relative_to(out)) for clip, path in zip(clips, paths, strict=True)]
    try:
        write_whole(out / CLIPS_FILE, (json.dumps(told, indent=1) + "\n").encode())
        write_whole(out / CAPTIONS_FILE, table.getvalue().encode())
    except OSError as error:
        raise not_writable(out, error) from error


def _told(clip: Clip, path: Path) -> dict[str, Any]:
    return {
        "path": path.as_posix(), "caption": clip.caption, "kind": clip.kind.value, "group": clip.group,
        "has_sound": clip.has_sound, "events": [_told_event(event) for event in clip.events],
    }  # fmt: skip


def _told_event(event: Event) -> dict[str, Any]:
    return {
        "seconds": event.seconds,
        "photograph": event.shot.photograph.name,
        "camera": event.shot.move.value,
        "fades_in": event.shot.fades_in,
        "words": event.shot.words,
        "sound": event.noise.sound.file.name if event.noise else None,
        "said": event.saying.text if event.saying else None,
    }
