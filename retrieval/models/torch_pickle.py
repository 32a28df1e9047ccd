"""Reads the weights in a torch file of the old kind (before torch 1.6) into numpy, without torch.

Such a file is a row of pickles, then the numbers:

    magic number · protocol version · facts of the writer's machine · state dict · storage keys
    then for each key: count (int64, little-endian) · that many numbers

The state dict's tensors name their storage by a persistent id; the storages come after it. A pickle can
call whatever it names, so the names are met by a short list of our own values; any other name is refused
before anything of it runs.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from retrieval.errors import WeightsError

__all__ = ["read_torch_pickle"]

_MAGIC_NUMBER: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION: Final = 1001


@dataclass(frozen=True, slots=True)
class _StorageType:
    """Stands for ``torch.FloatStorage`` and its like."""

    number: str  # numpy's name of one number, little-endian


@dataclass(frozen=True, slots=True)
class _Storage:
    """A row of numbers that the file brings later, under ``key``."""

    type: _StorageType
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage: ``strides`` numbers lie between neighbours along each axis of ``shape``."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _RebuildTensor:
    """Stands for ``torch._utils._rebuild_tensor_v2``."""

    def __call__(
        self,
        storage: _Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        requires_grad: bool,
        hooks: OrderedDict[Any, Any],
    ) -> _Tensor:
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        inside = min(offset, *shape, *strides, last) >= 0 and max(prod(shape), last + 1) <= storage.count
        if not inside:
            raise pickle.UnpicklingError(f"a tensor of shape {shape}, strides {strides} at {offset} leaves its storage")
        return _Tensor(storage, offset, shape, strides)


_ALLOWED: Final[dict[tuple[str, str], object]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    ("torch", "FloatStorage"): _StorageType("<f4"),
    ("torch", "LongStorage"): _StorageType("<i8"),
}


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which weights have no need of") from None

    def persistent_load(self, identity: Any) -> _Storage:
        tag, type_, key, _device, count, view = identity
        if tag != "storage" or not isinstance(type_, _StorageType) or view is not None:
            raise pickle.UnpicklingError(f"it holds a {tag!r} of an unknown kind")
        return _Storage(type_, str(key), int(count))


def _load(stream: io.BytesIO) -> Any:
    return _RestrictedUnpickler(stream).load()


def _read_storage(stream: io.BytesIO, storage: _Storage) -> NDArray[Any]:
    count = int.from_bytes(stream.read(8), "little", signed=True)
    if count != storage.count:
        raise pickle.UnpicklingError(f"storage {storage.key} holds {count} numbers, expected {storage.count}")
    number = np.dtype(storage.type.number)
    content = stream.read(count * number.itemsize)
    return np.frombuffer(content, number, count)  # a ValueError where the file ends too early


def _read_state(content: bytes) -> dict[str, NDArray[Any]]:
    stream = io.BytesIO(content)
    if (_load(stream), _load(stream)) != (_MAGIC_NUMBER, _PROTOCOL_VERSION):
        raise pickle.UnpicklingError("it does not begin as a torch file of the old kind does")
    _load(stream)  # facts of the writer's machine
    tensors = dict(_load(stream))
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers = {key: _read_storage(stream, storages[key]) for key in _load(stream)}
    return {str(name): _view(numbers[tensor.storage.key], tensor) for name, tensor in tensors.items()}


def _view(numbers: NDArray[Any], tensor: _Tensor) -> NDArray[Any]:
    strides_bytes = [stride * numbers.itemsize for stride in tensor.strides]
    return as_strided(numbers[tensor.offset :], tensor.shape, strides_bytes, writeable=False)


def read_torch_pickle(content: bytes, source: str) -> dict[str, NDArray[Any]]:
    """The state dict in ``content``: parameter names to arrays (float32 or int64), which are read-only.

    ``source`` names the file in messages.

    Raises:
        WeightsError: the file is cut short, damaged, of another format, or names anything but tensors.
    """
    try:
        return _read_state(content)
    except (
        pickle.UnpicklingError,
        ArithmeticError,
        AttributeError,
        EOFError,
        ImportError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        raise WeightsError(
            f"{source} can't be read as weights: expected a torch file of tensors, found {error or 'its end'}; "
            f"install its package again"
        ) from error
