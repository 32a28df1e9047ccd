"""Files of weights that vidi doesn't ship: given as a path, or fetched by the name under which they are published."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from retrieval.errors import WeightsError
from retrieval.models.hub import is_hub_reachable, reach, reason_of
from retrieval.models.imports import import_torchvision

__all__ = ["digest_of_files", "find_model_folder", "find_torchvision_weights", "given_file", "model_files"]

_CONFIG: Final = "config.json"
_WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")
_EXTRACTOR: Final = "preprocessor_config.json"


def given_file(path: str) -> Path:
    """A file of weights that somebody names.

    Raises:
        WeightsError: there is none.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise WeightsError(f"{file} is no file: expected weights, as safetensors or a torch file; check the path")
    return file


def find_torchvision_weights(name: str, option: str) -> Path:
    """The file of torchvision's weights of the model ``name``, which it trained on Kinetics-400: from torch's cache on
    this machine, else from where torchvision says they are, into that cache. ``option`` takes a file of them.

    Raises:
        MissingExtraError: torchvision can't be imported.
        WeightsError: they are not here, and can't be fetched.
    """
    import torch

    address: str = import_torchvision().get_model_weights(name)["KINETICS400_V1"].url
    published = address.rpartition("/")[2]
    file = Path(torch.hub.get_dir()) / "checkpoints" / published
    if file.is_file():
        return file
    try:
        reach(address)
        file.parent.mkdir(parents=True, exist_ok=True)
        digest = published.rpartition(".")[0].rpartition("-")[2]
        torch.hub.download_url_to_file(address, str(file), hash_prefix=digest, progress=False)
    except Exception as error:  # the loader raises errors of every library beneath it
        raise WeightsError(
            f"torchvision's {name} for Kinetics-400 is not on this machine, and its weights can't be fetched "
            f"({reason_of(error)}); connect and try again, or copy the file {published} here and name it: "
            f"--expert {option}:FILE"
        ) from error
    return file


def find_model_folder(name: str | None, repository: str, option: str) -> Path:
    """The folder of a model in transformers' form: ``name`` itself, or that of a repository of the hub (default:
    ``repository``), fetched where it is not here yet. ``option`` takes a folder.

    Raises:
        WeightsError: the model is not here, and can't be fetched; or the folder is of something else.
    """
    folder = Path(name or repository).expanduser()
    if not folder.is_dir():
        folder = _fetched(name or repository, option)
    wanted = [_CONFIG, _EXTRACTOR, next((file for file in _WEIGHTS if (folder / file).is_file()), _WEIGHTS[0])]
    if lacking := [file for file in wanted if not (folder / file).is_file()]:
        raise WeightsError(f"{folder} lacks {lacking[0]}: expected {', '.join(wanted)}; name the folder of a model")
    return folder


def digest_of_files(files: Sequence[Path]) -> str:
    """The SHA-256 of several files, one after another.

    Raises:
        WeightsError: one can't be read.
    """
    whole = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise WeightsError(f"{path} can't be read ({error.strerror}); give a file that can") from error
    return whole.hexdigest()


def model_files(folder: Path) -> list[Path]:
    """What in the folder of a model makes it say what it says."""
    return [folder / name for name in (_CONFIG, _EXTRACTOR, *_WEIGHTS) if (folder / name).is_file()]


def _fetched(name: str, option: str) -> Path:
    from huggingface_hub import snapshot_download

    wanted = [_CONFIG, _EXTRACTOR, *_WEIGHTS]
    try:
        try:
            return Path(snapshot_download(name, allow_patterns=wanted, local_files_only=True))
        except (OSError, ValueError):
            if not is_hub_reachable():
                raise
            return Path(snapshot_download(name, allow_patterns=wanted))
    except Exception as error:  # the hub's client raises errors of every library beneath it
        why = reason_of(error) if is_hub_reachable() else "no answer"
        raise WeightsError(
            f"{name} is neither a folder nor a model on this machine, and the hub that may have it can't give it "
            f"({why}); connect and try again, or copy its folder here and name it: --expert {option}:FOLDER"
        ) from error
