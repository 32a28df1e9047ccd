"""For all tests: a cache of the run's own, tiny models of open_clip, of three families, with random weights, and
classifiers in folders, as `vidi train classifier` writes them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("VIDI_CACHE")
    os.environ["VIDI_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("VIDI_CACHE")
    if before is not None:
        os.environ["VIDI_CACHE"] = before


_TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}

TINY: dict[str, dict[str, Any]] = {
    "tiny-vit": {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
        "text_cfg": _TEXT,
    },
    "tiny-convnext": {
        "embed_dim": 24,
        "vision_cfg": {
            "timm_model_name": "convnext_atto",
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": 64,
        },
        "text_cfg": _TEXT,
    },
    "tiny-siglip": {
        "embed_dim": 192,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "timm_model_name": "vit_tiny_patch16_224",
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": "none",
            "image_size": 224,
        },
        "text_cfg": _TEXT
        | {
            "vocab_size": 64,
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
        },
    },
}


@dataclass(frozen=True)
class TinyModel:
    """A model of open_clip with random weights, and the file of them."""

    name: str
    file: Path
    model: Any
    preprocess: Any
    config: dict[str, Any]

    @property
    def space(self) -> str:
        return f"open_clip/{self.name}/{self.file}"


def _hub_tokenizer(folder: Path) -> Path:
    """A tokenizer as a hub keeps it, of a few words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "</s>", "<unk>", "a", "dog", "leaps", "for", "frisbee", "cat", "word", "photo", "of", "on"]
    backend = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", padding_side="right"
    )
    made.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def _configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import open_clip

    folder = tmp_path_factory.mktemp("configs")
    TINY["tiny-siglip"]["text_cfg"]["hf_tokenizer_name"] = str(_hub_tokenizer(folder / "tokenizer"))
    for name, config in TINY.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_models(_configs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TinyModel]:
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("weights")
    made = {}
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    for seed, name in enumerate(TINY):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=None)
        file = folder / f"{name}.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, file)
        made[name] = TinyModel(name, file, model.eval(), preprocess, TINY[name])
    logging.disable(before)
    return made


@pytest.fixture
def save_state() -> Any:
    """Saves weights as torch does, with a later time than the last."""
    import itertools
    import os

    import torch

    times = itertools.count(1_700_000_000)

    def save(state: dict[str, Any], path: Path) -> Path:
        torch.save(state, path)
        stamp = next(times)
        os.utime(path, (stamp, stamp))
        return path

    return save


# ---------------------------------------------------------------------------------------------------- classifiers


def write_classifier(folder: Path, weights: bytes, **card: Any) -> Path:
    """The folder of a classifier with these weights; what ``card`` doesn't say is that of a head called ``colours``."""
    usual = {
        "task": "classifier", "format": 1, "name": "colours", "kind": "head", "architecture": "linear", "config": {},
        "classes": ["red", "blue"], "features": None, "input": None, "temperature": 1.0,
        "sha256": hashlib.sha256(weights).hexdigest(),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "card.json").write_text(json.dumps(usual | card))
    return folder


@pytest.fixture(scope="session")
def colour_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ViT of random weights but for its head, which tells pictures that are red from those that are blue."""
    import torch
    from safetensors.torch import save

    from retrieval.models.classifier_files import PictureInput
    from retrieval.models.named import build_model, config_of, config_to_json

    config = config_of("vit_mini", classes=2)
    reads = PictureInput(config.picture_size)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model: Any = build_model(config).eval()
        for block in model.blocks:  # at first they are too small for a picture to be told from another
            for weight in block.parameters():
                weight.mul_(4)
        whole = torch.tensor([[220.0, 30, 30], [40, 70, 220]])[:, :, None, None].expand(2, 3, 32, 32) / 255
        red, blue = model.features(reads.normalise(whole))
        across = 8 * (red - blue) / (red - blue).square().sum()
        middle = across @ (red + blue) / 2
        model.head.weight.copy_(torch.stack([across, -across]))
        model.head.bias.copy_(torch.stack([-middle, middle]))
    return write_classifier(
        tmp_path_factory.mktemp("classifier"), save(dict(model.state_dict())), kind="model", architecture="vit",
        config=config_to_json(config), input=reads.to_json(),
    )  # fmt: skip


@pytest.fixture
def write_head(tmp_path: Path) -> Callable[..., Path]:
    """Writes the folder of a linear head, of ``weights`` and no bias; by default it takes its first features for its
    logits. ``card`` is as of :func:`write_classifier`."""

    def write(name: str = "head", weights: Any = None, **card: Any) -> Path:
        import numpy as np
        from safetensors.numpy import save

        from retrieval.experts.appearance import Appearance
        from retrieval.models.classifier_files import HeadWeights

        classes = len(card.get("classes", ("red", "blue")))
        own = np.eye(classes, Appearance.dim, dtype=np.float32) if weights is None else weights
        head = HeadWeights((own,), (np.zeros(classes, np.float32),))
        features = {"expert": Appearance.name, "version": Appearance.version}
        return write_classifier(tmp_path / name, save(dict(head.tensors())), **({"features": features} | card))

    return write
