"""Feature tracks as bytes: packed in the catalog when short, a safetensors file when long."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from retrieval.errors import LibraryError
from retrieval.store.files import replacing
from retrieval.types import FeatureTrack

__all__ = ["PACKED_BYTES_MOST", "StoredTrack", "has_whole_size", "pack_track", "read_track"]

PACKED_BYTES_MOST = 1 << 20
"""A track of more feature bytes than this is kept as a file of its own: about 400 frames of 1,280-d features."""
_DIGEST = "blake3"
"""Of times, then features, in the file's metadata: a flipped bit would still be numbers."""
_ADVICE = "`vidi index --rehash` on its folder makes it again"


@dataclass(frozen=True, slots=True)
class StoredTrack:
    """A track as a row of the catalog holds it: either the two blobs, or the relative path of a file."""

    count: int
    dim: int
    times: bytes | None
    features: bytes | None
    path: str | None


def pack_track(track: FeatureTrack, library: Path, name: str) -> StoredTrack:
    """Turn ``track`` into what a row holds; a long one is first written to ``tracks/ab/<name>.safetensors``.

    Raises:
        LibraryError: the disk is full or can't be written.
    """
    times = np.ascontiguousarray(track.times, dtype="<f4")
    features = np.ascontiguousarray(track.features, dtype="<f2")
    count, dim = features.shape
    if features.nbytes <= PACKED_BYTES_MOST:
        return StoredTrack(count, dim, times.tobytes(), features.tobytes(), None)
    path = f"tracks/{name[:2]}/{name}.safetensors"
    with replacing(library / path) as file:
        tensors = {"times": times, "features": features}
        file.write_bytes(save(tensors, metadata={_DIGEST: _digest_of(times, features)}))
    return StoredTrack(count, dim, None, None, path)


def read_track(stored: StoredTrack, library: Path) -> FeatureTrack:
    """The track, features as float16 ``[count, dim]``.

    Raises:
        LibraryError: the track is missing or damaged.
    """
    if stored.path is not None:
        return _read_file(library / stored.path, stored)
    if stored.times is None or stored.features is None:
        raise LibraryError(f"a feature track has neither its bytes nor a file; {_ADVICE}")
    try:
        times = np.frombuffer(stored.times, dtype="<f4").reshape(stored.count, 2)
        features = np.frombuffer(stored.features, dtype="<f2").reshape(stored.count, stored.dim)
        return _checked(FeatureTrack(times.astype(np.float32, copy=False), features))
    except ValueError as error:
        raise LibraryError(f"a feature track in the catalog is damaged ({error}); {_ADVICE}") from error


def has_whole_size(path: Path, count: int, dim: int) -> bool:
    """Whether a file of so many features ``[count, dim]`` is as long as it should be; one that can't be read now is."""
    try:
        with path.open("rb") as file:
            header = 8 + int.from_bytes(file.read(8), "little")
            return os.fstat(file.fileno()).st_size == header + count * (8 + 2 * dim)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _read_file(path: Path, stored: StoredTrack) -> FeatureTrack:
    try:
        content = path.read_bytes()
        tensors = load(content)
        _check_digest(content, tensors["times"], tensors["features"])
        track = _checked(FeatureTrack(tensors["times"], tensors["features"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise LibraryError(f"the feature file {path} can't be read ({error}); {_ADVICE}") from error
    if track.features.shape != (stored.count, stored.dim):
        raise LibraryError(
            f"the feature file {path} holds {track.features.shape}, expected {(stored.count, stored.dim)}; {_ADVICE}"
        )
    return track


def _checked(track: FeatureTrack) -> FeatureTrack:
    """Only finite numbers are ever kept: others come of damage, and would spoil whatever is computed from them."""
    if not np.isfinite(track.features).all():
        raise ValueError("it holds numbers that are not finite")
    return track


def _check_digest(content: bytes, times: NDArray[np.float32], features: NDArray[np.float16]) -> None:
    """Files of before digests were written have none."""
    length = int.from_bytes(content[:8], "little")
    written = json.loads(content[8 : 8 + length]).get("__metadata__", {}).get(_DIGEST)
    if written is not None and written != _digest_of(times, features):
        raise ValueError("its bytes are not those that were written")


def _digest_of(times: NDArray[np.float32], features: NDArray[np.float16]) -> str:
    return str(blake3(times.tobytes()).update(features.tobytes()).hexdigest())
