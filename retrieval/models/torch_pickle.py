"""Reads the weights in a torch file into numpy, without torch.

A file of the old kind (before torch 1.6) is a row of pickles, then the numbers:

    magic number · protocol version · facts of the writer's machine · state dict · storage keys
    then for each key: count (int64, little-endian) · that many numbers

One of the new kind is a zip archive with the state dict's pickle, ``data.pkl``, and a file of numbers for each key,
``data/KEY``. In both, tensors name their storage by a persistent id.

A pickle can call whatever it names, so the names are met by a short list of our own values; any other name is refused
before anything of it runs. A checkpoint of a training run holds objects beside its state dict, such as its
configuration: there an object of a foreign class, made of plain data, is met by one that keeps nothing. A foreign
call is refused there too; nothing foreign is imported, ever.
"""

from __future__ import annotations

import io
import mmap
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, Final, NoReturn

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from retrieval.errors import WeightsError

__all__ = ["read_torch_checkpoint", "read_torch_pickle"]

_MAGIC_NUMBER: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION: Final = 1001
_ARCHIVE: Final = b"PK\x03\x04"


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


class _Foreign(type):
    """The type of stand-ins for foreign classes: data may make objects of them (opcode NEWOBJ), calls are refused."""

    def __call__(cls, *_: Any, **__: Any) -> NoReturn:
        raise pickle.UnpicklingError(f"it calls {cls.__module__}.{cls.__qualname__}, which weights have no need of")


class _Ignored:
    """Stands for what a harmless call gives, such as a path's."""

    def __init__(self, *_: Any) -> None:
        """Keeps nothing."""

    def __setstate__(self, _: Any) -> None:
        """Keeps nothing."""


_IGNORED_CALLS: Final = frozenset(
    {
        ("pathlib", "PosixPath"),
        ("pathlib", "WindowsPath"),
        ("_codecs", "encode"),  # how bytes are written
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "scalar"),
    }
)


def _stand_in(module: str, name: str) -> type:
    def keep_nothing(self: object, state: Any) -> None:
        """In the place of the class's own."""

    if (module, name) in _IGNORED_CALLS:
        return _Ignored
    return _Foreign(name, (), {"__module__": module, "__qualname__": name, "__setstate__": keep_nothing})


class _RestrictedUnpickler(pickle.Unpickler):
    """Notes the storages that are spoken of. ``ignores``: whether objects of foreign classes are passed over."""

    def __init__(self, stream: IO[bytes], *, ignores: bool = False) -> None:
        super().__init__(stream)
        self._ignores = ignores
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> object:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if self._ignores:
            return _stand_in(module, name)
        raise pickle.UnpicklingError(f"it names {module}.{name}, which weights have no need of")

    def persistent_load(self, identity: Any) -> _Storage:
        tag, type_, key, _device, count, *view = identity
        if tag != "storage" or not isinstance(type_, _StorageType) or view not in ([], [None]):
            raise pickle.UnpicklingError(f"it holds a {tag!r} of an unknown kind")
        storage = self.storages[str(key)] = _Storage(type_, str(key), int(count))
        return storage


_Numbers = Callable[[_Storage], NDArray[Any]]
_Bytes = bytes | mmap.mmap


def _load(stream: IO[bytes]) -> Any:
    return _RestrictedUnpickler(stream).load()


def _read_old(stream: IO[bytes], content: _Bytes, *, ignores: bool) -> tuple[Any, _Numbers]:
    """What the pickle of an old file holds, and where its numbers lie; ``content`` is all of ``stream``."""
    if (_load(stream), _load(stream)) != (_MAGIC_NUMBER, _PROTOCOL_VERSION):
        raise pickle.UnpicklingError("it does not begin as a torch file of the old kind does")
    _load(stream)  # facts of the writer's machine
    unpickler = _RestrictedUnpickler(stream, ignores=ignores)
    held = unpickler.load()
    places: dict[str, int] = {}
    for key in _load(stream):
        storage = unpickler.storages[key]
        count = int.from_bytes(stream.read(8), "little", signed=True)
        if count != storage.count:
            raise pickle.UnpicklingError(f"storage {key} holds {count} numbers, expected {storage.count}")
        places[key] = stream.tell()
        stream.seek(count * np.dtype(storage.type.number).itemsize, io.SEEK_CUR)
    return held, lambda storage: _numbers(content, storage, places[storage.key])


def _read_archive(stream: IO[bytes]) -> tuple[Any, _Numbers]:
    """What the pickle of a new file holds, and where its numbers lie."""
    archive = zipfile.ZipFile(stream)
    (pickled,) = (name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl")
    held = _RestrictedUnpickler(io.BytesIO(archive.read(pickled)), ignores=True).load()
    folder = pickled.rpartition("/")[0]
    return held, lambda storage: _numbers(archive.read(f"{folder}/data/{storage.key}"), storage, 0)


def _numbers(content: _Bytes, storage: _Storage, start: int) -> NDArray[Any]:
    """A ValueError where the content ends too early."""
    return np.frombuffer(content, np.dtype(storage.type.number), storage.count, start)


def _read_state(content: bytes) -> dict[str, NDArray[Any]]:
    tensors, numbers = _read_old(io.BytesIO(content), content, ignores=False)
    return _arrays(tensors, numbers)


def _read_nested_state(file: IO[bytes], key: str) -> dict[str, NDArray[Any]]:
    is_archive = file.read(len(_ARCHIVE)) == _ARCHIVE
    file.seek(0)
    if is_archive:
        held, numbers = _read_archive(file)
    else:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # a ValueError where the file is empty
        held, numbers = _read_old(file, content, ignores=True)
    if not isinstance(held, Mapping) or not isinstance(held.get(key), Mapping):
        raise pickle.UnpicklingError(f"it holds no {key!r}")
    return _arrays(held[key], numbers)


def _arrays(tensors: Mapping[str, _Tensor], numbers: _Numbers) -> dict[str, NDArray[Any]]:
    return {str(name): _view(numbers(tensor.storage), tensor) for name, tensor in dict(tensors).items()}


def _view(numbers: NDArray[Any], tensor: _Tensor) -> NDArray[Any]:
    strides_bytes = [stride * numbers.itemsize for stride in tensor.strides]
    return as_strided(numbers[tensor.offset :], tensor.shape, strides_bytes, writeable=False)


def read_torch_pickle(content: bytes, source: str) -> dict[str, NDArray[Any]]:
    """The state dict in ``content``, of the old kind: names to arrays (float32 or int64), which are read-only.

    ``source`` names the file in messages.

    Raises:
        WeightsError: the file is cut short, damaged, of another format, or names anything but tensors.
    """
    return _translated(lambda: _read_state(content), source, "a torch file of tensors", "install its package again")


def read_torch_checkpoint(path: Path, key: str = "state_dict") -> dict[str, NDArray[Any]]:
    """The state dict that a training run's checkpoint, of either kind, holds under ``key``; read-only arrays.

    Raises:
        WeightsError: the file can't be read, is cut short, damaged, of another format, or calls anything foreign.
    """
    try:
        with path.open("rb") as file:
            return _translated(
                lambda: _read_nested_state(file, key), str(path), f"a torch checkpoint with {key!r}", "fetch it again"
            )
    except OSError as error:
        raise WeightsError(f"{path} can't be read ({error.strerror}); give a torch checkpoint") from error


def _translated(
    read: Callable[[], dict[str, NDArray[Any]]], source: str, expected: str, step: str
) -> dict[str, NDArray[Any]]:
    try:
        return read()
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
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
            f"{source} can't be read as weights: expected {expected}, found {error or 'its end'}; {step}"
        ) from error
