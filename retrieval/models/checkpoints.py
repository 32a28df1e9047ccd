"""Published weights into our models: from a local file, through a table of names, all of them or none.

A file is safetensors, or what ``torch.save`` writes. The latter is a pickle, which could run code: it is read by
torch's own restricted reader, which refuses all but tensors and plain containers before anything of it runs.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from retrieval.errors import WeightsError
from retrieval.models.weight_names import NameTable, SameNames

__all__ = [
    "differences",
    "load_checkpoint",
    "load_named_alike",
    "load_weights",
    "read_checkpoint",
    "to_our_names",
    "to_their_names",
]

_WRAPPERS: Final = ("model", "state_dict")  # keys under which training scripts keep the weights among other things
_SHOWN: Final = 4  # names of a kind in a message


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a file on the CPU, by the names that they have in it.

    Raises:
        WeightsError: the file is absent, damaged, of another format, or holds anything but tensors.
    """
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _read_torch_file(path)
    except OSError as error:
        raise WeightsError(
            f"{path} can't be read: {error.strerror or _first_line(error)}; give a file of weights"
        ) from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} was not loaded: it is damaged, or holds more than tensors, which could run code; "
            f"fetch it again, as safetensors if there is a choice"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"{path} can't be read as weights: expected safetensors or a torch file, found {_first_line(error)}; "
            f"fetch it again"
        ) from error
    return _unwrapped(content, path)


def load_checkpoint(model: nn.Module, path: Path, names: NameTable, *, without: Sequence[str] = ()) -> None:
    """Fills ``model`` from a file whose names ``names`` translates; see :func:`load_weights`.

    Raises:
        WeightsError: the file can't be read, or is of another model.
    """
    load_weights(model, read_checkpoint(path), names, source=str(path), without=without)


def load_named_alike(
    model: nn.Module, path: Path, *, without: Sequence[str] = (), renamed: Callable[[str], str] = str
) -> None:
    """Fills ``model`` from a file whose names are the model's own once they are ``renamed``; see :func:`load_weights`.

    Raises:
        WeightsError: the file can't be read, or is of another model.
    """
    theirs = {renamed(name): tensor for name, tensor in read_checkpoint(path).items()}
    load_weights(model, theirs, SameNames(), source=str(path), without=without)


def load_weights(
    model: nn.Module, theirs: Mapping[str, Tensor], names: NameTable, *, source: str, without: Sequence[str] = ()
) -> None:
    """Fills ``model`` with weights by their foreign names; on an error it is left as it was.

    ``without`` names modules of ours that keep what they have, such as ``head`` for other classes. ``source`` is
    named in messages.

    Raises:
        WeightsError: weights are missing, unexpected or of another shape; the message lists the first of each.
    """
    wanted = {name: tensor for name, tensor in model.state_dict().items() if not _within(name, without)}
    found, unexpected = to_our_names(theirs, names)
    found = {name: tensor for name, tensor in found.items() if not _within(name, without)}
    missing = [names.theirs(name) or name for name in wanted if name not in found and not _is_counter(name)]
    unexpected += [names.theirs(name) or name for name in found if name not in wanted]
    misshapen = [
        f"{names.theirs(name) or name} {list(tensor.shape)} for {list(wanted[name].shape)}"
        for name, tensor in found.items()
        if name in wanted and tensor.shape != wanted[name].shape
    ]
    if missing or unexpected or misshapen:
        listed = _listed({"missing": missing, "unexpected": unexpected, "of another shape": misshapen})
        raise WeightsError(f"{source} is of another model than {type(model).__name__}: {listed}; choose its own model")
    model.load_state_dict(found, strict=False)


def differences(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], *, shapes: bool = True) -> str:
    """How ``found`` differs from a model's own state, the first names of each kind; empty where it fits.

    ``shapes``: whether tensors of another shape count.
    """
    missing = [name for name in wanted if name not in found and not _is_counter(name)]
    unexpected = [name for name in found if name not in wanted]
    misshapen = [
        f"{name} {list(tensor.shape)} for {list(wanted[name].shape)}"
        for name, tensor in found.items()
        if shapes and name in wanted and tensor.shape != wanted[name].shape
    ]
    return _listed({"missing": missing, "unexpected": unexpected, "of another shape": misshapen})


def to_our_names(theirs: Mapping[str, Tensor], names: NameTable) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors by our names, and the names that the table doesn't know."""
    translated = {name: names.ours(name) for name in theirs}
    known = {ours: theirs[name] for name, ours in translated.items() if ours is not None}
    return known, [name for name, ours in translated.items() if ours is None]


def to_their_names(ours: Mapping[str, Tensor], names: NameTable) -> dict[str, Tensor]:
    """The tensors by their foreign names: what the original implementation reads.

    Raises:
        KeyError: the table has no name for one of them.
    """
    translated = {name: names.theirs(name) for name in ours}
    if unknown := [name for name, theirs in translated.items() if theirs is None]:
        raise KeyError(f"no foreign name for {_shortened(unknown)}")
    return {theirs: ours[name] for name, theirs in translated.items() if theirs is not None}


def _read_torch_file(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch muses on odd pickles before it refuses them; our error says enough
        return torch.load(path, map_location="cpu", weights_only=True)


def _unwrapped(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in what a file held."""
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise WeightsError(f"{path} holds no weights: expected tensors by name, found {type(content).__name__}")
    return {str(name): tensor for name, tensor in content.items()}


def _within(name: str, modules: Sequence[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _is_counter(name: str) -> bool:
    """Whether a weight is batch normalisation's count of batches, which old files lack and inference has no use for."""
    return name.endswith(".num_batches_tracked")


def _listed(kinds: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{kind}: {_shortened(those)}" for kind, those in kinds.items() if those)


def _shortened(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
