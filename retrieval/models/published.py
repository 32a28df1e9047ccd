"""Published weights by name: timm's of ViT and DeiT, and CvT's, from the hub's cache on this machine or from the hub.

CPVT's authors publish files, which no hub has: those, like any other, are given as a path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from torch import Tensor, nn

from retrieval.errors import WeightsError
from retrieval.models import cpvt, cvt, deit, vit
from retrieval.models.checkpoints import load_weights, read_checkpoint, to_our_names
from retrieval.models.classifier_files import PictureInput
from retrieval.models.hub import cached_file, fetch_file, reason_of
from retrieval.models.weight_names import NameTable

__all__ = ["PUBLISHED", "PublishedWeights", "fetch_published", "fetch_repository", "load_any_names"]

_FILES: Final = ("model.safetensors", "pytorch_model.bin")  # by which a repository may have them, the best first
_HALF: Final = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """Weights at the hub, and the model that they belong to."""

    repository: str
    model: str
    """A name of :mod:`retrieval.models.named`."""
    picture_input: PictureInput
    licence: str = "Apache-2.0"


def _vit(model: str, timm_name: str, size: int = 224) -> PublishedWeights:
    """Steiner et al. 2021, "How to train your ViT?": ImageNet-21k, then ImageNet-1k."""
    repository = f"timm/{timm_name}_{size}.augreg_in21k_ft_in1k"
    return PublishedWeights(repository, model, PictureInput(size, _HALF, _HALF))


def _deit(model: str, timm_name: str, size: int = 224) -> PublishedWeights:
    return PublishedWeights(f"timm/{timm_name}_{size}.fb_in1k", model, PictureInput(size))


def _cvt(model: str, name: str, size: int = 224) -> PublishedWeights:
    return PublishedWeights(f"microsoft/{name}", model, PictureInput(size))


PUBLISHED: Final[Mapping[str, PublishedWeights]] = {
    "vit_ti16_in21k": _vit("vit_ti16", "vit_tiny_patch16"),
    "vit_s16_in21k": _vit("vit_s16", "vit_small_patch16"),
    "vit_b16_in21k": _vit("vit_b16", "vit_base_patch16"),
    "vit_b16_in21k_384": _vit("vit_b16", "vit_base_patch16", 384),
    "vit_b32_in21k": _vit("vit_b32", "vit_base_patch32"),
    "vit_l16_in21k": _vit("vit_l16", "vit_large_patch16"),
    "vit_l16_in21k_384": _vit("vit_l16", "vit_large_patch16", 384),
    "deit_ti_in1k": _deit("deit_ti", "deit_tiny_patch16"),
    "deit_s_in1k": _deit("deit_s", "deit_small_patch16"),
    "deit_b_in1k": _deit("deit_b", "deit_base_patch16"),
    "deit_b_in1k_384": _deit("deit_b", "deit_base_patch16", 384),
    "deit_ti_distilled_in1k": _deit("deit_ti_distilled", "deit_tiny_distilled_patch16"),
    "deit_s_distilled_in1k": _deit("deit_s_distilled", "deit_small_distilled_patch16"),
    "deit_b_distilled_in1k": _deit("deit_b_distilled", "deit_base_distilled_patch16"),
    "deit_b_distilled_in1k_384": _deit("deit_b_distilled", "deit_base_distilled_patch16", 384),
    "cvt_13_in1k": _cvt("cvt_13", "cvt-13"),
    "cvt_13_in1k_384": _cvt("cvt_13", "cvt-13-384", 384),
    "cvt_21_in1k": _cvt("cvt_21", "cvt-21"),
    "cvt_21_in1k_384": _cvt("cvt_21", "cvt-21-384", 384),
    "cvt_w24_in22k_384": _cvt("cvt_w24", "cvt-w24-384-22k", 384),
}
"""By vidi's names: the model, what it was trained on, and the pictures' side where it is not 224."""

_TABLES: Final[Mapping[type[nn.Module], tuple[NameTable, ...]]] = {
    vit.ViT: (vit.TIMM_NAMES,),
    deit.DeiT: (deit.TIMM_NAMES,),
    cpvt.CPVT: (cpvt.AUTHORS_NAMES,),
    cvt.CvT: (cvt.TRANSFORMERS_NAMES, cvt.OFFICIAL_NAMES),
}


def load_any_names(model: nn.Module, path: Path, *, without: tuple[str, ...] = ()) -> None:
    """Fills ``model`` from a file in whichever names that its weights are published in; see ``load_weights``.

    Raises:
        WeightsError: the file can't be read, or is of another model.
    """
    theirs = read_checkpoint(path)
    ours = NameTable({name: name for name in {entry.rpartition(".")[0] or entry for entry in model.state_dict()}})
    tables = (*_TABLES[type(model)], ours)
    load_weights(model, theirs, max(tables, key=lambda table: _known(theirs, table)), source=str(path), without=without)


def _known(theirs: Mapping[str, Tensor], names: NameTable) -> int:
    return len(to_our_names(theirs, names)[0])


def fetch_published(name: str) -> Path:
    """The file of weights by vidi's name: from the hub's cache on this machine, else from the hub, into that cache.

    Raises:
        WeightsError: no weights have that name; they are not here and the hub can't be reached, or hasn't them.
    """
    if name not in PUBLISHED:
        near = get_close_matches(name, PUBLISHED, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected a file, or one of {', '.join(PUBLISHED)}"
        raise WeightsError(f"{name!r} is neither a file here nor the name of published weights; {hint}")
    return fetch_repository(name, PUBLISHED[name].repository)


def fetch_repository(name: str, repository: str) -> Path:
    """The file of the weights that messages call ``name``, as :func:`fetch_published`.

    Raises:
        WeightsError: they are not here and the hub can't be reached, or hasn't them.
    """
    if cached := cached_file(repository, _FILES):
        return cached
    try:
        return fetch_file(repository, _FILES)
    except Exception as error:  # the hub's client raises errors of every library beneath it
        raise WeightsError(
            f"the weights {name} are not on this machine, and the hub that has them ({repository}) can't be reached "
            f"({reason_of(error)}); connect and try again, or copy their file here and give its path"
        ) from error
