from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.models import picture_tower


@pytest.mark.parametrize("hidden", ["", "-1", " "])
def test_hidden_gpus_are_not_asked_for(hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)

    assert not picture_tower.may_have_nvidia_gpu()


def test_torch_is_asked_only_where_a_driver_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    monkeypatch.setattr(Path, "exists", lambda path: path == Path("/dev/nvidiactl"))
    assert picture_tower.may_have_nvidia_gpu()
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert not picture_tower.may_have_nvidia_gpu()


def test_a_driver_without_a_usable_gpu_falls_back_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_tower, "may_have_nvidia_gpu", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert isinstance(picture_tower.load_picture_tower(threads=1), picture_tower.OnnxPictureTower)
