"""Published weights by name: from a hub's cache made here; no test asks the hub."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from retrieval.errors import WeightsError
from retrieval.models.checkpoints import to_their_names
from retrieval.models.cpvt import AUTHORS_NAMES, CPVT, CPVTConfig
from retrieval.models.cvt import OFFICIAL_NAMES, TRANSFORMERS_NAMES, CvT, CvTConfig, StageConfig
from retrieval.models.hub import ANSWER_SECONDS
from retrieval.models.named import MODEL_NAMES, config_of
from retrieval.models.published import PUBLISHED, fetch_published, load_any_names
from retrieval.models.vit import TIMM_NAMES, ViT, ViTConfig
from retrieval.models.weight_names import NameTable

SIZE = {"layers": 2, "width": 8, "heads": 2, "patch_size": 4, "picture_size": 8, "classes": 3}
SMALL_CVT = CvTConfig(
    stages=(StageConfig(layers=1, width=8, heads=1, kernel=3, stride=2, padding=1, class_token=True),), classes=3
)


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nobody_answers: None) -> Path:
    """An empty cache, and a network that would answer nobody."""
    import huggingface_hub.file_download

    monkeypatch.setattr(huggingface_hub.file_download.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def keep(cache: Path, repository: str, file: str) -> Path:
    """A file as the hub's client keeps it."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    path = folder / "snapshots" / "abc" / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("name", ["deit_s_in1k", "vit_b16_in21k", "cvt_13_in1k"])
def test_weights_in_the_cache_need_no_hub(hub_cache: Path, name: str, file: str) -> None:
    kept = keep(hub_cache, PUBLISHED[name].repository, file)
    assert fetch_published(name) == kept


def test_without_a_hub_the_model_is_named_and_what_to_do(hub_cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        fetch_published("deit_s_in1k")
    assert str(caught.value) == (
        "the weights deit_s_in1k are not on this machine, and the hub that has them "
        "(timm/deit_small_patch16_224.fb_in1k) can't be reached (no route to host); connect and try again, or copy "
        "their file here and give its path"
    )


def test_offline_the_hub_is_not_asked(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"can't be reached \(HF_HUB_OFFLINE is set\)"):
        fetch_published("cvt_13_in1k")


def test_an_unknown_name_is_told_what_is_near() -> None:
    with pytest.raises(WeightsError, match=r"'deit_s_1k' is neither a file here nor .*; did you mean deit_s_in1k\?"):
        fetch_published("deit_s_1k")


def test_every_name_has_its_model_and_timms_its_repository() -> None:
    repositories = set()
    for name in timm.list_models(["vit_*", "deit_*"], pretrained=True):
        repositories.add(f"timm/{name}")
    for name, weights in PUBLISHED.items():
        assert weights.model in MODEL_NAMES
        assert name.startswith(weights.model)
        config_of(weights.model, classes=10, picture_size=weights.picture_input.size)
        if weights.repository.startswith("timm/"):
            assert weights.repository in repositories
            found = timm.get_pretrained_cfg(weights.repository.removeprefix("timm/"))
            assert (found.mean, found.std) == (weights.picture_input.mean, weights.picture_input.deviation)
            assert found.input_size[1] == weights.picture_input.size


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (lambda: ViT(ViTConfig(**SIZE)), TIMM_NAMES),  # type: ignore[arg-type]
        (lambda: CPVT(CPVTConfig(**SIZE)), AUTHORS_NAMES),  # type: ignore[arg-type]
        (lambda: CvT(SMALL_CVT), TRANSFORMERS_NAMES),
        (lambda: CvT(SMALL_CVT), OFFICIAL_NAMES),
        (lambda: ViT(ViTConfig(**SIZE)), None),  # type: ignore[arg-type]
    ],
    ids=["timm's", "CPVT's authors'", "the hub's", "CvT's authors'", "ours"],
)
def test_a_file_is_known_by_its_names(tmp_path: Path, build: object, names: NameTable | None) -> None:
    torch.manual_seed(0)
    whole: nn.Module = build()  # type: ignore[operator]
    empty: nn.Module = build()  # type: ignore[operator]
    tensors = whole.state_dict() if names is None else to_their_names(whole.state_dict(), names)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, tmp_path / "m.safetensors")
    load_any_names(empty, tmp_path / "m.safetensors", without=("head",))
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, empty.state_dict()[name]) != name.startswith("head.weight"), name


def test_a_file_of_another_model_is_told_in_its_own_names(tmp_path: Path) -> None:
    whole = ViT(ViTConfig(**SIZE))  # type: ignore[arg-type]
    save_file(to_their_names(whole.state_dict(), TIMM_NAMES), tmp_path / "m.safetensors")
    with pytest.raises(WeightsError, match=r"of another model than CPVT: missing: pos_block\.proj\.weight.*pos_embed"):
        load_any_names(CPVT(CPVTConfig(**SIZE)), tmp_path / "m.safetensors")  # type: ignore[arg-type]


def test_the_time_without_an_answer_is_bounded() -> None:
    assert ANSWER_SECONDS <= 10
