"""VGGish (Hershey et al. 2017, "CNN Architectures for Large-Scale Audio Classification"): 128 numbers for a second.

The network and its log-mel patches are as the authors published them with AudioSet (Gemmeke et al. 2017); weights have
the names of their port to torch, torchvggish. The principal components that were taken of YouTube-8M's embeddings, and
their rounding to 8 bits, are left out: this is the layer before them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retrieval.models.checkpoints import load_named_alike
from retrieval.once import Once
from retrieval.types import Float32Array

__all__ = ["PATCH_SAMPLES", "VGGish", "VGGishSound", "log_mel_patches"]

_RATE: Final = 16_000
_WINDOW: Final = 400  # samples, of 25 ms
_HOP: Final = 160
_FFT: Final = 512
_BANDS: Final = 64
_FRAMES: Final = 96
_LOWEST_HERTZ, _HIGHEST_HERTZ = 125.0, 7500.0
_LOG_OFFSET: Final = 0.01
PATCH_SAMPLES: Final = _WINDOW + (_FRAMES - 1) * _HOP
"""What one patch of 0.96 s is computed from, at 16 kHz."""


class VGGish(nn.Module):
    """Log-mel patches ``[n, 1, 96, 64]`` to embeddings ``[n, 128]``; 72,141,184 parameters."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for widths in ((64,), (128,), (256, 256), (512, 512)):
            for width in widths:
                layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(channels * _FRAMES // 16 * _BANDS // 16, 4096), nn.ReLU(),
            nn.Linear(4096, 4096), nn.ReLU(),
            nn.Linear(4096, 128), nn.ReLU(),
        )  # fmt: skip

    def forward(self, patches: Tensor) -> Tensor:
        x: Tensor = self.features(patches)  # [n, 512, 6, 4]
        # The authors' network flattens with the channels last.
        embedded: Tensor = self.embeddings(x.permute(0, 2, 3, 1).flatten(1))
        return embedded


class VGGishSound:
    """The network with weights from a file, for sound. It loads when first used; threads may share it."""

    dim: Final = 128
    window_samples: Final = PATCH_SAMPLES
    row_seconds: Final = 1

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._loaded = Once(self._load)

    def load(self) -> None:
        """Load the model now.

        Raises:
            WeightsError: the file can't be read, or is of another model.
        """
        self._loaded()

    def __call__(self, windows: Float32Array) -> Float32Array:
        """Embeddings ``[n, 128]`` of ``windows [n, 15600]``, -1 to 1 at 16 kHz.

        Raises: as :meth:`load`.
        """
        patches = torch.from_numpy(log_mel_patches(windows))[:, None]
        model = self._loaded()
        with torch.inference_mode():
            embedded: Float32Array = model(patches.to(next(model.parameters()).device)).cpu().numpy()
        return embedded

    def _load(self) -> VGGish:
        with torch.device("meta"):  # weights that nobody keeps need not be drawn
            model = VGGish()
        model.to_empty(device="cpu")
        load_named_alike(model, self._weights, without=("pproc",))
        return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def log_mel_patches(windows: Float32Array) -> Float32Array:
    """``[n, 96, 64]``: the natural logarithm of 0.01 and the magnitude in each mel band, of ``windows [n, 15600]``."""
    frames = np.lib.stride_tricks.sliding_window_view(windows, _WINDOW, axis=1)[:, ::_HOP]  # [n, 96, 400]
    magnitude = np.abs(np.fft.rfft(frames * _hann(), _FFT, axis=2))
    return np.asarray(np.log(magnitude @ _mel_matrix() + _LOG_OFFSET), np.float32)


def _hann() -> NDArray[np.float64]:
    """The periodic window, which ends where it would begin again."""
    return np.hanning(_WINDOW + 1)[:-1]


@cache
def _mel_matrix() -> NDArray[np.float64]:
    """``[257, 64]``: triangles that are straight in mel (HTK's), of height 1; nothing is taken of 0 Hz."""
    bins = _mel(np.linspace(0, _RATE / 2, _FFT // 2 + 1))[:, None]
    edges = np.linspace(_mel(_LOWEST_HERTZ), _mel(_HIGHEST_HERTZ), _BANDS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    matrix = np.maximum(0, np.minimum(rising, falling))
    matrix[0] = 0
    return matrix


def _mel(hertz: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1127 * np.log(1 + np.asarray(hertz) / 700))
