"""Networks of pictures give what the originals give before their classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from torchvision.models import get_model

from retrieval.errors import WeightsError
from retrieval.models.picture_nets import PLACES_NETS, PictureNet, timm_kind

from .foreign_files import places_file

MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def pictures(count: int = 2, side: int = 224) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", PLACES_NETS)
def test_scenes_are_told_from_the_authors_checkpoints(tmp_path: Path, name: str) -> None:
    file = places_file(tmp_path / f"{name}_places365.pth.tar", name)
    model: Any = get_model(name, weights=None, num_classes=365)
    state = torch.load(file, weights_only=True)["state_dict"]
    ours = dict(model.state_dict())
    left = [key for key in ours if not key.endswith("num_batches_tracked")]
    assert len(left) == len(state)
    model.load_state_dict(dict(zip(left, state.values(), strict=True)), strict=False)  # in the order of the file
    head = model.fc if hasattr(model, "fc") else model.classifier
    seen: list[torch.Tensor] = []
    head.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        model.eval()(((torch.from_numpy(pictures()) / 255 - MEAN) / DEVIATION).permute(0, 3, 1, 2))

    net = PictureNet(PLACES_NETS[name], file)

    assert net(pictures()).shape == (2, PLACES_NETS[name].dim)
    np.testing.assert_allclose(net(pictures()), seen[0].numpy(), rtol=1e-3, atol=1e-5)
    assert net(pictures(0)).shape == (0, PLACES_NETS[name].dim)


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet"])
def test_any_model_of_timm_at_its_own_size(tmp_path: Path, name: str) -> None:
    model = timm.create_model(name, pretrained=False)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    kind = timm_kind(name)

    found = PictureNet(kind, tmp_path / "weights.pth")(pictures(side=kind.size))

    x = torch.from_numpy(pictures(side=kind.size)) / 255
    x = ((x - torch.tensor(kind.mean)) / torch.tensor(kind.deviation)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        wanted = model.eval().forward_head(model.forward_features(x), pre_logits=True)
    assert kind.size != 224
    assert found.shape == (2, kind.dim)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-3, atol=1e-5)
    assert PictureNet(kind, tmp_path / "weights.pth")(pictures()).shape == (2, kind.dim)


def test_what_timm_has_not_and_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="timm has no model 'resnet_nobody_made'"):
        timm_kind("resnet_nobody_made")
    file = places_file(tmp_path / "r18.pth.tar")
    with pytest.raises(WeightsError, match=r"r18\.pth\.tar is of another model than ResNet: missing: layer1\.0\.conv3"):
        PictureNet(PLACES_NETS["resnet50"], file).load()
