"""Checkpoints as the authors' training writes them: made here, with an object of a class that vidi does not know."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from retrieval.errors import WeightsError
from retrieval.models.checkpoints import to_their_names
from retrieval.models.mmt import Mmt
from retrieval.models.mmt_authors import authors_config, authors_names, load_authors_checkpoint
from retrieval.models.mmt_config import BertText, MmtConfig, UnitLength, mmt_msrvtt
from tests.retrieval.models.mmt_cases import small_bert

Saver = Callable[..., Path]


def papers_small() -> MmtConfig:
    """The paper's experts, types and positions; everything else small."""
    dims = {"face": 5, "ocr": 4, "rgb": 8, "s3d": 6, "scene": 9, "speech": 4, "vggish": 3}
    experts = tuple(replace(expert, dim=dims[expert.name]) for expert in mmt_msrvtt().experts)
    bert = replace(small_bert().bert, most_tokens=30, positions=512)
    return replace(
        mmt_msrvtt(), experts=experts, text=BertText(bert=bert), width=16, feed_forward=24, unit_length=UnitLength.SLOTS
    )


def authors_state(model: Mmt) -> dict[str, torch.Tensor]:
    state = to_their_names(model.state_dict(), authors_names(model.config.names))
    return state | {"txt_bert.embeddings.position_ids": torch.arange(512)[None]}


@pytest.fixture
def foreign_class() -> Iterator[type]:
    """``parse_config.ConfigParser``, there when a checkpoint is written and gone when it is read."""
    module = ModuleType("parse_config")

    class ConfigParser:
        """A configuration with a path, a namespace and a dict, like theirs."""

        def __init__(self) -> None:
            self._config = {"experts": {"modalities": ["face"]}, "seed": 0}
            self._save_dir = pathlib.PosixPath("exps")
            self._args = argparse.Namespace(device=None)

    ConfigParser.__module__, ConfigParser.__qualname__ = "parse_config", "ConfigParser"
    module.ConfigParser = ConfigParser  # type: ignore[attr-defined]
    sys.modules["parse_config"] = module
    yield ConfigParser
    sys.modules.pop("parse_config", None)


@pytest.fixture(params=[False, True], ids=["old kind", "archive"])
def save(request: pytest.FixtureRequest, tmp_path: Path, foreign_class: type) -> Saver:
    def write(state: dict[str, Any], **more: Any) -> Path:
        path = tmp_path / "trained_model.pth"
        weight = next(iter(state.values()))
        checkpoint = {
            "arch": "CENet",
            "epoch": 50,
            "state_dict": state,
            "monitor_best": np.float64(50.0),
            "config": foreign_class(),
            "n_samples": 1_600_000,
            "n_steps": 50_000,
            "optimizer": {
                "state": {0: {"step": 3, "exp_avg": torch.ones_like(weight)}},
                "param_groups": [{"lr": 5e-5}],
            },
            "lr_scheduler": {"gamma": 0.95, "last_epoch": 50},
        }
        torch.save(checkpoint | more, path, _use_new_zipfile_serialization=request.param)
        sys.modules.pop("parse_config")
        return path

    return write


def test_a_checkpoint_loads_through_the_table_of_names(save: Saver) -> None:
    torch.manual_seed(0)
    model = Mmt(papers_small())

    loaded = load_authors_checkpoint(save(authors_state(model)))

    assert loaded.config == model.config
    assert not loaded.training
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=0, atol=0)
    assert "parse_config" not in sys.modules


def test_the_names_of_the_code_that_they_published_load_too(save: Saver) -> None:
    model = Mmt(papers_small())
    state = {name.replace("text_GU.", "text_gu."): tensor for name, tensor in authors_state(model).items()}

    loaded = load_authors_checkpoint(save(state))

    torch.testing.assert_close(loaded.text.units["face"].gate.weight, model.text.units["face"].gate.weight)


def test_the_full_size_is_told_by_its_shapes() -> None:
    with torch.device("meta"):
        state = authors_state(Mmt(mmt_msrvtt()))
    shapes = {name: np.broadcast_to(np.float32(0), tensor.shape) for name, tensor in state.items()}

    assert authors_config(shapes, "released") == replace(mmt_msrvtt(), unit_length=UnitLength.SLOTS)


class Harm:
    """A pickle of it would make a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def test_foreign_code_is_refused_and_never_runs(save: Saver, tmp_path: Path) -> None:
    target = tmp_path / "harm"

    with pytest.raises(WeightsError, match=r"can't be read as weights: .*it calls posix\.mkdir, which weights"):
        load_authors_checkpoint(save(authors_state(Mmt(papers_small())), config=Harm(target)))

    assert not target.exists()


class Stated:
    """Its state would be handed to a method of its own."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        raise AssertionError("foreign code ran")

    def __getstate__(self) -> dict[str, Any]:
        return {"a": 1}


def test_a_foreign_objects_own_methods_never_run(save: Saver) -> None:
    model = Mmt(papers_small())

    loaded = load_authors_checkpoint(save(authors_state(model), config=Stated()))

    assert loaded.config == model.config


def test_a_checkpoint_without_weights_is_refused(save: Saver) -> None:
    path = save({"a": torch.ones(1)}, state_dict=None)

    with pytest.raises(WeightsError, match=r"expected a torch checkpoint with 'state_dict', found it holds no"):
        load_authors_checkpoint(path)


def test_weights_of_another_model_are_refused(save: Saver) -> None:
    with pytest.raises(WeightsError, match=r"is no checkpoint of MMT's authors \('vid_bert\.embeddings"):
        load_authors_checkpoint(save({"layer.weight": torch.ones(2, 2)}))


def test_a_missing_weight_is_named(save: Saver) -> None:
    state = authors_state(Mmt(papers_small()))
    del state["moe_fc_txt.face.weight"]

    with pytest.raises(WeightsError, match=r"missing: moe_fc_txt\.face\.weight"):
        load_authors_checkpoint(save(state))


def test_unknown_experts_are_refused(save: Saver) -> None:
    state = authors_state(Mmt(papers_small())) | {"video_dim_reduce.depth.fc.weight": torch.ones(16, 2)}

    with pytest.raises(WeightsError, match="is no checkpoint of MMT's authors"):
        load_authors_checkpoint(save(state))


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 no archive"], ids=["empty", "text", "broken zip"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(content)

    with pytest.raises(WeightsError, match=r"model\.pth can't be read"):
        load_authors_checkpoint(path)


def test_no_file_is_a_plain_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth can't be read \(No such file or directory\)"):
        load_authors_checkpoint(tmp_path / "none.pth")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_checkpoint_cut_short_is_refused(save: Saver, share: float) -> None:
    path = save(authors_state(Mmt(papers_small())))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])

    with pytest.raises(WeightsError, match="can't be read as weights"):
        load_authors_checkpoint(path)
