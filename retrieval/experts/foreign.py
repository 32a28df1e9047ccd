"""Experts whose weights vidi doesn't ship: how a person names them, and what each is made of.

``NAME=MODEL`` or ``NAME=MODEL:WEIGHTS``, such as ``motion=torchvision/r2plus1d_18:r2plus1d_18.pth``. Such an expert
stands beside the one of the same name that comes with vidi: their tracks are kept under two versions. The version tells
the model and the digest of its weights, so that a model over tracks can say what it was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from retrieval.errors import UsageError
from retrieval.experts.over_time import TimeExpert

__all__ = ["EXPERT_MODELS", "ForeignModel", "foreign_experts", "option_of", "parse_model"]

_REVISION: Final = "1"
"""Of what is done before and after a network; raised when the same weights would give another track."""

_NETS: Final[Mapping[str, tuple[str, ...]]] = {
    "torchvision": ("mc3_18", "mvit_v1_b", "mvit_v2_s", "r2plus1d_18", "r3d_18", "s3d"),
    "places365": ("densenet161", "resnet18", "resnet50"),
}
"""Models of those families that have a few; timm's are many."""
_EXPERTS: Final[Mapping[str, str]] = {
    "ast": "audio",
    "clap": "audio",
    "places365": "scene",
    "timm": "rgb",
    "torchvision": "motion",
    "vggish": "audio",
}
"""The name of the expert that each family makes. ``rgb``, the paper's name, is a second look beside ``appearance``,
which picture spaces read."""
_FOLDERS: Final = frozenset({"ast", "clap"})
_FILES_ALONE: Final = frozenset({"places365", "vggish"})
"""Families that no hub has."""

EXPERT_MODELS: Final = (
    *(f"{_EXPERTS[family]}={family}/{name}" for family, names in _NETS.items() for name in names),
    "audio=ast", "audio=clap", "audio=vggish", "rgb=timm/NAME",
)  # fmt: skip
"""What may be asked, without weights."""


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """What a person chose: the model ``family`` or ``family/net`` for an expert, and where its weights are."""

    expert: str
    family: str
    net: str = ""
    weights: str | None = None

    @property
    def label(self) -> str:
        """The model's name."""
        return f"{self.family}/{self.net}" if self.net else self.family

    @property
    def option(self) -> str:
        """As it is typed, without weights."""
        return f"{self.expert}={self.label}"


def parse_model(text: str) -> ForeignModel:
    """What ``text`` chooses.

    Raises:
        UsageError: it is not of that form, or there is no such model.
    """
    expert, equals, rest = text.partition("=")
    label, colon, weights = rest.partition(":")
    family, _, net = label.partition("/")
    if not equals or not label or (colon and not weights):
        raise UsageError(
            f"an expert is named as NAME=MODEL or NAME=MODEL:WEIGHTS, got {text!r}; such as "
            f"motion=torchvision/r2plus1d_18:FILE"
        )
    known = [model.partition("=")[2] for model in EXPERT_MODELS]
    is_known = bool(net) if family == "timm" else label in known
    if not is_known:
        near = get_close_matches(label, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
        raise UsageError(f"there is no expert's model {label!r}; {hint}")
    if expert != _EXPERTS[family]:
        raise UsageError(f"{label} makes the expert {_EXPERTS[family]}, not {expert!r}; give {_EXPERTS[family]}={rest}")
    if family in _FILES_ALONE and not weights:
        raise _without_hub(ForeignModel(expert, family, net))
    return ForeignModel(expert, family, net, weights or None)


def _without_hub(model: ForeignModel) -> UsageError:
    return UsageError(f"no hub has the weights of {model.label}: give their file, --expert {model.option}:FILE")


def foreign_experts(texts: Sequence[str]) -> list[TimeExpert]:
    """The experts that ``texts`` choose, in that order; their weights are found, but not loaded.

    Raises:
        UsageError: one is not of the form, there is no such model, or one name is given twice.
        ModelError: weights can't be had.
    """
    chosen = [parse_model(text) for text in texts]
    names = [model.expert for model in chosen]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two models are given for the expert {twice}; a run asks one of each name")
    return [_MAKERS[model.family](model) for model in chosen]


def option_of(name: str, version: str) -> str | None:
    """The ``--expert`` that asks an expert of this name and version; None: it comes with vidi."""
    label = version.rpartition("-")[0].rpartition("-")[0].replace(".", "/", 1)
    family = label.partition("/")[0]
    if _EXPERTS.get(family) != name:
        return None
    return f"--expert {name}={label}:{'FOLDER' if family in _FOLDERS else 'FILE'}"


def _version(model: ForeignModel, files: Sequence[Path]) -> str:
    from retrieval.models.foreign_weights import digest_of_files

    return f"{model.label.replace('/', '.', 1)}-{digest_of_files(files)[:8]}-{_REVISION}"


def _title(model: ForeignModel) -> str:
    return f"{model.expert} ({model.label})"


def _clips(model: ForeignModel) -> TimeExpert:
    from retrieval.experts.clip_motion import ClipMotion  # here and below: who asks none should import none
    from retrieval.models.foreign_weights import find_torchvision_weights, given_file
    from retrieval.models.video_nets import VIDEO_NETS, VideoNet

    file = given_file(model.weights) if model.weights else find_torchvision_weights(model.net, model.option)
    net = VideoNet(VIDEO_NETS[model.net], file)
    return ClipMotion(model.expert, _version(model, [file]), _title(model), net)


def _transformers_sound(model: ForeignModel) -> TimeExpert:
    from retrieval.experts.sound_windows import SoundWindows
    from retrieval.models.foreign_weights import find_model_folder, model_files
    from retrieval.models.sound_nets import SOUND_NETS, TransformersSound

    kind = SOUND_NETS[model.family]
    folder = find_model_folder(model.weights, kind.repository, model.option)
    net = TransformersSound(kind, folder)
    return SoundWindows(model.expert, _version(model, model_files(folder)), _title(model), net)


def _vggish(model: ForeignModel) -> TimeExpert:
    from retrieval.experts.sound_windows import SoundWindows
    from retrieval.models.foreign_weights import given_file
    from retrieval.models.vggish import VGGishSound

    file = given_file(model.weights or "")
    return SoundWindows(model.expert, _version(model, [file]), _title(model), VGGishSound(file))


def _pictures(model: ForeignModel) -> TimeExpert:
    from retrieval.experts.frames_over_time import FramesOverTime
    from retrieval.experts.net_pictures import NetPictures
    from retrieval.models.foreign_weights import given_file
    from retrieval.models.picture_nets import PLACES_NETS, PictureNet, timm_kind
    from retrieval.models.published import fetch_repository

    kind = timm_kind(model.net) if model.family == "timm" else PLACES_NETS[model.net]
    if model.weights:
        file = given_file(model.weights)
    elif kind.repository:
        file = fetch_repository(model.label, kind.repository)
    else:
        raise _without_hub(model)
    expert = NetPictures(model.expert, _version(model, [file]), PictureNet(kind, file))
    return FramesOverTime(expert, _title(model))


_MAKERS: Final[Mapping[str, Callable[[ForeignModel], TimeExpert]]] = {
    "ast": _transformers_sound,
    "clap": _transformers_sound,
    "places365": _pictures,
    "timm": _pictures,
    "torchvision": _clips,
    "vggish": _vggish,
}
