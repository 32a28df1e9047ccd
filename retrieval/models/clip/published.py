"""Published weights of open_clip: from this machine's caches, else from where they are published."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from retrieval.errors import UnknownSpaceError, WeightsError
from retrieval.models.clip.names import ClipName, nearest
from retrieval.models.hub import ANSWER_SECONDS, cached_file, fetch_file, reach, reason_of

__all__ = ["find_published", "published_names", "unreachable"]


def find_published(name: ClipName) -> tuple[Path, dict[str, Any]]:
    """The file of a tag's weights, fetched where it is not here yet, and what open_clip says of the tag.

    Raises:
        UnknownSpaceError: the model has no such tag.
        WeightsError: the file is not here, and can't be fetched.
    """
    import open_clip

    tag: dict[str, Any] = open_clip.get_pretrained_cfg(name.model, name.weights)
    if not tag:
        near = nearest(name.weights, open_clip.list_pretrained_tags_by_model(name.model))
        raise UnknownSpaceError(f"open_clip's {name.model} has no weights {name.weights!r}; {near}")
    if "file" in tag:
        return Path(tag["file"]), tag
    found = _in_hub_cache(tag) or _in_file_cache(tag)
    return (found or _fetch(name, tag)), tag


def published_names() -> list[str]:
    """``open_clip/<model>/<tag>`` of all that is published; loads open_clip."""
    import open_clip

    return [f"open_clip/{model}/{tag}" for model, tag in open_clip.list_pretrained()]


def unreachable(name: ClipName, reason: object) -> WeightsError:
    """The error of weights, or of parts of them, that only the hub has."""
    return WeightsError(
        f"the model {name} is not on this machine, and the hub that has it can't be reached ({reason_of(reason)}); "
        f"connect and try again, or copy its file here and name it: --space open_clip/{name.model}/PATH"
    )


def _files(tag: dict[str, Any]) -> tuple[str, list[str]]:
    """The repository at the hub, and the names that the file may have there, the best first."""
    from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

    repository, file = os.path.split(tag["hf_hub"])
    file = file or HF_WEIGHTS_NAME
    safe = HF_SAFE_WEIGHTS_NAME if file == HF_WEIGHTS_NAME else f"{os.path.splitext(file)[0]}.safetensors"
    return repository, list(dict.fromkeys([safe, file]))


def _in_hub_cache(tag: dict[str, Any]) -> Path | None:
    return cached_file(*_files(tag)) if tag.get("hf_hub") else None


def _in_file_cache(tag: dict[str, Any]) -> Path | None:
    """Where older ways of fetching put it."""
    path = Path("~/.cache/clip").expanduser() / os.path.basename(tag.get("url") or "-")
    return path if path.is_file() else None


def _fetch(name: ClipName, tag: dict[str, Any]) -> Path:
    import open_clip.pretrained

    try:
        if tag.get("hf_hub"):
            return fetch_file(*_files(tag))
        reach()
        with _default_timeout():
            return Path(open_clip.pretrained.download_pretrained_from_url(tag["url"]))
    except Exception as error:  # the hub's client raises errors of every library beneath it
        raise unreachable(name, error) from error


@contextmanager
def _default_timeout() -> Iterator[None]:
    usual = socket.getdefaulttimeout()
    socket.setdefaulttimeout(ANSWER_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(usual)
