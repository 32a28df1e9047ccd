"""Indexes thousands of harmed files beside sound ones, and counts: crashes, hangs, files unaccounted for or not found.

`python -m benchmarks.hostile FOLDER` is the run itself, in a process of its own, so that whatever it prints is seen.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks.hostile_files import make_hostile_files, make_sound_files
from retrieval.store.catalog import Catalog
from retrieval.store.census import take_census
from retrieval.store.schema import Asset, Failure, File
from retrieval.types import MediaKind

__all__ = ["measure_hostile"]

SECONDS_A_FILE = 10.0
"""What one file may take, less than by default: a hang costs so long."""


def measure_hostile(folder: Path, *, count: int = 5_000, seed: int = 0) -> dict[str, Any]:
    """Make the files, index them, and hold what the catalog says against what lies on the disk."""
    media, library = folder / "media", folder / "library"
    good = make_sound_files(media / "good")
    made = list(make_hostile_files(media / "harmed", count, seed))
    on_disk = {path for path in media.rglob("*") if path.is_file()}
    began = time.perf_counter()
    # Twice what every file may take if each were to hang, were there one worker: only a hang of the run itself is over.
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.hostile", str(folder)],
        capture_output=True,
        text=True,
        timeout=600 + 2 * SECONDS_A_FILE * count,
        check=False,
    )
    seconds = time.perf_counter() - began
    report = json.loads(ended.stdout) if ended.returncode == 0 else {}
    return {
        "files": len(on_disk),
        "harmed": len(made),
        "sound": len(good),
        "seconds": round(seconds, 1),
        "exit_code": ended.returncode,
        "tracebacks": ended.stderr.count("Traceback"),
        "printed": ended.stderr[-2000:],
        "indexed_in_the_run": report.get("indexed"),
        **_accounts(library, on_disk, good),
    }


def _accounts(library: Path, on_disk: set[Path], good: Sequence[Path]) -> dict[str, Any]:
    with Catalog(library) as catalog:
        census = take_census(catalog)
        rows = select(File.path, Asset.kind, Failure.reason).outerjoin(Asset, Asset.id == File.asset_id)
        with catalog.engine.connect() as connection:
            found = connection.execute(rows.outerjoin(Failure, Failure.file_id == File.id).where(File.present)).all()
    indexed = {path.decode(): kind for path, kind, _ in found if kind is not None}
    failed = {path.decode(): reason for path, _, reason in found if reason is not None}
    named = {str(path) for path in on_disk}
    return {
        "indexed": len(indexed),
        "failed": len(failed),
        "waiting": census.files_waiting,
        "indexed_and_failed": len(indexed.keys() & failed.keys()),
        "unaccounted": sorted(named - indexed.keys() - failed.keys())[:20],
        "sound_not_indexed": sorted(str(path) for path in good if str(path) not in indexed),
        "sound_not_found": _not_found(library, [path for path in good if indexed.get(str(path)) != MediaKind.SOUND]),
        "kinds": dict(Counter(indexed.values())),
        "reasons": dict(Counter(map(_class_of, failed.values())).most_common()),
    }


def _not_found(library: Path, good: Sequence[Path]) -> list[str]:
    """Those that no search gives, however far down one looks."""
    from retrieval.library import Library

    with Library(library) as opened:
        result = opened.search("a photograph", top=1_000_000, anyway=True, unfolded=True)
    shown = {str(path) for hit in result.hits for path in (hit.path, *hit.copies)}
    return sorted(str(path) for path in good if str(path) not in shown)


def _class_of(reason: str) -> str:
    """A reason without what differs from file to file."""
    return re.sub(r"\d[\d.]*", "#", re.sub(r"\(.*\)", "(…)", reason))[:70]


def _run(folder: Path) -> None:
    from indexer import index
    from retrieval.settings import MediaLimits, Settings

    limits = MediaLimits(picture_seconds=SECONDS_A_FILE, video_seconds_base=SECONDS_A_FILE)
    report = index([folder / "media"], folder / "library", settings=Settings(limits=limits))
    print(json.dumps(report.to_json()))


if __name__ == "__main__":
    _run(Path(sys.argv[1]))
