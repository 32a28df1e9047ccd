"""MMT's rates: windows a second over kept tracks on the CPU, ten hours of them, and the paper's training step on a GPU.

Weights and tracks are random: time does not depend on them.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from benchmarks.machine import spread
from retrieval.experts.appearance import Appearance
from retrieval.models.mmt import Mmt, videos_to_torch
from retrieval.models.mmt_config import FrameTerm, MmtConfig, mmt_msrvtt, mmt_small
from retrieval.models.mmt_folder import folder_files, read_mmt_folder
from retrieval.models.mmt_inference import VideoSide
from retrieval.models.mmt_inputs import TextBatch, VideoBatch, Window, prepare_windows
from retrieval.models.onnx_session import usable_cores
from retrieval.spaces.mmt import MMT_STARTER, MmtSpace
from retrieval.spaces.starter import StarterSpace
from retrieval.training.mmt.loss import max_margin
from retrieval.types import FeatureTrack, Float32Array

__all__ = ["measure_mmt"]

ASKED: Final = 200.0
ASKED_GIB: Final = 2.0
_WINDOWS: Final = 256
_SECONDS: Final = (10, 30)  # of a window, the longest and one of a usual clip
_DIMS: Final = {"appearance": 480, "audio": 464, "motion": 164, "ocr": 384, "speech": 384}
_ROWS_A_SECOND: Final = {"appearance": 1.0, "audio": 1.0, "motion": 1.0, "ocr": 0.2, "speech": 0.25}
_PICTURES_DIM: Final = 480
_TEN_HOURS: Final = 36_000.0
_BATCH: Final = 32  # the paper's
_STEPS: Final = 20
_WARM_UP: Final = 3


def measure_mmt(*, rounds: int = 5) -> dict[str, Any]:
    """Windows a second of the starter (else of a small model of its kind), full of all experts; the paper's step."""
    config, weights, name = _model()
    side = VideoSide(config, weights)
    cores = usable_cores()
    rates = {
        f"{seconds}_s_windows_per_second_on_{threads}_threads": spread(
            _rates(lambda those, threads=threads: side.embed(those, threads=threads), _windows(config, seconds), rounds)
        )
        for seconds, threads in product(_SECONDS, sorted({1, cores}))
    }
    return {
        "model": name,
        "width": config.width,
        "layers": config.layers,
        # Running statistics are none: the card counts alike.
        "parameters": sum(weight.size for name, weight in weights.items() if ".running_" not in name),
        **rates,
        "ten_hours": _in_a_new_process(_ten_hours),
        "asked": {"windows_per_second_on_two_cores": ASKED, "ten_hours_gib": ASKED_GIB},
        "papers_training_step": _training_step(),
    }


def _model() -> tuple[MmtConfig, dict[str, Float32Array], str]:
    if MMT_STARTER.is_dir():
        folder = read_mmt_folder(MMT_STARTER)
        return folder.config, folder.weights(), "mmt/starter"
    config = mmt_small(_DIMS, frames=FrameTerm(space="starter", dim=_PICTURES_DIM))
    state = Mmt(config).state_dict()
    return config, {name: tensor.numpy() for name, tensor in state.items()}, "a small model (mmt/starter is not here)"


def _windows(config: MmtConfig, seconds: int) -> list[Window]:
    generator = np.random.default_rng(0)
    return [
        Window(
            {
                expert.name: _track(
                    generator, max(1, round(seconds * _ROWS_A_SECOND.get(expert.name, 1.0))), expert.dim
                )
                for expert in config.experts
            }
        )
        for _ in range(_WINDOWS)
    ]


def _track(generator: np.random.Generator, count: int, dim: int) -> FeatureTrack:
    starts = np.arange(count, dtype=np.float32)
    features = generator.normal(size=(count, dim)).astype(np.float16)
    return FeatureTrack(np.stack([starts, starts + 1], axis=1), features)


def _rates(embed: Callable[[list[Window]], Any], windows: list[Window], rounds: int) -> list[float]:
    embed(windows[:16])
    rates = []
    for _ in range(rounds):
        began = time.perf_counter()
        embed(windows)
        rates.append(len(windows) / (time.perf_counter() - began))
    return rates


# ---------------------------------------------------------------------------------------------------------- ten hours


def _in_a_new_process(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """So that its memory is its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work)


def _ten_hours() -> dict[str, float]:
    """A video of ten hours from kept tracks to the vectors of its windows, on all cores."""
    generator = np.random.default_rng(0)
    config, weights, _ = _model()
    dims = {expert.name: expert.dim for expert in config.experts} | {Appearance.name: Appearance.dim}
    tracks = {
        name: _track(generator, round(_TEN_HOURS * _ROWS_A_SECOND.get(name, 1.0)), dim) for name, dim in dims.items()
    }
    with TemporaryDirectory() as temporary:
        space = _space(Path(temporary), config, weights)
        began = time.perf_counter()
        windows, _ = space.embed_video(tracks, _TEN_HOURS)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"windows": len(windows), "seconds": round(seconds, 1), "peak_memory_gib": round(peak, 2)}


def _space(folder: Path, config: MmtConfig, weights: dict[str, Float32Array]) -> MmtSpace:
    pictures = StarterSpace()
    files = folder_files(config, weights, dict.fromkeys(config.names, "1"), {}, pictures_version=pictures.version)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return MmtSpace("mmt/benchmark", read_mmt_folder(folder), pictures, threads=usable_cores())


# ----------------------------------------------------------------------------------------------- the paper's training


def _training_step() -> dict[str, Any] | str:
    """Adam, batches of 32, max-margin loss, mixed precision, at the paper's size: steps a second and peak memory."""
    if not torch.cuda.is_available():
        return "no GPU here"
    device = torch.device("cuda")
    config = mmt_msrvtt()
    model = Mmt(config).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-5)
    texts, videos = _texts(config, device), videos_to_torch(prepare_windows(_papers_windows(config), config), device)
    torch.cuda.reset_peak_memory_stats(device)
    seconds = [_step_seconds(model, optimizer, texts, videos, device) for _ in range(_WARM_UP + _STEPS)][_WARM_UP:]
    return {
        "device": torch.cuda.get_device_name(device),
        "batch": _BATCH,
        "steps_per_second": spread([1 / second for second in seconds]),
        "peak_memory_gib": round(torch.cuda.max_memory_allocated(device) / 2**30, 2),
    }


def _step_seconds(
    model: Mmt,
    optimizer: torch.optim.Optimizer,
    texts: TextBatch[Tensor],
    videos: VideoBatch[Tensor],
    device: torch.device,
) -> float:
    torch.cuda.synchronize(device)
    began = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device.type, torch.bfloat16):
        similarities = model(texts, videos)
    max_margin(similarities.float(), margin=0.05).backward()
    optimizer.step()
    torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _papers_windows(config: MmtConfig) -> list[Window]:
    generator = np.random.default_rng(0)
    return [
        Window({expert.name: _track(generator, config.most_features, expert.dim) for expert in config.experts})
        for _ in range(_BATCH)
    ]


def _texts(config: MmtConfig, device: torch.device) -> TextBatch[Tensor]:
    shape = _BATCH, config.text.most_tokens
    ids = torch.randint(0, 28_996, shape, device=device)
    return TextBatch(ids, torch.ones(shape, dtype=torch.bool, device=device))
