"""Files of random weights in the layouts in which foreign experts' are published."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import torch


def torchvision_file(path: Path, name: str = "r2plus1d_18", seed: int = 0) -> Path:
    """What torchvision publishes of a network: its state."""
    from torchvision.models import get_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_model(name, weights=None)
    _liven(model, seed)
    torch.save(model.state_dict(), path)
    return path


def places_file(path: Path, name: str = "resnet18", seed: int = 0) -> Path:
    """What the authors of Places365 publish: a training's checkpoint, names as torch had them then."""
    from torchvision.models import get_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_model(name, weights=None, num_classes=365)
    _liven(model, seed)
    old = {
        "module." + re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key): tensor
        for key, tensor in model.state_dict().items()
        if not key.endswith("num_batches_tracked")  # they were trained before it was counted
    }
    torch.save({"epoch": 90, "arch": name, "state_dict": old, "best_prec1": torch.tensor(54.0)}, path)
    return path


def _liven(model: torch.nn.Module, seed: int) -> None:
    """Normalisations and convolutions that do something, so that what was not loaded shows."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            for tensor in (module.running_mean, module.running_var):
                assert tensor is not None
                tensor.add_(torch.rand(tensor.shape, generator=generator) * 0.1)
        elif isinstance(module, torch.nn.Conv3d) and type(model).__name__ == "S3D":
            # They begin so small that nothing arrives at the end.
            torch.nn.init.kaiming_normal_(module.weight, generator=generator)


def clap_folder(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """A small CLAP, whole, as transformers writes it."""
    from transformers import ClapAudioConfig, ClapConfig, ClapFeatureExtractor, ClapModel, ClapTextConfig

    audio = ClapAudioConfig(
        depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 2], patch_embeds_hidden_size=8, hidden_size=64,
        projection_dim=16, **changes,
    )  # fmt: skip
    text = ClapTextConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        projection_dim=16,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ClapModel(ClapConfig(text_config=text.to_dict(), audio_config=audio.to_dict(), projection_dim=16))
    model.save_pretrained(folder)
    ClapFeatureExtractor(truncation="fusion" if changes.get("enable_fusion") else "rand_trunc").save_pretrained(folder)
    return folder


def ast_folder(folder: Path, seed: int = 0) -> Path:
    """A small AST with the head of its classes, as it is published."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    config = ASTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ASTForAudioClassification(config)
    model.save_pretrained(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has more bands than its spectrum fills
        ASTFeatureExtractor().save_pretrained(folder)
    return folder
