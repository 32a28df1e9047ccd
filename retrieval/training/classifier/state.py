"""What a training run needs to go on after it was killed, in one file that is never seen half-written."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from retrieval.training.heads_file import write_whole
from retrieval.training.stage_cache import not_writable

__all__ = ["StateFile"]


class StateFile:
    """A file of tensors and numbers, written again at least every ``seconds`` of training."""

    def __init__(self, path: Path, say: Callable[[str], None], seconds: float = 60.0) -> None:
        self._path = path
        self._say = say
        self._seconds = seconds
        self._saved_at = time.monotonic()

    def is_due(self) -> bool:
        """Whether the last writing is long enough ago."""
        return time.monotonic() - self._saved_at >= self._seconds

    def save(self, content: dict[str, Any]) -> None:
        """Replace what was kept.

        Raises:
            UsageError: it can't be written.
        """
        buffer = io.BytesIO()
        torch.save(content, buffer)
        try:
            write_whole(self._path, buffer.getvalue())
        except OSError as error:
            raise not_writable(self._path, error) from error
        self._saved_at = time.monotonic()

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """What was kept last; None where nothing was, or the file is damaged, which is told."""
        if not self._path.exists():
            return None
        try:
            content: dict[str, Any] = torch.load(self._path, map_location=device, weights_only=True)
        except Exception as error:  # noqa: BLE001 - whatever a damaged file makes torch raise, the run can begin again
            self._say(f"{self._path} is damaged ({type(error).__name__}); the training begins again")
            return None
        return content
