"""What ``open_clip/<model>/<weights>`` means, told without loading open_clip, whose import takes many seconds."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self

from retrieval.errors import UnknownSpaceError

__all__ = ["FAMILY", "ClipName", "Form", "model_config", "model_names", "nearest"]

FAMILY: Final = "open_clip"
_LONGEST: Final = 1024  # of a space's name in the catalog
_FILE_ENDINGS: Final = frozenset({".pt", ".pth", ".bin", ".safetensors", ".ckpt", ".npz"})
_USAGE: Final = (
    f"{FAMILY}/MODEL/WEIGHTS, as {FAMILY}/ViT-B-32/laion2b_s34b_b79k or {FAMILY}/ViT-B-32/./file.safetensors"
)


class Form(StrEnum):
    """How the picture tower computes."""

    FLOAT32 = "float32"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class ClipName:
    """A model of open_clip, its weights (a published tag, or an absolute path), and its form."""

    model: str
    weights: str
    form: Form = Form.FLOAT32

    @classmethod
    def parse(cls, text: str) -> Self:
        """From what ``--space`` takes: ``open_clip/<model>/<tag, file or folder>``, with ``@int8`` or without.

        Weights with a slash, or that end as files of weights do, are a path; a relative one becomes absolute.

        Raises:
            UnknownSpaceError: a part is missing, the model is none of open_clip's, or the path is too long to keep.
        """
        family, _, rest = text.partition("/")
        model, _, weights = rest.partition("/")
        form = Form.FLOAT32
        if weights.endswith(f"@{Form.INT8}"):
            weights, form = weights.removesuffix(f"@{Form.INT8}"), Form.INT8
        if family != FAMILY or not model or not weights:
            raise UnknownSpaceError(f"{text!r} names no model of open_clip: expected {_USAGE}")
        if model_config(model) is None:
            near = nearest(model, model_names())
            raise UnknownSpaceError(f"open_clip has no model {model!r}; {near}")
        name = cls(model, _absolute(weights), form)
        if len(str(name)) > _LONGEST:
            raise UnknownSpaceError(
                f"the name {name} is longer than the {_LONGEST} signs that a library keeps; "
                f"link the weights to a shorter path"
            )
        return name

    @property
    def path(self) -> Path | None:
        """The file or folder of the weights; None for a published tag."""
        return Path(self.weights) if os.path.isabs(self.weights) else None

    @property
    def float32(self) -> ClipName:
        """The same weights in full precision."""
        return ClipName(self.model, self.weights)

    def __str__(self) -> str:
        return f"{FAMILY}/{self.model}/{self.weights}" + ("" if self.form is Form.FLOAT32 else f"@{self.form}")


def _absolute(weights: str) -> str:
    is_path = "/" in weights or weights == "~" or Path(weights).suffix in _FILE_ENDINGS
    return os.path.abspath(os.path.expanduser(weights)) if is_path else weights


def model_names() -> list[str]:
    """The names of all models: those that were added to an open_clip that is loaded, too."""
    loaded = _loaded()
    return list(loaded.list_models()) if loaded else sorted(path.stem for path in _config_folder().glob("*.json"))


def model_config(model: str) -> dict[str, Any] | None:
    """The configuration of ``model``; None where there is none of that name."""
    loaded = _loaded()
    if loaded:
        config: dict[str, Any] | None = loaded.get_model_config(model)
        return config
    path = _config_folder() / f"{model}.json"
    if path.parent != _config_folder() or not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint of an error: which of ``known`` was perhaps meant, or what there is."""
    by_lower = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), by_lower, n=2, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(by_lower[each] for each in near)}?"
    shown = ", ".join(list(by_lower.values())[:6])
    return f"there are {shown}{' and others' if len(by_lower) > 6 else ''}" if shown else "it has none"


def _loaded() -> Any:
    """open_clip, if this process has it; another thread may be at its import just now."""
    module = sys.modules.get(FAMILY)
    return module if hasattr(module, "create_model") else None


def _config_folder() -> Path:
    spec = find_spec(FAMILY)  # finds, and does not import
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) / "model_configs" if places else Path("model_configs")
