"""What experts cost whose weights vidi doesn't ship: processor time of each for a second of 720p film with sound.

Their weights are random, at the published sizes: the time is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from benchmarks.media import make_video
from retrieval.experts.foreign import foreign_experts
from retrieval.experts.over_time import TimeExpert, sampling_for
from retrieval.media.files import open_media
from retrieval.media.pieces import Piece, Stream, stream_of
from retrieval.media.video import sample_open_video
from retrieval.models.sound_nets import SOUND_NETS
from retrieval.models.vggish import VGGish
from retrieval.models.video_nets import VIDEO_NETS
from retrieval.settings import MediaLimits, SamplingSettings

__all__ = ["measure_foreign_experts"]

_FRAMES: Final = frozenset({Stream.FRAMES})


def measure_foreign_experts(folder: Path, *, seconds: int = 10) -> dict[str, Any]:
    """Processor milliseconds a second of film: of decoding, alone and with clips, and of each expert on its pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    film = make_video(folder / "film.mp4", seconds, seed=0, sound_of=_noise)
    costs: dict[str, float] = {"decoding frames": _cost(lambda: _decoded(film, SamplingSettings(), _FRAMES))}
    for model in _models(folder):
        (expert,) = foreign_experts([model])
        expert.load()
        sampling = sampling_for([expert], SamplingSettings())
        if expert.stream is Stream.CLIPS:
            form = sampling.clips
            name = f"decoding frames and clips of {form.height} by {form.width}"
            wanted = _FRAMES | {Stream.CLIPS}
            costs.setdefault(name, _cost(lambda of=sampling, streams=wanted: _decoded(film, of, streams)))  # type: ignore[misc]
        pieces = _decoded(film, sampling, frozenset({expert.stream}))
        label = model.partition(":")[0]
        costs[label] = _cost(lambda of=expert, those=pieces: _read(of, those, seconds))  # type: ignore[misc]
    return {
        "video_seconds": seconds,
        "processor_milliseconds_per_video_second": {
            name: round(1000 * cost / seconds, 1) for name, cost in costs.items()
        },
    }


def _models(folder: Path) -> Iterator[str]:
    """Each as it is given to `--expert`, its file made now."""
    for name in VIDEO_NETS:
        yield f"motion=torchvision/{name}:{_saved(folder / f'{name}.pth', _torchvision_state(name))}"
    for name in SOUND_NETS:
        yield f"audio={name}:{_sound_folder(folder / name, name)}"
    yield f"audio=vggish:{_saved(folder / 'vggish.pth', VGGish().state_dict())}"
    for name in ("resnet18", "resnet50", "densenet161"):
        state = _torchvision_state(name, num_classes=365)
        yield f"scene=places365/{name}:{_saved(folder / f'places_{name}.pth', {'state_dict': state})}"


def _torchvision_state(name: str, **options: int) -> dict[str, Any]:
    from torchvision.models import get_model

    return dict(get_model(name, weights=None, **options).state_dict())


def _saved(path: Path, state: Mapping[str, Any]) -> Path:
    torch.save(dict(state), path)
    return path


def _sound_folder(folder: Path, name: str) -> Path:
    import transformers

    if name == "clap":
        config = transformers.ClapAudioConfig()
        model: Any = transformers.ClapAudioModelWithProjection(config)
        extractor: Any = transformers.ClapFeatureExtractor(truncation="rand_trunc")
    else:
        model, extractor = transformers.ASTModel(transformers.ASTConfig()), transformers.ASTFeatureExtractor()
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


def _noise(second: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(second).normal(0, 0.1, 48_000).astype(np.float32)


def _cost(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _decoded(film: Path, sampling: SamplingSettings, streams: frozenset[Stream]) -> list[Piece]:
    pieces: list[Piece] = []
    with open_media(film) as media:
        pieces.extend(sample_open_video(media, sampling, MediaLimits(), streams=streams, emit=pieces.append))
    return pieces


def _read(expert: TimeExpert, pieces: list[Piece], seconds: int) -> None:
    reading = expert.begin()
    for piece in pieces:
        if stream_of(piece) is expert.stream:
            reading.add(piece)
    told = reading.finish(float(seconds))
    assert len(told.track), expert.version
