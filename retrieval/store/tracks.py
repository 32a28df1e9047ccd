"""Feature tracks as bytes: packed in the catalog when short, a safetensors file when long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from retrieval.errors import LibraryError
from retrieval.store.files import replacing
from retrieval.types import FeatureTrack

__all__ = ["PACKED_BYTES_MOST", "StoredTrack", "pack_track", "read_track"]

PACKED_BYTES_MOST = 1 << 20
"""A track of more feature bytes than this is kept as a file of its own: about 400 frames of 1,280-d features."""


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
        file.write_bytes(save({"times": times, "features": features}))
    return StoredTrack(count, dim, None, None, path)


def read_track(stored: StoredTrack, library: Path) -> FeatureTrack:
    """The track, features as float16 ``[count, dim]``.

    Raises:
        LibraryError: the track is missing or damaged.
    """
    if stored.path is not None:
        return _read_file(library / stored.path, stored)
    if stored.times is None or stored.features is None:
        raise LibraryError("a feature track has neither its bytes nor a file; run `vidi index` on its folder again")
    try:
        times = np.frombuffer(stored.times, dtype="<f4").reshape(stored.count, 2)
        features = np.frombuffer(stored.features, dtype="<f2").reshape(stored.count, stored.dim)
        return FeatureTrack(times.astype(np.float32, copy=False), features)
    except ValueError as error:
        raise LibraryError(
            f"a feature track in the catalog is damaged ({error}); run `vidi index` on its folder again"
        ) from error


def _read_file(path: Path, stored: StoredTrack) -> FeatureTrack:
    try:
        tensors = load_file(path)
        track = FeatureTrack(tensors["times"], tensors["features"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise LibraryError(
            f"the feature file {path} can't be read ({error}); run `vidi index` on its folder again"
        ) from error
    if track.features.shape != (stored.count, stored.dim):
        raise LibraryError(
            f"the feature file {path} holds {track.features.shape}, expected {(stored.count, stored.dim)}; "
            "run `vidi index` on its folder again"
        )
    return track
