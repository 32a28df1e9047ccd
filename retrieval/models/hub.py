"""The hub of models, and other servers that publish weights: what of theirs is on this machine, and what can be had.

The hub's client asks a host that says nothing again and again; here it is asked once, and for seconds.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from retrieval.errors import ModelError

__all__ = ["ANSWER_SECONDS", "cached_file", "fetch_file", "is_hub_reachable", "reach", "reason_of"]

ANSWER_SECONDS: Final = 5.0
"""After which a host that says nothing counts as out of reach."""
_LONGEST_REASON: Final = 160


def cached_file(repository: str, names: Sequence[str]) -> Path | None:
    """The first of ``names`` that the hub's cache on this machine has of ``repository``."""
    from huggingface_hub import try_to_load_from_cache  # takes a second to import

    found = (try_to_load_from_cache(repository, name) for name in names)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def fetch_file(repository: str, names: Sequence[str]) -> Path:
    """The first of ``names`` that ``repository`` has at the hub, from there, into its cache.

    Raises:
        Exception: it has none, or the hub can't be reached. The client raises errors of every library beneath it;
            :func:`reason_of` says any of them in a line.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    reach()
    for name in names[:-1]:
        try:
            return Path(hf_hub_download(repository, name, etag_timeout=ANSWER_SECONDS))
        except LocalEntryNotFoundError:
            raise  # which is an EntryNotFoundError, too, but says that the hub went away
        except EntryNotFoundError:
            continue
    return Path(hf_hub_download(repository, names[-1], etag_timeout=ANSWER_SECONDS))


def is_hub_reachable() -> bool:
    """Whether the hub may be asked, and answers."""
    try:
        reach()
    except (OSError, ModelError):
        return False
    return True


def reach(address: str | None = None) -> None:
    """Find out whether the server at ``address`` may be asked, and answers; None stands for the hub.

    Raises:
        ModelError: somebody said that nothing is to be asked.
        OSError: it does not answer.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise ModelError("HF_HUB_OFFLINE is set")
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return  # the proxy alone knows
    parts = urlsplit(address or constants.ENDPOINT)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    socket.create_connection((parts.hostname or "", port), timeout=ANSWER_SECONDS).close()


def reason_of(error: object) -> str:
    """What an error says, in one line that is not long."""
    return " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
