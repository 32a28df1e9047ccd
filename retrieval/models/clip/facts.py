"""What is known of a model of open_clip once its weights were loaded; kept, so that later processes need no torch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

from retrieval.models.clip.names import ClipName, Form
from retrieval.settings import cache_path
from retrieval.types import PictureForm, ResizeMode

__all__ = ["ClipFacts", "Preprocessing", "digest_of", "kept_facts", "read_facts", "write_facts"]

_FORMAT: Final = 1
"""Raised when vidi makes other facts, or another use of them: those that were kept are made again then."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """From a picture to numbers, as the model was trained: resized, cut, then ``(pixel / 255 - mean) / std``."""

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    resize_mode: str
    fill: int

    @property
    def form(self) -> PictureForm:
        """What the decoders are told."""
        is_bilinear = self.interpolation == "bilinear"
        return PictureForm(self.height, self.width, ResizeMode(self.resize_mode), is_bilinear, self.fill)


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """One model with one set of weights, as it was when it was last loaded."""

    name: str
    """In full precision."""
    path: str
    size_bytes: int
    modified_ns: int
    sha256: str
    """Of the weights."""
    config_sha256: str
    """Of the architecture, the tokenizer's settings among it."""
    library: str
    """The version of open_clip that built it."""
    dim: int
    context_length: int
    preprocessing: Preprocessing
    tokenizer: Mapping[str, Any]
    """The text part of the configuration."""
    languages: tuple[str, ...]
    logit_scale: float
    logit_bias: float | None

    def version(self, form: Form) -> str:
        """A digest of all that shapes a vector."""
        parts = (self.sha256, self.config_sha256, json.dumps(asdict(self.preprocessing), sort_keys=True), form.value)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @property
    def is_published(self) -> bool:
        """Whether the weights are a tag's, which a hub has; else they are a file of this machine alone."""
        return not self.name.split("/", 2)[2].startswith("/")

    @property
    def is_current(self) -> bool:
        """Whether the file is the one that was read. One that was taken out of a hub's cache is still the one known."""
        try:
            stat = os.stat(self.path)
        except OSError:
            return self.is_published
        return (stat.st_size, stat.st_mtime_ns) == (self.size_bytes, self.modified_ns)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """What :func:`write_facts` wrote. Raises TypeError, KeyError or ValueError where it is something else."""
        preprocessing = told["preprocessing"] | {key: tuple(told["preprocessing"][key]) for key in ("mean", "std")}
        return cls(**told | {"preprocessing": Preprocessing(**preprocessing), "languages": tuple(told["languages"])})


def read_facts(name: ClipName) -> ClipFacts | None:
    """What is kept of ``name``, if it still holds."""
    facts = _read(_path_of(name))
    return facts if facts is not None and facts.is_current and facts.library == version("open_clip_torch") else None


def kept_facts() -> list[ClipFacts]:
    """All that is kept, whether it still holds or not, by name."""
    found = [_read(path) for path in (cache_path() / "open_clip" / "models").glob("*.json")]
    return sorted((facts for facts in found if facts is not None), key=lambda facts: facts.name)


def write_facts(name: ClipName, facts: ClipFacts) -> None:
    """Keep them, if that can be; without, each process loads the model again."""
    path = _path_of(name)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"format": _FORMAT, **asdict(facts)}, indent=1), "utf-8")
        part.replace(path)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, which may be larger than memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _path_of(name: ClipName) -> Path:
    key = hashlib.sha256(str(name.float32).encode()).hexdigest()[:24]
    return cache_path() / "open_clip" / "models" / f"{key}.json"


def _read(path: Path) -> ClipFacts | None:
    try:
        told = json.loads(path.read_text("utf-8"))
        return ClipFacts.from_json(told) if told.pop("format") == _FORMAT else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # absent, cut short by a full disk, or another's: it is made again
