"""A small data set as MMT's authors laid theirs out, made for tests."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

VIDEOS = [f"video{number}" for number in range(7010, 7016)]
WORDS = ["a", "dog", "man", "runs", "sings", "on", "grass", "the", "stage", "red", "car", "waits"]
DIMS = {"face": 5, "ocr": 4, "rgb": 8, "s3d": 6, "scene": 9, "speech": 4, "vggish": 3}


def write_video(folder: Path, video: str, content: Mapping[str, Any]) -> Path:
    path = folder.joinpath("vid_feat_files", "mult_h5", *video[:3], f"{video}.h5")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            file[name] = value
    return path


def content_of(number: int, captions: int = 3) -> dict[str, Any]:
    """Of unlike lengths; faces are missing by NaN in every second video, speech by emptiness in every third."""
    generator = np.random.default_rng(number)
    content: dict[str, Any] = {}
    for name, dim in DIMS.items():
        count = int(generator.integers(2, 40))
        content[f"features.{name}"] = generator.normal(size=(count, dim)).astype(np.float32)
        starts = np.arange(count, dtype=np.float32) * 1.5
        content[f"features_t.{name}"] = np.stack([starts, starts + 1], axis=1)
    if number % 2:
        content["features.face"] = np.full((1, DIMS["face"]), np.nan, np.float32)
    if number % 3 == 0:
        content["features.speech"] = np.zeros((0, DIMS["speech"]), np.float32)
    for row in range(captions):
        words = generator.choice(WORDS, size=5).tolist()
        content[f"raw_captions.{row}"] = np.array(words, dtype=h5py.string_dtype())
        content[f"raw_captions_t.{row}"] = np.zeros((5, 2))
    return content


def write_data_set(folder: Path) -> Path:
    """Lists in ``symlinked-feats``; ``jsfusion`` names caption 2 of the first video, 1 of the second, 0 of others."""
    for number, video in enumerate(VIDEOS):
        write_video(folder, video, content_of(number))
    lists = folder / "symlinked-feats"
    lists.mkdir()
    for name in ("val_list_jsfusion.txt", "test_list_miech.txt", "test_list.txt"):
        (lists / name).write_text("\n".join(VIDEOS) + "\n")
    numbers = dict.fromkeys(VIDEOS, 0) | {VIDEOS[0]: 2, VIDEOS[1]: 1}
    (lists / "jsfusion_val_caption_idx.pkl").write_bytes(pickle.dumps(numbers))
    return folder
