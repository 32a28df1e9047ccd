"""Index jobs that the page and the API start: followed as they go, stopped on request, one at a time.

A job is a process of its own (:mod:`ui.index_worker`), so that searches go on beside it and nothing that befalls it
ends the server. What fails is read from the catalog, as `vidi status --failed` does.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from retrieval.errors import AccessError, LibraryBusyError, QueryError, UsageError, VidiError
from retrieval.paths import display_of, outermost
from retrieval.search.results import path_json
from retrieval.spaces.registry import space_names
from retrieval.store.catalog import Catalog
from retrieval.store.census import failures_since, indexed_roots
from retrieval.store.lookup import Lookup
from ui.trust.roots import AllowedRoots

__all__ = ["Event", "IndexJob", "IndexJobs", "JobState"]

_COMMAND = (sys.executable, "-W", "ignore", "-m", "ui.index_worker")
_JOBS_KEPT = 20
_EVENTS_KEPT = 1000
_SHOWN = 100
"""Failures and notices that a snapshot holds."""
_READ_AT_ONCE = 1000
"""Failures."""
_SECONDS_BETWEEN = 0.5
"""Between two events of progress, and two looks for failures."""
_END_SECONDS = 20.0
"""For a job to commit what it has, once it is told to end; then it is ended."""
_DATA = (dict, type(None))
_log = logging.getLogger(__name__)


class JobState(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Nothing more will happen."""
        return self not in (JobState.RUNNING, JobState.STOPPING)


@dataclass(frozen=True, slots=True)
class Event:
    """News of a job: ``progress``, ``notice``, ``failure`` or ``done``. ``id`` counts from 1."""

    id: int
    event: str
    data: dict[str, Any]


class IndexJob:
    """One run. Safe to share between threads."""

    def __init__(
        self, number: int, process: subprocess.Popen[str], asked: Mapping[str, Any], notices: Iterable[str] = ()
    ) -> None:
        """``asked``: its paths, its space and whether it tries again what failed, as whoever began it said."""
        self.id = number
        self.state = JobState.RUNNING
        self.process = process
        self._asked = asked
        self._started_at = datetime.now(UTC)
        self._ended_at: datetime | None = None
        self._lock = threading.Lock()
        self._events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        self._count = 0
        self._failures: deque[dict[str, Any]] = deque(maxlen=_SHOWN)
        self._notices: deque[str] = deque(notices, maxlen=_SHOWN)
        self._progress: dict[str, Any] | None = None
        self._report: dict[str, Any] | None = None
        self._error: str | None = None
        self._told = 0.0
        self._is_over = threading.Event()

    @property
    def is_told(self) -> bool:
        """Whether its last event is among those that are kept."""
        with self._lock:
            return bool(self._events) and self._events[-1].event == "done"

    @property
    def started_at(self) -> datetime:
        """In UTC."""
        return self._started_at

    def stop(self) -> None:
        """Have it commit what is finished and end; it may take some seconds."""
        with self._lock:
            if self.state is not JobState.RUNNING:
                return
            self.state = JobState.STOPPING
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        threading.Thread(target=self._see_to_the_end, name=f"end-of-job-{self.id}", daemon=True).start()

    def _see_to_the_end(self) -> None:
        """End a process that doesn't end by itself: softly, then in earnest."""
        for end in (self.process.terminate, self.process.kill):
            if self._is_over.wait(_END_SECONDS):
                return
            end()

    def events_after(self, number: int) -> list[Event]:
        """What came after the event ``number``, in order; of very many, the newest."""
        with self._lock:
            return [event for event in self._events if event.id > number]

    def snapshot(self) -> dict[str, Any]:
        """All that is known of it, as the API tells it."""
        with self._lock:
            return {
                "id": self.id,
                "state": self.state.value,
                **self._asked,
                "started_at": self._started_at.isoformat(timespec="seconds"),
                "ended_at": self._ended_at.isoformat(timespec="seconds") if self._ended_at else None,
                "progress": self._progress,
                "failures": list(self._failures),
                "notices": list(self._notices),
                "report": self._report,
                "error": self._error,
            }

    # -- by the thread that follows it ---------------------------------------------------------------------------

    def hear(self, event: str, data: dict[str, Any] | None) -> None:
        """Take in what its process says."""
        match event:
            case "progress":
                self._progress = data
                if time.monotonic() - self._told >= _SECONDS_BETWEEN and data is not None:
                    self._told = time.monotonic()
                    self._add(event, data)
            case "notice" if data is not None:
                self._notices.append(data["line"])
                self._add(event, data)
            case "report":
                self._report = data
            case "error" if data is not None:
                self._error = data["detail"]

    def fail_file(self, failure: dict[str, Any]) -> None:
        """A file could not be used."""
        self._failures.append(failure)
        self._add("failure", failure)

    def end(self, exit_code: int) -> None:
        """Its process is gone."""
        with self._lock:
            is_stopping = self.state is JobState.STOPPING
            was_stopped = is_stopping or bool(self._report and self._report.get("interrupted"))
            was_ended = is_stopping and exit_code < 0  # by a signal of ours: what was finished is kept
            if self._error is None and exit_code != 0 and not was_ended:
                self._error = "the index run ended before it was done; what was finished is kept, run it again"
            if self._error is not None:
                self.state = JobState.FAILED
            else:
                self.state = JobState.STOPPED if was_stopped else JobState.FINISHED
            self._ended_at = datetime.now(UTC)
        self._is_over.set()
        if self._progress is not None:
            self._add("progress", self._progress)
        self._add("done", self.snapshot())

    def _add(self, event: str, data: dict[str, Any]) -> None:
        with self._lock:
            self._count += 1
            self._events.append(Event(self._count, event, data))


