"""Other Whisper models than the packaged one: a folder, or a name that faster-whisper knows."""

from __future__ import annotations

import hashlib
from pathlib import Path

from retrieval.errors import WeightsError
from retrieval.models.hub import is_hub_reachable, reason_of
from retrieval.models.whisper import import_faster_whisper

__all__ = ["digest_of", "find_whisper", "lasting_name"]


def find_whisper(name: str) -> Path:
    """The folder of a model converted for CTranslate2: ``name`` itself, else that of a published size or repository,
    fetched where it is not here yet.

    Raises:
        MissingExtraError: faster-whisper isn't installed.
        WeightsError: the model is not here, and can't be fetched.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "model.bin").is_file():
            raise WeightsError(
                f"{folder} holds no Whisper model: expected model.bin, converted for CTranslate2; name another folder"
            )
        return folder
    if folder.is_absolute():
        raise WeightsError(f"{folder} is no folder: expected one that holds a Whisper model; name another")
    fetch = import_faster_whisper().download_model
    try:
        try:
            return Path(fetch(name, local_files_only=True))
        except (OSError, ValueError) as error:
            if not is_hub_reachable():
                raise _unreachable(name, "no answer") from error
            return Path(fetch(name))
    except WeightsError:
        raise
    except ValueError as error:
        raise WeightsError(f"there is no Whisper model {name!r}: {' '.join(str(error).split())}") from error
    except Exception as error:  # the hub's client raises errors of every library beneath it
        raise _unreachable(name, reason_of(error)) from error


def lasting_name(name: str) -> str:
    """The folder of :func:`find_whisper`: it means the same from any working folder, and whatever a hub has by then.

    Raises: as :func:`find_whisper`.
    """
    return str(find_whisper(name).absolute())


def _unreachable(name: str, reason: str) -> WeightsError:
    return WeightsError(
        f"the Whisper model {name} is not on this machine, and the hub that has it can't be reached ({reason}); "
        "connect and try again, or copy its folder here and name that"
    )


def digest_of(folder: Path) -> str:
    """The SHA-256 of a model's weights.

    Raises:
        WeightsError: they can't be read.
    """
    try:
        with (folder / "model.bin").open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"{folder / 'model.bin'} can't be read: expected a readable file, found: {error.strerror}"
        ) from error
