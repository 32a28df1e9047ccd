"""CLAP and AST in transformers' form, from a folder: how a stretch of sound sounds.

CLAP: Wu et al. 2023, "Large-Scale Contrastive Language-Audio Pretraining with Feature Fusion and Keyword-to-Caption
Augmentation". AST: Gong et al. 2021, "AST: Audio Spectrogram Transformer".
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from retrieval.errors import WeightsError
from retrieval.models.imports import import_transformers
from retrieval.once import Once
from retrieval.types import Float32Array

__all__ = ["SOUND_NETS", "TransformersSound", "TransformersSoundKind"]

_RATE: Final = 16_000


@dataclass(frozen=True, slots=True)
class TransformersSoundKind:
    """What one of the models takes and gives."""

    name: str
    model_types: tuple[str, ...]
    """In the folder's ``config.json``."""
    model_class: str
    extractor_class: str
    output: str
    """Of the model's outputs, the one that is kept."""
    rate: int
    """Samples a second that it was trained on, a multiple of 16 kHz."""
    window_seconds: float
    width: tuple[str, int]
    """Where that file tells the width of a feature, and what it is where nothing is told."""
    repository: str
    """At the hub, where no folder is given."""


SOUND_NETS: Final[Mapping[str, TransformersSoundKind]] = {
    "ast": TransformersSoundKind(
        name="ast",
        model_types=("audio-spectrogram-transformer",),
        model_class="ASTModel",
        extractor_class="ASTFeatureExtractor",
        output="pooler_output",
        rate=16_000,
        window_seconds=10.24,
        width=("hidden_size", 768),
        repository="MIT/ast-finetuned-audioset-10-10-0.4593",
    ),
    "clap": TransformersSoundKind(
        name="clap",
        model_types=("clap", "clap_audio_model"),
        model_class="ClapAudioModelWithProjection",
        extractor_class="ClapFeatureExtractor",
        output="audio_embeds",
        rate=48_000,
        window_seconds=10.0,
        width=("projection_dim", 512),
        repository="laion/clap-htsat-unfused",
    ),
}
"""By vidi's names."""


class TransformersSound:
    """One of them, from a folder. It loads when first used; threads may share it."""

    row_seconds: Final = 5

    def __init__(self, kind: TransformersSoundKind, folder: Path) -> None:
        """Reads no more than the folder's ``config.json``.

        Raises:
            WeightsError: it is of another model.
        """
        self._kind = kind
        self._folder = folder
        self.dim = _width(kind, folder)
        self.window_samples = round(kind.window_seconds * _RATE)
        self._loaded = Once(self._load)

    def load(self) -> None:
        """Load the model now.

        Raises:
            MissingExtraError: transformers can't be imported.
            WeightsError: the folder holds no such model, or a part of one.
        """
        self._loaded()

    def __call__(self, windows: Float32Array) -> Float32Array:
        """Features ``[n, d]`` of ``windows [n, window_samples]``, -1 to 1 at 16 kHz.

        Raises: as :meth:`load`.
        """
        import torch

        extractor, model = self._loaded()
        sound = _sampled(windows, self._kind.rate // _RATE)
        inputs = extractor(list(sound), sampling_rate=self._kind.rate, return_tensors="pt")
        if "is_longer" in inputs:  # of a batch without any, the extractor calls one at random longer than it is
            inputs["is_longer"] = torch.zeros_like(torch.as_tensor(inputs["is_longer"]), dtype=torch.bool)
        with torch.inference_mode():
            output = model(**{name: torch.as_tensor(value).to(model.device) for name, value in inputs.items()})
        features: Float32Array = output[self._kind.output].float().cpu().numpy()
        return features

    def _load(self) -> tuple[Any, Any]:
        import torch

        transformers, kind = import_transformers(), self._kind
        transformers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()  # or it lists the heads that are not asked for
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # AST has more bands than its spectrum fills, and was trained so
                extractor = getattr(transformers, kind.extractor_class).from_pretrained(
                    self._folder, local_files_only=True
                )
            model, told = getattr(transformers, kind.model_class).from_pretrained(
                self._folder, local_files_only=True, output_loading_info=True
            )
        except Exception as error:  # the package raises errors of every library beneath it
            reason = " ".join(str(error).split())[:160] or type(error).__name__
            raise WeightsError(
                f"{self._folder} can't be loaded as {kind.name}: expected a model in transformers' form, found: "
                f"{reason}"
            ) from error
        if missing := sorted(told["missing_keys"]):
            raise WeightsError(
                f"{self._folder} is no whole model: {len(missing)} weights of {kind.name} are missing, the first "
                f"{missing[0]}; fetch it again"
            )
        return extractor, model.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def _width(kind: TransformersSoundKind, folder: Path) -> int:
    """Of a feature."""
    try:
        told = json.loads((folder / "config.json").read_bytes())
        found = told.get("model_type")
        entry, usual = kind.width
        told = told.get("audio_config") or told
        width = int(told.get(entry, usual))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{folder / 'config.json'} can't be read as a model's configuration: {error}") from error
    if found not in kind.model_types:
        raise WeightsError(
            f"{folder} holds a model of the type {found!r}, expected {kind.model_types[0]!r}; name another folder"
        )
    return width


def _sampled(windows: Float32Array, times: int) -> Float32Array:
    """``windows [n, s]`` as ``[n, s * times]``: the same sound, with nothing above what it had."""
    if times == 1:
        return windows
    samples = windows.shape[1]
    finer = np.fft.irfft(np.fft.rfft(windows, axis=1), samples * times, axis=1) * times
    return np.asarray(finer, np.float32)
