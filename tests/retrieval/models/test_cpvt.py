"""CPVT's shapes, its one difference from DeiT, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from retrieval.errors import ModelError
from retrieval.models.cpvt import AUTHORS_NAMES, CPVT, CPVTConfig, cpvt_base, cpvt_small, cpvt_tiny
from retrieval.models.vit import ViT, ViTConfig, vit_base, vit_small, vit_tiny

SMALL = CPVTConfig(layers=3, width=24, heads=3, patch_size=8, picture_size=32, classes=5)
POOLED = replace(SMALL, average_pooling=True)


def pixels_of(height: int, width: int) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))


def built(config: CPVTConfig) -> CPVT:
    torch.manual_seed(4)
    return CPVT(config).eval()


@pytest.mark.parametrize("config", [SMALL, POOLED], ids=["class token", "average pooling"])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 48), (64, 64), (24, 80), (8, 8)])
def test_any_size_is_taken(config: CPVTConfig, height: int, width: int) -> None:
    model = built(config)

    assert model(pixels_of(height, width)).shape == (2, 5)
    assert model.features(pixels_of(height, width)).shape == (2, 24)


def test_a_size_that_patches_do_not_fill_is_refused() -> None:
    with pytest.raises(ModelError, match="a picture of 30 x 32 can't be cut into patches of 8 x 8: resize it"):
        built(SMALL)(pixels_of(30, 32))


def test_with_a_silent_peg_it_is_a_vit_without_positions() -> None:
    model = built(SMALL)
    twin = ViT(ViTConfig(layers=3, width=24, heads=3, patch_size=8, picture_size=32, classes=5)).eval()
    with torch.no_grad():
        for parameter in model.positions.parameters():
            parameter.zero_()
        twin.positions.table.zero_()
    shared = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("positions.")}
    assert twin.load_state_dict(shared, strict=False).missing_keys == ["positions.table"]

    torch.testing.assert_close(model(pixels_of(32, 32)), twin(pixels_of(32, 32)), rtol=0, atol=1e-6)


def test_the_peg_alone_tells_places() -> None:
    """With patches shuffled, the class token's answer changes only if the PEG speaks."""
    model = built(SMALL)
    pixels = pixels_of(32, 32)
    shuffled = torch.cat([pixels[..., 16:, :], pixels[..., :16, :]], dim=2)  # whole rows of patches

    assert not torch.allclose(model(pixels), model(shuffled), atol=1e-5)
    with torch.no_grad():
        for parameter in model.positions.parameters():
            parameter.zero_()
    torch.testing.assert_close(model(pixels), model(shuffled), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "plain"),
    [(cpvt_tiny(), vit_tiny()), (cpvt_small(), vit_small()), (cpvt_base(), vit_base())],
    ids=["Ti", "S", "B"],
)
def test_parameters_are_deits_without_the_table_and_with_the_peg(ours: CPVTConfig, plain: ViTConfig) -> None:
    with torch.device("meta"):
        count, pooled, twin = (
            sum(parameter.numel() for parameter in model.parameters())
            for model in (CPVT(ours), CPVT(replace(ours, average_pooling=True)), ViT(plain))
        )

    assert count == twin - 197 * ours.width + (3 * 3 + 1) * ours.width
    assert pooled == count - ours.width


def test_a_peg_after_the_last_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="a PEG after layer 3 of 3: expected one that layers follow"):
        replace(SMALL, peg_after=3)


@pytest.mark.parametrize("config", [SMALL, POOLED], ids=["class token", "average pooling"])
def test_every_weight_has_a_name_of_the_authors_and_back(config: CPVTConfig) -> None:
    names = list(built(config).state_dict())

    theirs = [AUTHORS_NAMES.theirs(name) for name in names]

    assert [AUTHORS_NAMES.ours(str(name)) for name in theirs] == names
    assert "pos_block.proj.weight" in theirs
