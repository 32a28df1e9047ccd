"""Networks of pictures for kept frames, with weights from a file: pooled features, before any classes.

Places365 (Zhou et al. 2017, "Places: A 10 Million Image Database for Scene Recognition"): the authors' networks, which
are torchvision's with 365 classes. Beside them, any model of timm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import WeightsError
from retrieval.models.imports import import_timm, import_torchvision
from retrieval.once import Once
from retrieval.types import Float32Array

if TYPE_CHECKING:
    from torch import nn

__all__ = ["PLACES_NETS", "PictureNet", "PictureNetKind", "timm_kind"]

_BATCH: Final = 16
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION: Final = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class PictureNetKind:
    """What one of the networks takes and gives, and how it is made."""

    dim: int
    """Width of its pooled features."""
    build: Callable[[Path], nn.Module]
    """From a file of weights; gives ``[n, dim]`` of ``[n, 3, size, size]``."""
    size: int = 224
    """Side of its squares."""
    mean: tuple[float, ...] = _IMAGENET_MEAN
    deviation: tuple[float, ...] = _IMAGENET_DEVIATION
    repository: str | None = None
    """At the hub, where no file is given; None: they are at none."""


def _places(name: str, head: str) -> Callable[[Path], nn.Module]:
    def build(weights: Path) -> nn.Module:
        import torch

        from retrieval.models.checkpoints import load_named_alike

        with torch.device("meta"):  # weights that nobody keeps need not be drawn
            model: Any = import_torchvision().get_model(name, weights=None)
        setattr(model, head, torch.nn.Identity())
        model.to_empty(device="cpu")
        load_named_alike(model, weights, without=(head,), renamed=_todays_name)
        return model  # type: ignore[no-any-return]

    return build


def _todays_name(theirs: str) -> str:
    """The authors trained on several GPUs (``module.``), and torch has allowed no dots in names since
    (``norm.1``)."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)", r"\1\2", theirs.removeprefix("module."))


PLACES_NETS: Final[Mapping[str, PictureNetKind]] = {
    "densenet161": PictureNetKind(2208, _places("densenet161", "classifier")),
    "resnet18": PictureNetKind(512, _places("resnet18", "fc")),
    "resnet50": PictureNetKind(2048, _places("resnet50", "fc")),
}
"""By torchvision's names; densenet161 is the scene expert of Gabeur et al. 2020."""


def timm_kind(name: str) -> PictureNetKind:
    """A model of timm by its name.

    Raises:
        MissingExtraError: timm can't be imported.
        WeightsError: timm has none of that name.
    """
    import torch

    timm = import_timm()
    try:
        with torch.device("meta"):  # its facts alone are wanted
            model = timm.create_model(name, pretrained=False, num_classes=0)
    except RuntimeError as error:
        raise WeightsError(f"timm has no model {name!r}; `timm.list_models()` lists those that it has") from error
    data = timm.data.resolve_model_data_config(model)

    def build(weights: Path) -> nn.Module:
        from retrieval.models.checkpoints import load_named_alike

        net: Any = timm.create_model(name, pretrained=False)
        head = net.pretrained_cfg.get("classifier") or ()
        net.reset_classifier(0)
        load_named_alike(net, weights, without=(head,) if isinstance(head, str) else tuple(head))
        return net  # type: ignore[no-any-return]

    dim = int(getattr(model, "head_hidden_size", None) or model.num_features)
    repository = model.pretrained_cfg.get("hf_hub_id")  # some are at no hub
    return PictureNetKind(dim, build, data["input_size"][-1], tuple(data["mean"]), tuple(data["std"]), repository)


class PictureNet:
    """One of them with weights from a file. It loads when first used; threads may share it."""

    def __init__(self, kind: PictureNetKind, weights: Path) -> None:
        self.kind = kind
        self._weights = weights
        self._loaded = Once(self._load)

    def load(self) -> None:
        """Load the model now.

        Raises:
            MissingExtraError: the package that makes the network can't be imported.
            WeightsError: the file can't be read, or is of another model.
        """
        self._loaded()

    def __call__(self, pixels: NDArray[np.uint8]) -> Float32Array:
        """Features ``[n, d]`` of ``pixels [n, height, width, 3]`` RGB, squares of any size; n may be 0.

        Raises: as :meth:`load`.
        """
        starts = range(0, len(pixels), _BATCH)
        parts = [self._features(pixels[start : start + _BATCH]) for start in starts]
        return np.concatenate([np.zeros((0, self.kind.dim), np.float32), *parts])

    def _features(self, pixels: NDArray[np.uint8]) -> Float32Array:
        import torch
        from torch.nn.functional import interpolate

        model = self._loaded()
        device = next(model.parameters()).device
        mean, deviation = (
            torch.tensor(each, device=device).view(1, 3, 1, 1) for each in (self.kind.mean, self.kind.deviation)
        )
        with torch.inference_mode():
            x = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2) / 255  # [n, 3, h, w]
            if x.shape[2:] != (self.kind.size, self.kind.size):
                x = interpolate(x, (self.kind.size, self.kind.size), mode="bilinear", antialias=True)
            features: Float32Array = model((x - mean) / deviation).float().cpu().numpy()
        return features

    def _load(self) -> nn.Module:
        import torch

        return self.kind.build(self._weights).eval().to("cuda" if torch.cuda.is_available() else "cpu")
