"""A model of open_clip with its weights, in torch: built by open_clip itself, its weights read as data alone."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed, resize_text_pos_embed
from torch import Tensor, nn

from retrieval.errors import WeightsError
from retrieval.models.checkpoints import differences, read_checkpoint
from retrieval.models.clip.facts import ClipFacts, Preprocessing, digest_of
from retrieval.models.clip.names import ClipName
from retrieval.models.clip.published import find_published, unreachable

__all__ = ["LoadedClip", "PictureSide", "TextSide", "load_clip", "open_clip_tokenizer"]

_CONFIG_FILE: Final = "open_clip_config.json"
_WEIGHT_FILES: Final = ("*.safetensors", "*.bin", "*.pth", "*.pt")
_MULTILINGUAL: Final = ("xlm-roberta", "mt5", "nllb", "i18n", "siglip2", "worldwide")
_DEFAULT_CONTEXT: Final = 77

logger = logging.getLogger("vidi.open_clip")


@dataclass(frozen=True, slots=True)
class LoadedClip:
    """A model in float32 on the CPU, ready for inference, and what is known of it."""

    model: nn.Module
    facts: ClipFacts


class PictureSide(nn.Module):
    """Pixels ``[n, h, w, 3]`` uint8 RGB to vectors of length 1, ``[n, d]`` float32."""

    mean: Tensor
    std: Tensor

    def __init__(self, loaded: LoadedClip) -> None:
        super().__init__()
        self.model: Any = loaded.model
        preprocessing = loaded.facts.preprocessing
        self.register_buffer("mean", torch.tensor(preprocessing.mean))
        self.register_buffer("std", torch.tensor(preprocessing.std))

    def forward(self, pixels: Tensor) -> Tensor:
        x = (pixels.float() / 255 - self.mean) / self.std  # [n, h, w, 3]
        vectors: Tensor = self.model.encode_image(x.permute(0, 3, 1, 2), normalize=True)
        return vectors


class TextSide(nn.Module):
    """Token ids ``[n, context]`` int64 to vectors of length 1, ``[n, d]`` float32."""

    def __init__(self, loaded: LoadedClip) -> None:
        super().__init__()
        self.model: Any = loaded.model

    def forward(self, tokens: Tensor) -> Tensor:
        vectors: Tensor = self.model.encode_text(tokens, normalize=True)
        return vectors


def load_clip(name: ClipName) -> LoadedClip:
    """The model with its weights, from its file here or from the hub.

    Raises:
        UnknownSpaceError: the model has no weights of that name.
        WeightsError: the weights can't be had, can't be read as data, or are of another model.
    """
    published: dict[str, Any] = {}
    if name.path is None:
        file, published = find_published(name)
        _warn_of_activation(name, published)
    else:
        file = _file_at(name.path)
    before = _stat(file)
    sha256 = digest_of(file)
    model, config = _build(name, published)
    _fill(model, read_checkpoint(file), name, file)
    if (before.st_size, before.st_mtime_ns) != (_stat(file).st_size, _stat(file).st_mtime_ns):
        raise WeightsError(f"{file} changed while it was read; try again when it is whole")
    return LoadedClip(model.eval().requires_grad_(False), _facts(name, file, before, sha256, model, config))


def open_clip_tokenizer(name: ClipName) -> Any:
    """open_clip's own tokenizer of a model: texts to token ids ``[n, context]``.

    Raises:
        WeightsError: it is on the hub alone, and that can't be reached.
    """
    config = (open_clip.get_model_config(name.model) or {}).get("text_cfg", {})
    folder = _folder_of(name)
    has_own = folder is not None and (folder / "tokenizer_config.json").is_file()
    try:
        with _quiet():
            if folder is not None and (folder / _CONFIG_FILE).is_file() and name.path == folder:
                return open_clip.get_tokenizer(f"local-dir:{folder}")
            if has_own and config.get("hf_tokenizer_name"):
                return open_clip.tokenizer.HFTokenizer(
                    str(folder),
                    context_length=config.get("context_length", _DEFAULT_CONTEXT),
                    tokenizer_mode=config.get("tokenizer_mode"),
                    **config.get("tokenizer_kwargs", {}),
                )
            return open_clip.get_tokenizer(name.model)
    except (OSError, ValueError, RuntimeError) as error:
        raise unreachable(name, f"its tokenizer: {error}") from error


def _build(name: ClipName, published: Mapping[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    """The model without its weights, and its configuration."""
    folder = name.path if name.path is not None and name.path.is_dir() else None
    called = f"local-dir:{folder}" if folder else name.model
    chosen = dict(published) or _preprocessing_beside(name)
    try:
        with _quiet():
            config = open_clip.get_model_config(called)
            model = open_clip.create_model(
                called, load_weights=False, pretrained_text=False, force_preprocess_cfg=chosen
            )
    except OSError as error:  # a text tower whose configuration only the hub has
        raise unreachable(name, error) from error
    except (ValueError, RuntimeError, TypeError, AssertionError, KeyError) as error:
        raise WeightsError(
            f"{called} can't be built by open_clip: {_one_line(error)}; give a model and weights that belong together"
        ) from error
    return model, config


def _fill(model: nn.Module, state: Mapping[str, Tensor], name: ClipName, file: Path) -> None:
    """Load ``state``, under any of the names that open_clip takes for its own.

    Raises:
        WeightsError: names or shapes are of another model.
    """
    try:
        found = _translated(model, dict(state))
        if wrong := differences(model.state_dict(), found, shapes=False):
            raise WeightsError(_of_another(name, file, wrong))
        resize_pos_embed(found, model)
        resize_text_pos_embed(found, model)
    except (KeyError, RuntimeError, ValueError, AttributeError, TypeError, IndexError) as error:
        raise WeightsError(_of_another(name, file, _one_line(error))) from error
    if wrong := differences(model.state_dict(), found):
        raise WeightsError(_of_another(name, file, wrong))
    model.load_state_dict(found, strict=False)


def _translated(model: Any, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names of parallel training, of older versions and of other publishers become the model's own."""
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    state = convert_state_dict(model, state)
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    for scalar in ("logit_scale", "logit_bias"):
        own = getattr(model, scalar, None)
        if own is not None and scalar in state and state[scalar].numel() == 1:
            state[scalar] = state[scalar].reshape(own.shape)
    if "logit_bias" not in state and getattr(model, "logit_bias", None) is not None and "logit_scale" in state:
        state["logit_bias"] = torch.zeros_like(model.logit_bias)
    state.pop("text.transformer.embeddings.position_ids", None)  # of older versions of transformers
    return state


