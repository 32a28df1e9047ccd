"""Write trained heads and calibrations, so that half a file is never seen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from retrieval.spaces.calibration import Calibration
from retrieval.spaces.heads import KERNEL_TENSORS, Head, HubPart, MlpPart, StarterHeads

__all__ = ["remove_unfinished", "save_calibration", "save_heads", "unfinished", "write_whole"]

Tensors = dict[str, NDArray[np.generic]]


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A file beside ``path``, of its suffix and this writer alone: ``path`` when the block ends well, gone if not."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=f".part{path.suffix}", dir=path.parent)
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def remove_unfinished(folder: Path, name: str = "*") -> None:
    """What writers of ``name`` that were killed left in ``folder``; nobody may be writing there now."""
    for pattern in (f".{name}.part", f".{name}.*.part*"):
        for part in folder.glob(pattern):
            part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path``, sync it, and rename it into place."""
    with unfinished(path) as part, part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def save_heads(heads: StarterHeads, path: Path) -> None:
    """Both heads as safetensors, float16 (landmarks int8)."""
    tensors: Tensors = {"input.mean": heads.picture_input.mean, "input.basis": heads.picture_input.basis}
    tensors |= _head_tensors(heads.picture, "picture") | _head_tensors(heads.text, "text")
    tensors |= {f"hubs.{part}": getattr(heads.hubs, part) for part in HubPart.__slots__}
    write_whole(path, save({name: _small(tensor) for name, tensor in tensors.items()}))


def save_calibration(calibration: Calibration, path: Path) -> None:
    """A calibration as safetensors; its covariance and its rivals in float16."""
    tensors = {
        "mean": calibration.mean,
        "covariance": _small(calibration.covariance),
        "captions": calibration.captions,
        "rivals": _small(calibration.rivals),
        "weights": calibration.weights,
        "threshold": np.array(calibration.threshold, np.float32),
    }
    write_whole(path, save(tensors))


def _head_tensors(head: Head, name: str) -> Tensors:
    gate = {f"{name}.{part}": getattr(head, part) for part in Head.__slots__[2:]}
    mlp = {f"{name}.mlp.{part}": getattr(head.mlp, part) for part in MlpPart.__slots__}
    return gate | mlp | {f"{name}.kernel.{part}": getattr(head.kernel, part) for part in ("landmarks", *KERNEL_TENSORS)}


def _small(tensor: NDArray[np.generic]) -> NDArray[np.generic]:
    if tensor.dtype == np.int8:
        return np.ascontiguousarray(tensor)
    if tensor.size < 5000:  # steps and reaches, too small for float16, are few
        return np.ascontiguousarray(tensor, np.float32)
    return np.ascontiguousarray(tensor, np.float16)
