"""What a training run has finished, kept so that a stopped run continues.

A stage is known by what went into it: changed inputs are another stage, and an old one is never taken for it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from retrieval.errors import UsageError
from retrieval.training.heads_file import write_whole

__all__ = ["StageCache", "digest_of", "file_state", "not_writable"]

_DIGEST: Final = 24  # hexadecimal digits


def digest_of(inputs: Sequence[str | bytes]) -> str:
    """A short digest of texts and bytes, in their order."""
    digest = hashlib.sha256()
    for item in inputs:
        content = item.encode("utf-8", "surrogateescape") if isinstance(item, str) else item
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:_DIGEST]


def file_state(path: Path) -> str:
    """Size and time of change: beside its path, what a file is known by."""
    try:
        state = os.stat(path)
    except OSError:
        return "absent"
    return f"{state.st_size} {state.st_mtime_ns}"


class StageCache:
    """A folder of safetensors files, one a stage."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder.

        Raises:
            UsageError: it can't be made.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_writable(folder, error) from error

    def path(self, name: str, inputs: Sequence[str | bytes]) -> Path:
        """Where the stage is kept."""
        return self._folder / f"{name}-{digest_of(inputs)}.safetensors"

    def paths(self, name: str) -> list[Path]:
        """All finished stages of a name, oldest first."""
        found = self._folder.glob(f"{name}-{'[0-9a-f]' * _DIGEST}.safetensors")
        return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def load(self, name: str, inputs: Sequence[str | bytes]) -> dict[str, NDArray[Any]] | None:
        """The tensors of a finished stage; None where it is not finished, or its file is damaged."""
        try:
            found: dict[str, NDArray[Any]] = load_file(self.path(name, inputs))
        except (OSError, SafetensorError):
            return None
        return found

    def store(self, name: str, inputs: Sequence[str | bytes], tensors: Mapping[str, NDArray[Any]]) -> None:
        """Keep a finished stage; half a file is never seen.

        Raises:
            UsageError: the file can't be written.
        """
        path = self.path(name, inputs)
        try:
            write_whole(path, save(dict(tensors)))
        except OSError as error:
            raise not_writable(path, error) from error


def not_writable(path: Path, error: OSError) -> UsageError:
    """What a person is told of a folder or file that can't be written."""
    return UsageError(f"{path} can't be written: {error.strerror}; free some space there, or choose another --out")