def _of_another(name: ClipName, file: Path, wrong: str) -> str:
    return f"{file} is of another model than {name.model}: {wrong}; name its own model"


def _facts(
    name: ClipName, file: Path, stat: os.stat_result, sha256: str, model: Any, config: dict[str, Any]
) -> ClipFacts:
    preprocess = model.visual.preprocess_cfg
    size = preprocess["size"]
    height, width = (size, size) if isinstance(size, int) else size
    bias = getattr(model, "logit_bias", None)
    text = config.get("text_cfg", {})
    return ClipFacts(
        name=str(name.float32),
        path=str(file),
        size_bytes=stat.st_size,
        modified_ns=stat.st_mtime_ns,
        sha256=sha256,
        config_sha256=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        library=version("open_clip_torch"),
        dim=int(config["embed_dim"]),
        context_length=int(text.get("context_length", _DEFAULT_CONTEXT)),
        preprocessing=Preprocessing(
            int(height),
            int(width),
            tuple(map(float, preprocess["mean"])),
            tuple(map(float, preprocess["std"])),
            "bilinear" if preprocess["interpolation"] == "bilinear" else "bicubic",
            preprocess["resize_mode"] or "shortest",
            int(preprocess["fill_color"]),
        ),
        tokenizer=text,
        languages=("mul",) if any(word in name.model.lower() for word in _MULTILINGUAL) else ("en",),
        logit_scale=float(model.logit_scale.exp()),
        logit_bias=None if bias is None else float(bias),
    )


def _file_at(path: Path) -> Path:
    """The file of weights at a path that a person gave; of a folder the one that open_clip would take."""
    if path.is_dir():
        files = [found for pattern in _WEIGHT_FILES for found in sorted(path.glob(pattern))]
        preferred = [file for file in files if file.name.startswith("open_clip")]
        if not files or not (path / _CONFIG_FILE).is_file():
            raise WeightsError(
                f"the folder {path} holds no model of open_clip: expected {_CONFIG_FILE} and a file of weights; "
                f"name the file itself if the configuration is open_clip's own"
            )
        return (preferred or files)[0]
    if not path.is_file():
        raise WeightsError(f"there are no weights at {path}; give the path of a file, or a tag that open_clip knows")
    return path


def _preprocessing_beside(name: ClipName) -> dict[str, Any]:
    """What a file that came from a hub with its configuration says there; without, open_clip's own default holds."""
    folder = _folder_of(name)
    try:
        told = json.loads((folder / _CONFIG_FILE).read_text("utf-8")) if folder else {}
        return dict(told.get("preprocess_cfg", {}))
    except (OSError, ValueError, AttributeError):
        return {}


def _folder_of(name: ClipName) -> Path | None:
    if name.path is None:
        return None
    return name.path if name.path.is_dir() else name.path.parent


def _warn_of_activation(name: ClipName, published: Mapping[str, Any]) -> None:
    """Some published weights want QuickGELU, which models of another name have: without, vectors are poorer."""
    wants = bool(published.get("quick_gelu"))
    has = bool((open_clip.get_model_config(name.model) or {}).get("quick_gelu"))
    if wants != has:
        better = name.model.removesuffix("-quickgelu") if has else f"{name.model}-quickgelu"
        logger.warning("vidi: %s were trained as %s: use open_clip/%s/%s", name, better, better, name.weights)


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise WeightsError(f"{path} can't be read ({error.strerror}); give a file of weights") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip muses on a model without weights, which get theirs here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
