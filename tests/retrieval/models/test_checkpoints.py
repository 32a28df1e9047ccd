"""Files of weights: right ones, wrong ones, and ones that would do harm."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from retrieval.errors import WeightsError
from retrieval.models.checkpoints import load_checkpoint, load_weights, read_checkpoint, to_their_names
from retrieval.models.cpvt import AUTHORS_NAMES, CPVT, CPVTConfig
from retrieval.models.cvt import OFFICIAL_NAMES, TRANSFORMERS_NAMES, CvT, CvTConfig, StageConfig
from retrieval.models.deit import TIMM_NAMES as DEIT_NAMES
from retrieval.models.deit import DeiT, DeiTConfig
from retrieval.models.vit import TIMM_NAMES, ViT, ViTConfig
from retrieval.models.weight_names import NameTable

SMALL = ViTConfig(layers=2, width=16, heads=2, patch_size=8, picture_size=16, classes=3)
SMALL_CVT = CvTConfig(
    stages=(
        StageConfig(layers=1, width=8, heads=1, kernel=7, stride=4, padding=2),
        StageConfig(layers=2, width=12, heads=2, kernel=3, stride=2, padding=1, class_token=True),
    ),
    classes=3,
)
SIZE = {"layers": 2, "width": 16, "heads": 2, "patch_size": 8, "picture_size": 16, "classes": 3}
ALL = {
    "ViT": (lambda: ViT(SMALL), TIMM_NAMES),
    "DeiT": (lambda: DeiT(DeiTConfig(**SIZE, distilled=True)), DEIT_NAMES),  # type: ignore[arg-type]
    "CPVT": (lambda: CPVT(CPVTConfig(**SIZE)), AUTHORS_NAMES),  # type: ignore[arg-type]
    "CvT, the hub's": (lambda: CvT(SMALL_CVT), TRANSFORMERS_NAMES),
    "CvT, the authors'": (lambda: CvT(SMALL_CVT), OFFICIAL_NAMES),
}


def vit(seed: int, config: ViTConfig = SMALL) -> ViT:
    torch.manual_seed(seed)
    return ViT(config)


def published(model: ViT) -> dict[str, Tensor]:
    return to_their_names(model.state_dict(), TIMM_NAMES)


def same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(("build", "names"), ALL.values(), ids=ALL)
def test_every_model_comes_back_from_a_file_in_foreign_names(build: Any, names: NameTable, tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole, empty = build(), build()
    save_file(
        {name: t.contiguous() for name, t in to_their_names(whole.state_dict(), names).items()},
        tmp_path / "m.safetensors",
    )
    assert not same(whole.state_dict(), empty.state_dict())

    load_checkpoint(empty, tmp_path / "m.safetensors", names)

    assert same(whole.state_dict(), empty.state_dict())


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict"])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_torch_files_are_read_bare_or_wrapped(wrapper: str | None, zipped: bool, tmp_path: Path) -> None:
    weights = published(vit(0))
    content = {wrapper: weights, "epoch": 299} if wrapper else weights
    torch.save(content, tmp_path / "m.pth", _use_new_zipfile_serialization=zipped)

    assert same(read_checkpoint(tmp_path / "m.pth"), weights)


def test_weights_of_another_model_are_listed_in_short_and_nothing_is_loaded() -> None:
    model, other = vit(0), vit(1, replace(SMALL, layers=1))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    theirs = published(other) | {"fc_norm.weight": torch.ones(16), "relative.table": torch.ones(2)}

    with pytest.raises(WeightsError) as caught:
        load_weights(model, theirs, TIMM_NAMES, source="other.pth")

    assert str(caught.value) == (
        "other.pth is of another model than ViT: missing: blocks.1.norm1.weight, blocks.1.norm1.bias, "
        "blocks.1.attn.qkv.weight, blocks.1.attn.qkv.bias and 8 more; unexpected: fc_norm.weight, relative.table; "
        "choose its own model"
    )
    assert same(model.state_dict(), before)


def test_layers_too_many_are_unexpected() -> None:
    with pytest.raises(WeightsError, match=r"than ViT: unexpected: blocks\.2\.norm1\.weight, .* and 8 more; choose"):
        load_weights(vit(0), published(vit(1, replace(SMALL, layers=3))), TIMM_NAMES, source="m.pth")


def test_other_shapes_are_told() -> None:
    with pytest.raises(WeightsError, match=r"of another shape: pos_embed \[1, 17, 16\] for \[1, 5, 16\]; choose"):
        load_weights(vit(0), published(vit(1, replace(SMALL, picture_size=32))), TIMM_NAMES, source="m.pth")


def test_a_head_of_other_classes_can_be_left_out() -> None:
    model, other = vit(0), vit(1, replace(SMALL, classes=1000))
    head = model.head.weight.clone()

    load_weights(model, published(other), TIMM_NAMES, source="m.pth", without=["head"])

    assert torch.equal(model.head.weight, head)
    assert torch.equal(model.norm.weight, other.norm.weight)
    assert torch.equal(model.positions.table, other.positions.table)


class Harm:
    """What a pickle may carry: a call, made when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("form", ["plain pickle", "zip", "before torch 1.6"])
def test_a_pickle_that_runs_code_is_refused_and_never_runs(form: str, tmp_path: Path) -> None:
    mark, file = tmp_path / "it ran", tmp_path / "m.pth"
    content = {"model": published(vit(0)), "optimizer": Harm(mark)}
    if form == "plain pickle":
        file.write_bytes(pickle.dumps(Harm(mark)))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "zip")

    with pytest.raises(
        WeightsError, match=r"m\.pth was not loaded: it is damaged, or holds more than tensors, which could"
    ):
        read_checkpoint(file)

    assert not mark.exists()
    with file.open("rb") as stream:  # the harm is real: without the restriction it is done
        pickle.load(stream) if form == "plain pickle" else torch.load(file, weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04 cut short", bytes(range(256)) * 8])
def test_a_damaged_file_is_one_line(content: bytes, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"m{suffix}"
    file.write_bytes(content)

    with pytest.raises(
        WeightsError, match=r"^\S*/m\.\w+ (can't be read as weights|was not loaded: it is damaged)[^\n]*$"
    ):
        read_checkpoint(file)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_an_absent_file_is_one_line(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"m\.\w+ can't be read: [Nn]o such file[^;]*; give a file of weights"):
        read_checkpoint(tmp_path / f"m{suffix}")


def test_a_file_of_other_things_holds_no_weights(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "m.pth")

    with pytest.raises(WeightsError, match=r"m\.pth holds no weights: expected tensors by name, found dict"):
        read_checkpoint(tmp_path / "m.pth")
