"""The feature files of MMT's authors, and their lists of videos, as a data set.

A video is one HDF5 file, ``vid_feat_files/mult_h5/v/i/d/vid.h5``: ``features.EXPERT`` [n, d] with ``features_t.EXPERT``
[n, 2] seconds, and ``raw_captions.N``, the words of each caption. The lists lie beside them or in ``symlinked-feats``.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import DatasetError, MissingExtraError
from retrieval.models.mmt_inputs import UNKNOWN_TIME
from retrieval.types import FeatureTrack, Float32Array

__all__ = ["SPLITS", "CaptionedFeatures", "FeatureFiles", "read_split"]

_FILES: Final = Path("vid_feat_files", "mult_h5")
_LISTS: Final = Path("symlinked-feats")
_CAPTION_NUMBERS: Final = "jsfusion_val_caption_idx.pkl"
_STORED_TIMES: Final = ("s3d", "vggish")
_SECONDS_A_FEATURE: Final[Mapping[str, float]] = {"rgb": 0.2, "scene": 1.0, "s3d": 1.0, "vggish": 1.0}
"""Of experts whose features follow each other; of all others nobody knows the times."""


@dataclass(frozen=True, slots=True)
class _Split:
    """Where the test videos of a split are listed, and which of their captions count."""

    file: str
    captions: str
    """``all``, ``first``, or the name of the file that names one for each video."""


SPLITS: Final[Mapping[str, _Split]] = {
    "jsfusion": _Split("val_list_jsfusion.txt", _CAPTION_NUMBERS),
    "miech": _Split("test_list_miech.txt", "first"),
    "full": _Split("test_list.txt", "all"),
}
"""Of MSR-VTT, by the authors' names: 1k-A, 1k-B, and the official one."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptionedFeatures:
    """One video: its captions, and what each expert says of it. An expert that is missing has no track."""

    video: str
    captions: tuple[str, ...]
    tracks: Mapping[str, FeatureTrack]


class FeatureFiles:
    """The files under one folder: that of a data set, its ``symlinked-feats``, or ``mult_h5`` itself."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            DatasetError: there are no such files.
            MissingExtraError: h5py is not installed.
        """
        candidates = (folder / _FILES, folder.parent / _FILES, folder)
        found = next((path for path in candidates if any(path.glob("*/*/*/*.h5"))), None)
        if found is None:
            raise DatasetError(
                f"{folder} holds no feature files: expected {_FILES}/v/i/d/vid.h5 in it; unpack a data set of MMT's "
                f"authors, such as MSRVTT.tar.gz, and give its folder"
            )
        _h5py()
        self.files = found
        self.folder = folder

    def read(self, video: str, experts: Mapping[str, int], caption: int | None = None) -> CaptionedFeatures:
        """One video.

        Args:
            video: its name in the lists.
            experts: width of the features of each that is wanted.
            caption: the number of the only one wanted; None: all.

        Raises:
            DatasetError: its file is absent, damaged or holds something else; the message names it.
        """
        path = self.files.joinpath(*(video[:3] if len(video) >= 3 else (video,)), f"{video}.h5")
        try:
            with _h5py().File(path, "r") as file:
                content = {str(name): file[name][()] for name in file if _is_wanted(str(name), experts)}
        except (OSError, KeyError, RuntimeError) as error:
            reason = "there is no such file" if not path.exists() else "it is no HDF5 file, or damaged"
            raise DatasetError(f"{path} can't be read ({reason}); unpack the data set again") from error
        tracks = {name: track for name, dim in experts.items() if (track := _track(content, name, dim, path))}
        return CaptionedFeatures(video, _captions(content, caption, path), tracks)


def read_split(folder: Path, name: str) -> list[tuple[str, int | None]]:
    """The test videos of a split, each with the number of its caption, or None where all count.

    ``name`` is one of :data:`SPLITS`, or the path of a list, a video a line; then all captions count.

    Raises:
        DatasetError: there is no such split, or its files are absent or damaged.
    """
    if name not in SPLITS:
        path = Path(name)
        if not path.is_file():
            raise DatasetError(
                f"there is no split {name!r}: expected {', '.join(SPLITS)}, or a file with a video a line"
            )
        return [(video, None) for video in _lines(path)]
    split = SPLITS[name]
    videos = _lines(_list_file(folder, split.file))
    if split.captions in ("all", "first"):
        return [(video, 0 if split.captions == "first" else None) for video in videos]
    path = _list_file(folder, split.captions)
    numbers = _caption_numbers(path)
    if missing := [video for video in videos if video not in numbers]:
        raise DatasetError(f"{path} names no caption of {missing[0]} and {len(missing) - 1} more of {split.file}")
    return [(video, numbers[video]) for video in videos]


