"""One index run as a process of its own: ``python -m ui.index_worker``, a request on stdin, news on stdout.

The request is a line of JSON; news are lines of JSON with an ``event``: ``progress``, ``notice``, then ``report`` or
``error``. The run is stopped, as by Ctrl-C, when stdin ends: so it is if the process that asked for it dies.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from retrieval.errors import VidiError
from ui.interruption import Interruption

if TYPE_CHECKING:
    from indexer import Progress

__all__ = ["main", "progress_json"]

_NICENESS = 5
"""Searches go first."""


def progress_json(progress: Progress) -> dict[str, Any]:
    """The state, with the two figures that are derived from it."""
    derived = {"files_per_second": progress.files_per_second, "seconds_left": progress.seconds_left}
    return asdict(progress) | {key: None if value is None else round(value, 2) for key, value in derived.items()}


def main() -> None:
    """Run what stdin asks for."""
    request = json.loads(sys.stdin.readline())
    os.nice(_NICENESS)
    with Interruption() as interruption:
        threading.Thread(target=_stop_when_stdin_ends, name="stop", daemon=True).start()
        try:
            _say("report", _run(request))
        except VidiError as error:
            _say("error", {"detail": str(error)})
        except KeyboardInterrupt:
            _say("report", None)  # stopped before there was anything to report
        except Exception as error:
            if not interruption.came:
                raise
            _say("error", {"detail": f"{type(error).__name__} while it was stopped"})


def _run(request: Mapping[str, Any]) -> dict[str, object]:
    from indexer import index  # after the thread above listens

    report = index(
        request["paths"],
        request["library"],
        space=request["space"],
        retry_failed=request["retry_failed"],
        progress=lambda progress: _say("progress", progress_json(progress)),
        notice=lambda line: _say("notice", {"line": line}),
    )
    return report.to_json()


def _stop_when_stdin_ends() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)


def _say(event: str, data: dict[str, Any] | None) -> None:
    print(json.dumps({"event": event, "data": data}), flush=True)


if __name__ == "__main__":
    main()
