"""The picture tower of ViT-B/32 on ONNX Runtime: int8 against float32, and both against torch.

The weights are random: time does not depend on them. The cosine between the two forms does, so each model's own is
measured when its int8 form is made.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import spread
from benchmarks.media import make_pictures
from retrieval.media.picture import decode_picture
from retrieval.models.clip.names import ClipName
from retrieval.models.clip.towers import ClipModel
from retrieval.settings import MediaLimits

__all__ = ["measure_open_clip"]

MODEL = "ViT-B-32"
PICTURES = 32
ASKED = 2.0


def measure_open_clip(folder: Path, *, rounds: int = 5) -> dict[str, Any]:
    """Pictures a second of each form, in turns, with all cores."""
    os.environ["VIDI_CACHE"] = str(folder / "cache")  # graphs of random weights are no use to anybody
    weights = _random_weights(folder / f"{MODEL}.safetensors")
    models = {form: ClipModel(ClipName.parse(f"open_clip/{MODEL}/{weights}{form}")) for form in ("", "@int8")}
    form = models[""].facts.preprocessing.form
    paths = make_pictures(folder / "open_clip", PICTURES)
    pixels = np.stack([decode_picture(path, form, MediaLimits())[1].pixels for path in paths])
    runs: dict[str, Callable[[], Any]] = {
        "float32": lambda: models[""].embed_pictures(pixels),
        "int8": lambda: models["@int8"].embed_pictures(pixels),
    }
    vectors = {name: run() for name, run in runs.items()}  # which loads, and at first writes, the graphs
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            rates[name].append(PICTURES / (time.perf_counter() - began))
    return {
        "model": MODEL,
        "float32_per_second": spread(rates["float32"]),
        "int8_per_second": spread(rates["int8"]),
        "int8_over_float32": spread([i / f for i, f in zip(rates["int8"], rates["float32"], strict=True)]),
        "least_cosine": round(float((vectors["float32"] * vectors["int8"]).sum(axis=1).min()), 4),
        "asked": {"int8_over_float32": ASKED},
    }


def _random_weights(path: Path) -> Path:
    import open_clip
    import torch
    from safetensors.torch import save_file

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        state = open_clip.create_model(MODEL, pretrained=None).state_dict()
        part = path.with_suffix(".part")
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, part)
        part.replace(path)
    return path
