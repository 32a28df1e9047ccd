"""What `vidi train mmt` trains: its terms, and where its projections start."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from retrieval.models.mmt import Mmt
from retrieval.models.mmt_config import AlignedText, MmtConfig
from retrieval.training.mmt.clips import CaptionedClip
from retrieval.training.mmt.model import start_from_statistics, trained_config
from tests.retrieval.training.mmt.conftest import ToyClips, toy_clips


def test_every_expert_that_is_here_has_its_terms() -> None:
    dims = {"appearance": 1280, "audio": 464, "motion": 164, "ocr": 384, "speech": 384}
    config = trained_config(dims, pictures="starter", picture_dim=480)
    assert {expert.name: expert.dim for expert in config.experts} == {**dims, "appearance": 480}
    assert {term.name: term.expert for term in config.aligned} == {
        "event 1": "appearance", "event 2": "appearance", "event 3": "appearance", "ocr": "ocr", "speech": "speech",
    }  # fmt: skip
    assert {term.text for term in config.aligned if term.expert == "ocr"} == {AlignedText.SENTENCES}
    few = trained_config({"appearance": 1280, "motion": 164}, pictures="starter", picture_dim=480)
    assert [term.expert for term in few.aligned] == ["appearance"] * 3


@dataclass(frozen=True, eq=False)
class Uneven(ToyClips):
    """Motion has columns of unlike scales, and one that never changes."""

    def __getitem__(self, number: int) -> CaptionedClip:
        clip = super().__getitem__(number)
        if "motion" not in clip.windows[0].tracks:
            return clip
        motion = clip.windows[0].tracks["motion"]
        scaled = motion.features * np.geomspace(1e-2, 1e2, 12, dtype=np.float32)
        scaled[:, 3] = 5.0
        tracks = {**clip.windows[0].tracks, "motion": replace(motion, features=scaled)}
        return CaptionedClip((replace(clip.windows[0], tracks=tracks),), clip.captions)


def test_projections_start_as_if_features_were_standardised(toy_config: MmtConfig) -> None:
    clips = Uneven(toy_clips(200, 1).pairs)
    torch.manual_seed(0)
    model = Mmt(toy_config)
    linear = model.video.projections["motion"].get_submodule("linear")
    before, bias = (linear.get_parameter(name).detach().clone() for name in ("weight", "bias"))
    start_from_statistics(model, clips, 0)
    rows = np.concatenate([clips[n].windows[0].tracks["motion"].features for n in range(1, 200, 2)])
    found = linear(torch.from_numpy(rows)).detach()
    spread = np.maximum(rows.std(axis=0), 1e-3)
    expected = torch.from_numpy((rows - rows.mean(axis=0)) / spread) @ before.T + bias
    assert torch.allclose(found, expected, atol=2e-3)
    assert float(found.std()) == pytest.approx(float(before.norm(dim=1).mean()), rel=0.5)


def test_an_expert_that_nobody_has_is_left_as_it_is(toy_config: MmtConfig) -> None:
    @dataclass(frozen=True, eq=False)
    class Silent(ToyClips):
        def __getitem__(self, number: int) -> CaptionedClip:
            clip = super().__getitem__(number)
            tracks = {"appearance": clip.windows[0].tracks["appearance"]}
            return CaptionedClip((replace(clip.windows[0], tracks=tracks),), clip.captions)

    model = Mmt(toy_config)
    before = {name: tensor.clone() for name, tensor in model.video.projections["motion"].state_dict().items()}
    start_from_statistics(model, Silent(toy_clips(20, 1).pairs), 0)
    after = model.video.projections["motion"].state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
