"""The vocabulary for photo libraries that comes with vidi: data/photo_vocabulary.txt."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["PHOTO_VOCABULARY"]

PHOTO_VOCABULARY: Final = Path(__file__).parent / "data" / "photo_vocabulary.txt"