def _list_file(folder: Path, name: str) -> Path:
    above = folder.parent.parent  # the data set, where the folder is mult_h5 itself
    candidates = [parent / part / name for parent in (folder, folder.parent, above) for part in (Path(), _LISTS)]
    for path in candidates:
        if path.is_file():
            return path
    raise DatasetError(
        f"{name} is not in {folder} or its {_LISTS}: expected the list that came with the features there"
    )


def _lines(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} can't be read as a list ({error}); expected a video a line") from error
    videos = [line for line in lines if line]
    if not videos or len(set(videos)) != len(videos):
        raise DatasetError(
            f"{path} names {len(videos)} videos, {len(set(videos))} of them different; expected each once"
        )
    return videos


class _NoNames(pickle.Unpickler):
    """Plain dicts, strings and numbers need no names; a pickle that asks for any could run code."""

    def find_class(self, module: str, name: str) -> object:
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def _caption_numbers(path: Path) -> dict[str, int]:
    try:
        with path.open("rb") as file:
            content = _NoNames(file).load()
        return {str(video): int(number) for video, number in dict(content).items()}
    except (
        OSError, pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, LookupError, UnicodeError,
    ) as error:  # fmt: skip
        raise DatasetError(
            f"{path} was not read ({error}): expected a pickled dict from video to number of caption, nothing else"
        ) from error


def _is_wanted(name: str, experts: Mapping[str, int]) -> bool:
    kind, _, rest = name.partition(".")
    return kind == "raw_captions" or (kind in ("features", "features_t") and rest in experts)


def _track(content: Mapping[str, Any], expert: str, dim: int, path: Path) -> FeatureTrack | None:
    """None where the expert is missing: absent, empty, or its first value is no number."""
    features = np.asarray(content.get(f"features.{expert}", ()))
    if not features.size:
        return None
    if features.ndim != 2 or features.shape[1] != dim or features.dtype.kind not in "fiu":
        raise DatasetError(f"{path}: features.{expert} is {_shape(features)}, expected numbers [n, {dim}]")
    if np.isnan(float(features[0, 0])):
        return None
    return FeatureTrack(_times(content, expert, len(features), path), np.asarray(features, np.float32))


def _times(content: Mapping[str, Any], expert: str, count: int, path: Path) -> Float32Array:
    stored = content.get(f"features_t.{expert}")
    if expert in _STORED_TIMES and stored is not None:
        times = np.asarray(stored)
        if times.ndim != 2 or times.shape[1] != 2 or len(times) < count or times.dtype.kind not in "fiu":
            raise DatasetError(f"{path}: features_t.{expert} is {_shape(times)}, expected seconds [{count}, 2]")
        times = times[:count].astype(np.float32)
        return np.where(np.isfinite(times).all(axis=1, keepdims=True), times, np.float32(UNKNOWN_TIME))
    seconds = _SECONDS_A_FEATURE.get(expert)
    if seconds is None:
        return np.full((count, 2), UNKNOWN_TIME, np.float32)
    starts = np.arange(count) * seconds
    return np.stack([starts, starts + seconds], axis=1).astype(np.float32)


def _captions(content: Mapping[str, Any], wanted: int | None, path: Path) -> tuple[str, ...]:
    count = sum(name.startswith("raw_captions.") for name in content)
    numbers: Sequence[int] = range(count) if wanted is None else (wanted,)
    try:
        captions = tuple(_sentence(content[f"raw_captions.{number}"]) for number in numbers)
    except (KeyError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} has {count} captions, no readable one of number {error}") from error
    if not captions or not all(captions):
        raise DatasetError(f"{path} has no caption, or an empty one")
    return captions


def _sentence(words: Any) -> str:
    if isinstance(words, bytes | str):
        return _text(words).strip()
    return " ".join(_text(word) for word in np.asarray(words, object).ravel()).strip()


def _text(word: Any) -> str:
    return word.decode("utf-8") if isinstance(word, bytes) else str(word)


def _shape(array: NDArray[Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            "feature files need h5py, which is not installed; run: pip install vidi[train]"
        ) from error
    return h5py
