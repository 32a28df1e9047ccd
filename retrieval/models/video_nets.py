"""torchvision's networks for clips, as they are published after training on Kinetics-400: their pooled features.

R(2+1)D, R3D and MC3 (Tran et al. 2018, "A Closer Look at Spatiotemporal Convolutions for Action Recognition"), S3D (Xie
et al. 2018, "Rethinking Spatiotemporal Feature Learning") and MViT (Fan et al. 2021, "Multiscale Vision Transformers";
Li et al. 2022, "MViTv2"). Sizes, rates and colours are those that torchvision tells of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.models.imports import import_torchvision
from retrieval.once import Once
from retrieval.types import ClipForm, Float32Array, PictureForm, ResizeMode

if TYPE_CHECKING:
    import torch

__all__ = ["VIDEO_NETS", "VideoNet", "VideoNetKind"]


@dataclass(frozen=True, slots=True)
class VideoNetKind:
    """What one of the networks takes and gives."""

    name: str
    """torchvision's."""
    dim: int
    """Width of its pooled features."""
    head: str
    """The module that makes classes of them."""
    frames: int
    """Of a clip."""
    rate: float
    """Frames a second of a clip."""
    form: ClipForm
    mean: tuple[float, float, float] = (0.43216, 0.394666, 0.37645)
    deviation: tuple[float, float, float] = (0.22803, 0.22145, 0.216989)


_SMALL: Final = ClipForm(PictureForm(128, 171), 112, 112)
_S3D: Final = ClipForm(PictureForm(256, 256), 224, 224)
_MVIT: Final = ClipForm(PictureForm(256, 256, ResizeMode.SHORTEST), 224, 224)


def _resnet(name: str) -> VideoNetKind:
    return VideoNetKind(name, 512, "fc", frames=16, rate=15, form=_SMALL)


def _mvit(name: str) -> VideoNetKind:
    middle, spread = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)
    return VideoNetKind(name, 768, "head", frames=16, rate=7.5, form=_MVIT, mean=middle, deviation=spread)


VIDEO_NETS: Final[Mapping[str, VideoNetKind]] = {
    kind.name: kind
    for kind in (
        _resnet("mc3_18"),
        _mvit("mvit_v1_b"),
        _mvit("mvit_v2_s"),
        _resnet("r2plus1d_18"),
        _resnet("r3d_18"),
        # It was trained on 128 frames; two seconds of them tell one second from the next.
        VideoNetKind("s3d", 1024, "classifier", frames=32, rate=15, form=_S3D),
    )
}
"""By torchvision's names."""


class VideoNet:
    """One of them with weights from a file. It loads when first used; threads may share it."""

    def __init__(self, kind: VideoNetKind, weights: Path) -> None:
        self.kind = kind
        self._weights = weights
        self._loaded = Once(self._load)

    def load(self) -> None:
        """Load the model now.

        Raises:
            MissingExtraError: torchvision can't be imported.
            WeightsError: the file can't be read, or is of another model.
        """
        self._loaded()

    def __call__(self, clips: NDArray[np.uint8]) -> Float32Array:
        """Features ``[n, d]`` of ``clips [n, frames, height, width, 3]`` RGB, in the kind's form.

        Raises: as :meth:`load`.
        """
        import torch

        model = self._loaded()
        device = next(model.parameters()).device
        with torch.inference_mode(), torch.autocast(device.type, torch.float16, enabled=device.type == "cuda"):
            x = torch.from_numpy(clips).to(device).permute(0, 4, 1, 2, 3)  # [n, 3, t, h, w]
            mean, deviation = (
                torch.tensor(each, device=device).view(1, 3, 1, 1, 1) for each in (self.kind.mean, self.kind.deviation)
            )
            features: Float32Array = model((x / 255 - mean) / deviation).float().cpu().numpy()
        return features

    def _load(self) -> torch.nn.Module:
        import torch

        from retrieval.models.checkpoints import load_named_alike

        with torch.device("meta"):  # weights that nobody keeps need not be drawn
            model: Any = import_torchvision().get_model(self.kind.name, weights=None)
        setattr(model, self.kind.head, torch.nn.Identity())
        model.to_empty(device="cpu")
        load_named_alike(model, self._weights, without=(self.kind.head,))
        return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")  # type: ignore[no-any-return]