class IndexJobs:
    """Starts jobs, and remembers the last ones. A context manager: at its end, a job that runs is stopped."""

    def __init__(self, catalog: Catalog, roots: AllowedRoots, *, command: Sequence[str] = _COMMAND) -> None:
        """``command`` takes the place of the process that indexes."""
        self._catalog = catalog
        self.roots = roots
        self._command = command
        self._lookup = Lookup(catalog)
        self._lock = threading.Lock()
        self._jobs: dict[int, IndexJob] = {}
        self._followers: list[threading.Thread] = []
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for job in self.all():
            job.stop()
        for follower in self._followers:
            follower.join(_END_SECONDS)

    def all(self) -> list[IndexJob]:
        """The newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def get(self, number: int) -> IndexJob | None:
        """The job of this number, if it is remembered."""
        with self._lock:
            return self._jobs.get(number)

    def start(self, paths: Sequence[str], *, space: str | None = None, retry_failed: bool = False) -> IndexJob:
        """Begin to index ``paths``; it goes on by itself.

        Without any, what failed is tried again below all folders that are indexed already, as far as they are allowed.

        Raises:
            AccessError: one of them lies outside of what is allowed, or all that are indexed do.
            UsageError: one of them is no absolute path, or isn't there; or there are none.
            QueryError: ``space`` is neither here nor indexed.
            LibraryBusyError: a job is running.
        """
        passed_over: list[str] = []
        if paths:
            allowed = [self.roots.check(path) for path in paths]
        else:
            allowed, passed_over = self._known(retry_failed=retry_failed)
        if not retry_failed:  # of many that failed once, one that is gone by now keeps none of the others waiting
            _check_there(allowed)
        self._check_space(space)
        request = {"paths": allowed, "space": space, "retry_failed": retry_failed}
        with self._lock:
            if any(not job.state.is_over for job in self._jobs.values()):
                raise LibraryBusyError("an index job is running; wait until it is done, or stop it")
            self._count += 1
            process = _started(self._command, {**request, "library": os.fspath(self._catalog.library.absolute())})
            job = IndexJob(self._count, process, request if paths else {**request, "paths": []}, passed_over)
            self._jobs[job.id] = job
            for old in list(self._jobs)[:-_JOBS_KEPT]:
                del self._jobs[old]
            follower = threading.Thread(target=self._follow, args=(job,), name=f"index-job-{job.id}", daemon=True)
            self._followers = [thread for thread in self._followers if thread.is_alive()] + [follower]
        follower.start()
        return job

    def _known(self, *, retry_failed: bool) -> tuple[list[str], list[str]]:
        """What is indexed already and may be so again, none of it below another; and a line about each of the rest."""
        roots = indexed_roots(self._catalog) if retry_failed else []
        if not roots:
            raise UsageError("there is no path to index; give that of a folder, such as /home/me/Pictures")
        refused: dict[bytes, str] = {}
        for root in roots:
            try:
                self.roots.check(os.fsdecode(root))
            except VidiError as error:
                refused[root] = str(error)
        allowed = outermost(root for root in roots if root not in refused)
        lines = [refused[root] for root in outermost(refused) if root in outermost([*allowed, root])]
        if not allowed:
            raise AccessError(lines[0])
        return [os.fsdecode(root) for root in allowed], lines

    def _check_space(self, space: str | None) -> None:
        """A name may also mean a file of weights, or a download: those are for the command line."""
        known = {*space_names(), *(row.name for row in self._lookup.spaces())}
        if space is not None and space not in known:
            raise QueryError(
                f"can't index into {space!r} from here; expected one of: {', '.join(sorted(known))}; "
                f"begin another with `vidi index FOLDER --space {space}`"
            )

    def _follow(self, job: IndexJob) -> None:
        """Until its process is gone; whatever goes wrong on the way, the job ends then."""
        process = job.process
        failures = _NewFailures(self._catalog, job)
        try:
            with process:
                for line in process.stdout or ():
                    _take_in(job, failures, line)
        except Exception as error:  # noqa: BLE001 as below
            _log.error("index job %d is no longer listened to: %s: %s", job.id, type(error).__name__, error)
        finally:
            job.end(process.wait())


def _check_there(allowed: Sequence[str]) -> None:
    """Of paths that may be indexed alone: of the rest nobody learns whether they exist."""
    for path in allowed:
        if not os.path.exists(path):
            shown = display_of(os.fsencode(path))
            raise UsageError(f"there is no {shown}; expected a folder or file of this machine: check how it is spelled")


def _take_in(job: IndexJob, failures: _NewFailures, line: str) -> None:
    try:
        told = json.loads(line)
    except ValueError:
        return  # a library that prints
    if not (isinstance(told, dict) and isinstance(told.get("event"), str) and isinstance(told.get("data", 0), _DATA)):
        return
    try:
        job.hear(told["event"], told["data"])
        failures.look(now=told["event"] == "report")
    except Exception as error:  # noqa: BLE001 one line that fails, or a catalog that is busy, costs no job its end
        _log.error("news of index job %d can't be used: %s: %s", job.id, type(error).__name__, error)


class _NewFailures:
    """Finds in the catalog what failed since a job began."""

    def __init__(self, catalog: Catalog, job: IndexJob) -> None:
        self._catalog = catalog
        self._job = job
        self._since = job.started_at
        self._known: set[tuple[int, datetime]] = set()
        """Files that failed in the last second that was read: in the same one others may yet fail."""
        self._looked = 0.0

    def look(self, *, now: bool) -> None:
        """Tell the job of those that are new; not more often than now and then."""
        if not now and time.monotonic() - self._looked < _SECONDS_BETWEEN:
            return
        self._looked = time.monotonic()
        while self._tell_some() >= _READ_AT_ONCE:
            pass

    def _tell_some(self) -> int:
        """Each is read once, however many there are. How many were new."""
        found = failures_since(self._catalog, self._since, len(self._known) + _READ_AT_ONCE)
        new = [failed for failed in found if (failed.file_id, failed.failed_at) not in self._known]
        for failed in new:
            told = {"stage": failed.stage, "reason": failed.reason, "permanent": failed.permanent}
            self._job.fail_file({**path_json(failed.path), **told})
        if found:
            last = found[-1].failed_at
            self._since = last.replace(tzinfo=UTC)
            seen = self._known | {(failed.file_id, failed.failed_at) for failed in found}
            self._known = {(file_id, at) for file_id, at in seen if at == last}
        return len(new)


def _started(command: Sequence[str], request: dict[str, Any]) -> subprocess.Popen[str]:
    """The process, which has been told what to do."""
    here = os.fspath(Path(__file__).parents[1])
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env=os.environ | {"PYTHONPATH": os.pathsep.join([here, *filter(None, sys.path)])},
        start_new_session=True,  # Ctrl-C in the server's terminal reaches it by way of the server
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it is gone already: whoever follows it will see that
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
    return process
