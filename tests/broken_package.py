"""A package that is installed and can't be imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

__all__ = ["break_package"]


def break_package(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, reason: str = "libGL.so.1 is gone") -> None:
    """While the test lasts, ``import name`` raises ImportError for ``reason``, by a module in a hidden ``folder``."""
    hidden = folder / ".broken"
    hidden.mkdir(exist_ok=True)
    (hidden / f"{name}.py").write_text(f"raise ImportError({reason!r})\n")
    monkeypatch.syspath_prepend(hidden)
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    for reader in ("rapidocr_onnxruntime", "faster_whisper"):  # they import others, and would be known already
        for module in [each for each in sys.modules if each.partition(".")[0] == reader]:
            monkeypatch.delitem(sys.modules, module)
