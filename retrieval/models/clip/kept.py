"""Folders of files that take long to make: written whole or not at all, known by digests, made again if damaged."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from retrieval.settings import cache_path

__all__ = ["GRAPH", "Kept", "keep", "open_kept"]

GRAPH: Final = "graph.onnx"
_CARD: Final = "card.json"

Kept = tuple[Path, dict[str, Any]]
"""A folder, and what was noted when it was made."""


def open_kept(key: str) -> Kept | None:
    """The folder kept under ``key``; None where there is none, or a file of it is not as it was written."""
    folder = _folder(key)
    try:
        card = json.loads((folder / _CARD).read_text("utf-8"))
        if all(_digest(folder / name) == digest for name, digest in card["files"].items()):
            return folder, card["notes"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def keep(key: str, write: Callable[[Path], dict[str, Any]]) -> Kept:
    """Make the folder of ``key`` anew: ``write`` fills one that is empty, and gives the notes.

    Raises:
        OSError: it can't be written. What ``write`` raises goes on; nothing is kept then.
    """
    folder = _folder(key)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    _sweep(folder)
    part.mkdir(parents=True)
    try:
        notes = write(part)
        files = {path.name: _digest(path) for path in sorted(part.iterdir())}
        (part / _CARD).write_text(json.dumps({"files": files, "notes": notes}, indent=1), "utf-8")
        for path in part.iterdir():
            _sync(path)
        shutil.rmtree(folder, ignore_errors=True)  # damaged, or another process's that was a moment sooner
        part.rename(folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder, notes


def _folder(key: str) -> Path:
    return cache_path() / "open_clip" / "graphs" / key


def _sweep(folder: Path) -> None:
    """Remove what processes left behind that were killed while they wrote."""
    for part in folder.parent.glob(f".{folder.name}.*.part"):
        process = part.name.split(".")[-2]
        if not (process.isdigit() and process != str(os.getpid()) and Path(f"/proc/{process}").exists()):
            shutil.rmtree(part, ignore_errors=True)


def _digest(path: Path) -> str:
    return blake3(max_threads=blake3.AUTO).update_mmap(path).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
