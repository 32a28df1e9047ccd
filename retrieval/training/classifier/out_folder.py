"""The folder that a training writes: its own from the first byte on, and nothing of anybody else's.

``training.json`` says whose it is; ``cache`` holds what a stopped run goes on with, and is gone at the end; the weights
and the curve come then, and ``card.json`` last: where it lies, the others are whole. One process at a time has it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from retrieval.errors import DatasetError, UsageError
from retrieval.models.classifier_files import CARD_FILE, FORMAT, WEIGHTS_FILE
from retrieval.training.heads_file import remove_unfinished, write_whole
from retrieval.training.stage_cache import not_writable

__all__ = ["OutFolder"]

_MARK: Final = "training.json"


class OutFolder:
    """A folder claimed for one training, known by what goes into it; a context manager, at whose end it is let go."""

    def __init__(self, path: Path, run: Mapping[str, Any], *, is_main: bool = True, task: str = "classifier") -> None:
        """Claims ``path``, which is absent, empty, or holds the same ``run`` of the same ``task``.

        Only the main of several processes makes it; the others find it.

        Raises:
            UsageError: it holds something else, can't be made, or another process has it.
        """
        self.path = path
        self._mark = {"task": task, "run": json.loads(json.dumps(run))}
        self._is_main = is_main
        self.is_new = False
        self._lock: int | None = None
        if is_main:
            try:
                self._claim()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def cache(self) -> Path:
        """What a stopped run goes on with."""
        return self.path / "cache"

    def finished(self) -> dict[str, Any] | None:
        """The card, where the training has ended."""
        try:
            card: dict[str, Any] = json.loads((self.path / CARD_FILE).read_bytes())
        except (OSError, ValueError):
            return None
        return card

    @contextmanager
    def undone_without_data(self) -> Iterator[None]:
        """A folder made for data that turn out useless is removed again."""
        try:
            yield
        except DatasetError:
            if self.is_new and self._is_main:
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    def write(self, weights: bytes, card: Mapping[str, Any], others: Mapping[str, str]) -> dict[str, Any]:
        """Everything, the card last, and the cache goes. Gives the card.

        Raises:
            UsageError: the folder can't be written.
        """
        digest = hashlib.sha256(weights).hexdigest()
        whole = {"task": "classifier", "format": FORMAT, **card, "sha256": digest}
        files = {name: text.encode() for name, text in others.items()}
        files |= {WEIGHTS_FILE: weights, CARD_FILE: (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()}
        self.write_files(files)
        return whole

    def write_files(self, files: Mapping[str, bytes]) -> None:
        """In their order, the card last, and the cache goes.

        Raises:
            UsageError: the folder can't be written.
        """
        try:
            for name, content in files.items():
                write_whole(self.path / name, content)
        except OSError as error:
            raise not_writable(self.path, error) from error
        shutil.rmtree(self.cache, ignore_errors=True)

    def _claim(self) -> None:
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True, exist_ok=True)
            self._hold()
            remove_unfinished(self.path, _MARK)  # of a run that was killed before it had its mark
            if any(self.path.iterdir()):
                self._check_mark()
            else:
                write_whole(self.path / _MARK, (json.dumps(self._mark, indent=1) + "\n").encode())
                self.is_new = True
            if self.finished() is None:
                self.cache.mkdir(exist_ok=True)
            for folder in (self.path, self.cache):
                remove_unfinished(folder)
        except OSError as error:
            raise not_writable(self.path, error) from error

    def _hold(self) -> None:
        """The lock is on the folder itself: the system lets go of it however this process ends, and no file is left."""
        self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"another process is training into {self.path}; wait until it is done, or choose another --out"
            ) from error
        except OSError:
            pass  # some network file systems lock no folders: there it is for people to start no two at once

    def _check_mark(self) -> None:
        try:
            mark = json.loads((self.path / _MARK).read_bytes())
        except (OSError, ValueError):
            raise UsageError(
                f"{self.path} holds files that are not of this training; choose an --out that is new or empty"
            ) from None
        if mark != self._mark:
            found = mark.get("run", {}) if isinstance(mark, dict) else {}
            changed = [name for name, value in self._mark["run"].items() if found.get(name) != value]
            raise UsageError(
                f"{self.path} holds another training (not the same: {', '.join(changed) or 'its form'}); give its own "
                f"arguments to continue it, or another --out"
            )
