"""Networks for clips give what torchvision's own give before their classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models import get_model, get_model_weights

from retrieval.errors import WeightsError
from retrieval.media.pieces import CLIP_RATE
from retrieval.models.video_nets import VIDEO_NETS, VideoNet

from .foreign_files import torchvision_file

LONG = {"mvit_v1_b", "mvit_v2_s", "r3d_18", "s3d"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in LONG else []) for name in VIDEO_NETS]
)
def test_features_are_those_before_the_classes(tmp_path: Path, name: str) -> None:
    kind = VIDEO_NETS[name]
    file = torchvision_file(tmp_path / f"{name}.pth", name)
    clips = np.random.default_rng(0).integers(
        0, 256, (1, kind.frames, kind.form.height, kind.form.width, 3), dtype=np.uint8
    )
    model: Any = get_model(name, weights=None)
    model.load_state_dict(torch.load(file, weights_only=True))
    seen: list[torch.Tensor] = []
    model.get_submodule(kind.head).register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    normalised = (torch.from_numpy(clips) / 255 - torch.tensor(kind.mean)) / torch.tensor(kind.deviation)
    with torch.inference_mode():
        model.eval()(normalised.permute(0, 4, 1, 2, 3))

    features = VideoNet(kind, file)(clips)

    wanted = seen[0].flatten(2).mean(dim=2) if seen[0].ndim > 2 else seen[0]  # S3D pools after its classes
    assert features.shape == (1, kind.dim)
    assert features.std() > 0
    np.testing.assert_allclose(features, wanted.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", VIDEO_NETS)
def test_rates_and_sizes_are_those_of_the_published_weights(name: str) -> None:
    kind, published = VIDEO_NETS[name], get_model_weights(name)["KINETICS400_V1"]

    assert f"frame_rate={kind.rate:g}" in published.meta["_docs"]
    assert kind.frames >= (published.meta.get("min_temporal_size", 1))
    assert CLIP_RATE % kind.rate == 0
    transforms = published.transforms()
    assert [kind.form.height, kind.form.width] == transforms.crop_size
    sides = [kind.form.resized.height, kind.form.resized.width]
    assert transforms.resize_size in (sides, sides[:1])


def test_other_classes_change_nothing(tmp_path: Path) -> None:
    file = torchvision_file(tmp_path / "whole.pth")
    state = torch.load(file, weights_only=True)
    del state["fc.bias"]
    torch.save(state | {"fc.weight": torch.zeros(3, 512)}, tmp_path / "fine.pth")
    clip = np.random.default_rng(0).integers(0, 256, (1, 16, 112, 112, 3), dtype=np.uint8)

    whole, fine = (VideoNet(VIDEO_NETS["r2plus1d_18"], path)(clip) for path in (file, tmp_path / "fine.pth"))

    assert (whole == fine).all()


def test_weights_of_another_network_are_refused_in_one_line(tmp_path: Path) -> None:
    file = torchvision_file(tmp_path / "mc3.pth", "mc3_18")

    with pytest.raises(WeightsError, match=r"mc3\.pth is of another model than VideoResNet: missing: stem") as told:
        VideoNet(VIDEO_NETS["r2plus1d_18"], file).load()

    assert "\n" not in str(told.value)


def test_building_one_draws_no_random_number(tmp_path: Path) -> None:
    file = torchvision_file(tmp_path / "mc3.pth", "mc3_18")
    before = torch.get_rng_state()

    VideoNet(VIDEO_NETS["mc3_18"], file).load()

    assert torch.equal(torch.get_rng_state(), before)
