"""The model card that is written beside trained heads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from retrieval.training.contrastive import ContrastiveConfig

__all__ = ["StarterCard"]


@dataclass(frozen=True, slots=True)
class StarterCard:
    """What a person should know of trained heads: of what, by which command, and how good."""

    dim: int
    data: str
    """Name and licence of the captioned pictures."""
    pictures: int
    captions: int
    dev_pictures: int
    command: str
    recipe: ContrastiveConfig
    figures: dict[str, float]
    """In percent, on dev."""

    def to_json(self, files: Sequence[Path]) -> str:
        """The card with today's date and the digests of ``files``."""
        card = {
            "name": "starter",
            "dim": self.dim,
            "languages": ["en"],
            "licence": "Apache-2.0",
            "towers": ["EfficientNet-Lite0 (Apache-2.0)", "all-MiniLM-L6-v2 (Apache-2.0)"],
            "data": {"captioned pictures": self.data, "pictures": self.pictures, "captions": self.captions},
            "words": ["WordNet 3.0 (WordNet licence)", "open_clip ImageNet class names (MIT)"],
            "calibrated_and_measured_on": f"{self.dev_pictures} other pictures, the dev table",
            "command": self.command,
            "recipe": asdict(self.recipe),
            "figures": self.figures,
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        }
        return json.dumps(card, indent=1) + "\n"
