"""Torch files of the old kind are made here by torch itself, and by hand where they must do harm."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retrieval.errors import WeightsError
from retrieval.models.torch_pickle import read_torch_pickle


def saved(state: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    torch.save(state, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    grid = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    return {
        "plain": grid,
        "transposed": grid.transpose(0, 2),
        "channels_last": torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).to(
            memory_format=torch.channels_last
        ),
        "inner": grid[1, 1:, 2],
        "count": torch.tensor(7),
    }


def test_tensors_are_read_as_torch_reads_them(state: dict[str, torch.Tensor]) -> None:
    read = read_torch_pickle(saved(state), "weights.pth")

    assert list(read) == list(state)
    for name, tensor in state.items():
        expected = tensor.numpy()
        np.testing.assert_array_equal(read[name], expected, err_msg=name)
        assert read[name].dtype == expected.dtype


def test_a_file_cut_short_anywhere_is_refused(state: dict[str, torch.Tensor]) -> None:
    whole = saved(state)

    for length in (0, 1, 10, 20, 100, 300, len(whole) // 2, len(whole) - 1):
        with pytest.raises(WeightsError, match=r"weights\.pth can't be read as weights: expected a torch file"):
            read_torch_pickle(whole[:length], "weights.pth")


class Harm:
    """A pickle of it would write a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_code_in_a_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    target = tmp_path / "harm"

    with pytest.raises(WeightsError, match=r"it names .*which weights have no need of"):
        read_torch_pickle(pickle.dumps(Harm(target), protocol=2), "weights.pth")
    with pytest.raises(WeightsError, match=r"it names .*which weights have no need of"):
        read_torch_pickle(saved({"a": Harm(target)}), "weights.pth")

    assert not target.exists()


@pytest.mark.parametrize("name", ["os\nsystem", "builtins\neval", "torch\nload", "torch._utils\n_rebuild_tensor"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(WeightsError, match=name.replace("\n", r"\.")):
        read_torch_pickle(b"c" + name.encode() + b"\n.", "weights.pth")


def test_other_formats_are_refused() -> None:
    with pytest.raises(WeightsError, match="does not begin as a torch file"):
        read_torch_pickle(pickle.dumps(1) + pickle.dumps(2), "weights.pth")


def test_a_plain_value_among_the_tensors_is_refused() -> None:
    with pytest.raises(WeightsError, match="expected a torch file of tensors"):
        read_torch_pickle(saved({"epoch": 3}), "weights.pth")


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((4, 4), (4, 1), 1), ((4, 4), (5, 1), 0), ((4, 4), (4, 1), -1), ((4,), (-1,), 3), ((99, 99), (0, 0), 0)],
    ids=["past the end", "stride too long", "before the start", "backwards", "larger than its storage"],
)
def test_a_tensor_that_leaves_its_storage_is_refused(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> None:
    class Liar:
        def __reduce__(self) -> tuple[Any, ...]:
            storage = torch.zeros(16).untyped_storage()
            typed = torch.storage.TypedStorage(wrap_storage=storage, dtype=torch.float32, _internal=True)
            return torch._utils._rebuild_tensor_v2, (typed, offset, shape, strides, False, {})

    with pytest.raises(WeightsError, match="leaves its storage"):
        read_torch_pickle(saved({"liar": Liar()}), "weights.pth")
