"""A trained MMT as a folder: ``config.json``, ``model.safetensors`` and ``card.json``. Torch is not needed to read it.

``config.json`` says what the weights are for: the model's configuration, and the versions of the experts whose features
it was trained on. ``card.json`` says what a person should know, and bears the digests of the other two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from retrieval.errors import WeightsError
from retrieval.models.mmt_config import MmtConfig
from retrieval.types import Float32Array

__all__ = ["CARD_FILE", "CONFIG_FILE", "WEIGHTS_FILE", "MmtFolder", "folder_files", "read_mmt_folder"]

CONFIG_FILE: Final = "config.json"
WEIGHTS_FILE: Final = "model.safetensors"
CARD_FILE: Final = "card.json"
FORMAT: Final = 1
_COUNTER: Final = ".num_batches_tracked"  # of batch normalisation: of use to training alone
_ALWAYS_FLOAT32: Final = 4096  # numbers; smaller tensors cost nothing, and running variances may be tiny


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MmtFolder:
    """A trained model whose weights have been compared with the digest on its card, but not parsed."""

    path: Path
    config: MmtConfig
    experts: Mapping[str, str]
    """Version of each expert, by its name: others' features are not what the model knows."""
    pictures_version: str | None
    """Of the picture space that its frame term names; None where it has no frame term."""
    digest: str
    """Of weights and configuration, versions included."""
    card: Mapping[str, Any]
    content: bytes
    """Of the weights' file."""

    def weights(self) -> dict[str, Float32Array]:
        """By the names of :class:`retrieval.models.mmt.Mmt`.

        Raises:
            WeightsError: the file is no safetensors file.
        """
        try:
            return {name: np.asarray(tensor, np.float32) for name, tensor in load(self.content).items()}
        except (SafetensorError, TypeError, ValueError) as error:
            raise WeightsError(f"{self.path / WEIGHTS_FILE} is damaged ({error}); train the model again") from error

    def __repr__(self) -> str:
        return f"MmtFolder({str(self.path)!r}, {self.digest})"


def folder_files(
    config: MmtConfig,
    weights: Mapping[str, NDArray[Any]],
    experts: Mapping[str, str],
    card: Mapping[str, Any],
    *,
    pictures_version: str | None = None,
) -> dict[str, bytes]:
    """The files of a folder by their names, in the order in which to write them: the card last, for it makes it whole.

    Args:
        config: the model's.
        weights: by the model's names; all but small ones are kept in float16.
        experts: the version of each of the configuration's.
        card: what a person should know. Its ``chance``, with ``even`` and ``steepness``, is the logistic over scores.
        pictures_version: of the picture space that the frame term names, where there is one.

    Raises:
        WeightsError: a weight is not finite, or beyond float16.
    """
    if sorted(experts) != list(config.names):
        raise ValueError(f"versions of {sorted(experts)}, expected those of {list(config.names)}")
    if (pictures_version is None) != (config.frames is None):
        raise ValueError("a frame term and the version of its picture space go together")
    tensors = {name: _small(name, weight) for name, weight in weights.items() if not name.endswith(_COUNTER)}
    told = {
        "format": FORMAT,
        "experts": dict(experts),
        "pictures_version": pictures_version,
        "model": config.to_json(),
    }
    files = {WEIGHTS_FILE: save(tensors), CONFIG_FILE: (json.dumps(told, indent=1) + "\n").encode()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    whole = {**card, "task": "text-to-video retrieval", "sha256": digests}
    return files | {CARD_FILE: (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()}


def _small(name: str, weight: NDArray[Any]) -> NDArray[Any]:
    kept = np.float32 if weight.size <= _ALWAYS_FLOAT32 else np.float16
    most, largest = float(np.finfo(kept).max), float(np.abs(weight).max(initial=0.0))  # NaN where there is one
    if not largest <= most:
        raise WeightsError(
            f"the weight {name} reaches {largest:g}, expected at most {most:g}; train it anew with a lower "
            f"--learning-rate"
        )
    return np.ascontiguousarray(weight, kept)


def read_mmt_folder(path: Path) -> MmtFolder:
    """The model in the folder ``path``.

    Raises:
        WeightsError: there is none, it is damaged, or it was written by a newer vidi.
    """
    card, told = (_read_json(path, name) for name in (CARD_FILE, CONFIG_FILE))
    digests = card.get("sha256")
    content = _checked(path / WEIGHTS_FILE, digests)
    _checked(path / CONFIG_FILE, digests)
    if told.get("format") != FORMAT:
        raise WeightsError(
            f"{path} was written in format {told.get('format')!r}, expected {FORMAT}; update vidi, or train it again"
        )
    try:
        config = MmtConfig.from_json(told["model"])
        experts = {str(name): str(told["experts"][name]) for name in config.names}
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path / CONFIG_FILE} is no configuration of an MMT ({type(error).__name__}: {error}); train it again"
        ) from error
    pictures = told.get("pictures_version")
    digest = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:12]
    return MmtFolder(path, config, experts, None if pictures is None else str(pictures), digest, card, content)


def _read_json(path: Path, name: str) -> dict[str, Any]:
    expected = f"expected a folder that `vidi train mmt` wrote, with {CONFIG_FILE}, {WEIGHTS_FILE} and {CARD_FILE}"
    try:
        content = json.loads((path / name).read_bytes())
    except OSError as error:
        raise WeightsError(f"{path} is no trained MMT ({error.strerror}: {name}); {expected}") from error
    except ValueError as error:
        raise WeightsError(f"{path / name} is damaged; {expected}: train it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path / name} is something else; {expected}")
    return content


def _checked(path: Path, digests: Any) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} can't be read ({error.strerror}); train the model again") from error
    expected = digests.get(path.name) if isinstance(digests, dict) else None
    if (found := hashlib.sha256(content).hexdigest()) != expected:
        raise WeightsError(
            f"{path} is not the file of its card: expected sha256 {expected}, found {found}; train the model again"
        )
    return content
