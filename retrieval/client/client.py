"""The HTTP interface of `vidi ui` as methods, with typed answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from retrieval.client.answers import (
    Asset,
    Facets,
    Job,
    JobEvent,
    ModelCard,
    SavedSearch,
    SearchAnswer,
    Segment,
    Status,
    Tag,
    Text,
)
from retrieval.errors import RemoteError

__all__ = ["Client"]

Value = TypeVar("Value")
PathLike = str | os.PathLike[str]
_PREFIX = "/api/v1/"
_SEARCH_SECONDS = 60.0
"""The first search waits until the models are loaded."""
_SILENT_SECONDS = 60.0
"""Between two signs of life of a job."""


class Client:
    """A vidi server. A context manager; its methods may be called from several threads.

    Every method raises RemoteError where the server refuses (``status`` is that of HTTP), answers what is not
    expected, or can't be reached.

    Example:
        >>> with Client("http://127.0.0.1:7860") as client:  # doctest: +SKIP
        ...     for hit in client.search("a dog leaps for a frisbee").hits:
        ...         print(hit.asset_id, hit.path, hit.score, hit.start_seconds)
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:7860",
        *,
        token: str | None = None,
        timeout_seconds: float = _SEARCH_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``token`` is that of `vidi ui --token-file FILE`: needed for what changes something, and where others may
        ask too. ``transport`` takes the place of the network."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=url.rstrip("/") + _PREFIX, headers=headers, timeout=timeout_seconds, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    # -- searching -----------------------------------------------------------------------------------------------

    def search(
        self,
        query: str = "",
        *,
        images: Sequence[PathLike] = (),
        kind: str | None = None,
        under: PathLike | None = None,
        after: str | None = None,
        before: str | None = None,
        tags: Sequence[str] = (),
        space: str | None = None,
        by: str | None = None,
        like: Sequence[int | tuple[int, float]] = (),
        unlike: Sequence[int | tuple[int, float]] = (),
        unfolded: bool = False,
        top: int = 20,
        offset: int = 0,
        as_of: str | None = None,
        anyway: bool = False,
        saved: str | None = None,
    ) -> SearchAnswer:
        """As :meth:`retrieval.library.Library.search`. ``images`` are read here and sent; ``under`` is a folder there.
        ``like`` and ``unlike`` are numbers of assets, of a video with a second. ``saved`` is the name of a kept search:
        the words are added to its own, the options take the place of its own.

        Raises:
            OSError: a picture can't be read.
            RemoteError: see the class.
        """
        asked = _narrowed(query, kind, under, after, before, tags) | {
            "space": space,
            "by": by,
            "like": list(map(_mark, like)),
            "unlike": list(map(_mark, unlike)),
            "unfolded": unfolded or None,
            "as_of": as_of,
            "top": top,
            "offset": offset,
            "anyway": anyway,
            "saved": saved,
        }
        told = {name: value for name, value in asked.items() if value is not None}
        with ExitStack() as stack:
            files = [("image", stack.enter_context(Path(image).open("rb"))) for image in images]
            method = "POST" if files else "GET"
            return self._answer(SearchAnswer, method, "search", params=told, files=files or None)

    def facets(
        self,
        query: str = "",
        *,
        kind: str | None = None,
        under: PathLike | None = None,
        after: str | None = None,
        before: str | None = None,
        tags: Sequence[str] = (),
        most: int = 20,
    ) -> Facets:
        """As :meth:`retrieval.library.Library.facets`: what a search can be narrowed by, with counts."""
        asked = _narrowed(query, kind, under, after, before, tags)
        return self._answer(Facets, "GET", "facets", params=asked | {"most": most})

    def saved_searches(self) -> list[SavedSearch]:
        """The searches that are kept, by their names; ``search(saved=NAME)`` answers one."""
        return self._answer(list[SavedSearch], "GET", "saved")

    def save_search(
        self,
        name: str,
        query: str = "",
        *,
        kind: str | None = None,
        under: PathLike | None = None,
        after: str | None = None,
        before: str | None = None,
        tags: Sequence[str] = (),
        space: str | None = None,
        by: str | None = None,
        like: Sequence[int | tuple[int, float]] = (),
        unlike: Sequence[int | tuple[int, float]] = (),
        unfolded: bool = False,
    ) -> SavedSearch:
        """Keep a search under ``name``, in place of what had it; what it takes is that of :meth:`search`."""
        asked = _narrowed(query, kind, under, after, before, tags) | {
            "name": name,
            "space": space,
            "by": by,
            "like": list(map(_mark, like)),
            "unlike": list(map(_mark, unlike)),
            "unfolded": unfolded,
        }
        return self._answer(SavedSearch, "POST", "saved", json=asked)

    def forget_search(self, name: str) -> None:
        """Remove a kept search."""
        self._send("DELETE", "saved", params={"name": name})

    # -- assets --------------------------------------------------------------------------------------------------

    def asset(self, asset_id: int) -> Asset:
        """What is known of it."""
        return self._answer(Asset, "GET", f"assets/{asset_id}")

    def segments(self, asset_id: int, *, top: int = 1000, offset: int = 0) -> list[Segment]:
        """Its segments, in the order of time."""
        return self._answer(list[Segment], "GET", f"assets/{asset_id}/segments", params={"top": top, "offset": offset})

    def segment(self, segment_id: int) -> Segment:
        """One segment."""
        return self._answer(Segment, "GET", f"segments/{segment_id}")

    def file(self, asset_id: int, into: PathLike) -> None:
        """Write the asset's file to the path ``into``."""
        self._write(f"assets/{asset_id}/file", into, {})

    def thumbnail(self, asset_id: int, *, at_seconds: float = 0.0, size: int = 480) -> bytes:
        """A JPEG whose longer side has ``size`` (160, 480 or 1600) pixels at most."""
        return self._send("GET", f"assets/{asset_id}/thumbnail", params={"at": at_seconds, "size": size}).content

    def preview(self, asset_id: int, into: PathLike, *, start_seconds: float = 0.0, seconds: int = 30) -> None:
        """Write an MP4 of ``[start_seconds, start_seconds + seconds)`` of a video to the path ``into``."""
        self._write(f"assets/{asset_id}/preview", into, {"start": start_seconds, "seconds": seconds})

    def texts(self, asset_id: int) -> list[Text]:
        """What is said in it, and written on its screen, in the order of time: read by machines."""
        return self._answer(list[Text], "GET", f"assets/{asset_id}/texts")

    def tags(self, asset_id: int) -> list[Tag]:
        """Its tags, people's first."""
        return self._answer(list[Tag], "GET", f"assets/{asset_id}/tags")

    def tag(self, asset_id: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> list[Tag]:
        """Add and refuse tags by hand; its tags then."""
        changes = {"add": list(add), "remove": list(remove)}
        return self._answer(list[Tag], "PATCH", f"assets/{asset_id}/tags", json=changes)

    # -- the library ---------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """What the library holds."""
        return self._answer(Status, "GET", "status")

    def models(self) -> list[ModelCard]:
        """The models, and whether they are on the server's machine."""
        return self._answer(list[ModelCard], "GET", "models")

    def use(self, space: str) -> None:
        """Make ``space`` the one that a search takes which names none."""
        self._send("PUT", "space", json={"name": space})

    # -- index jobs ----------------------------------------------------------------------------------------------

    def index(self, paths: Sequence[PathLike] = (), *, space: str | None = None, retry_failed: bool = False) -> Job:
        """Begin to index folders of the server's machine; with ``retry_failed``, no paths mean all that is indexed."""
        asked = {"paths": [os.fspath(path) for path in paths], "space": space, "retry_failed": retry_failed}
        return self._answer(Job, "POST", "jobs", json=asked)

    def jobs(self) -> list[Job]:
        """The last jobs, the newest first."""
        return self._answer(list[Job], "GET", "jobs")

    def job(self, job_id: int) -> Job:
        """A job as it stands now."""
        return self._answer(Job, "GET", f"jobs/{job_id}")

    def stop(self, job_id: int) -> Job:
        """Have a job commit what it has and end; that may take some seconds."""
        return self._answer(Job, "POST", f"jobs/{job_id}/stop")

    def follow(self, job_id: int, *, after: int = 0) -> Iterator[JobEvent]:
        """News of a job as they come, up to ``done``; ``after`` leaves out those up to that number."""
        with ExitStack() as stack:
            streamed = self._http.stream(
                "GET", f"jobs/{job_id}/events", headers={"Last-Event-ID": str(after)}, timeout=_SILENT_SECONDS
            )
            try:
                response = stack.enter_context(streamed)
                self._check(response)
                yield from _events(response.iter_lines())
            except httpx.HTTPError as error:
                raise self._unreachable(error) from error

    # -- below ---------------------------------------------------------------------------------------------------

    def _answer(self, kind: type[Value], method: str, path: str, **how: Any) -> Value:
        response = self._send(method, path, **how)
        try:
            return TypeAdapter(kind).validate_json(response.content)
        except ValidationError as error:
            raise RemoteError(
                f"{response.url} answered what is no {kind}; is it a vidi server of this version?", response.status_code
            ) from error

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **how)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        except httpx.InvalidURL as error:
            raise RemoteError(f"that can't be asked ({error}); shorten the query") from error
        self._check(response)
        return response

    def _write(self, path: str, into: PathLike, params: Mapping[str, Any]) -> None:
        try:
            with self._http.stream("GET", path, params=params) as response:
                self._check(response)
                with Path(into).open("wb") as file:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        text = response.read().decode("utf-8", "replace")
        try:
            detail = str(json.loads(text)["detail"])
        except (ValueError, KeyError, TypeError):
            detail = f"{response.url} answered {response.status_code}; is it a vidi server?"
        raise RemoteError(detail, response.status_code)

    def _unreachable(self, error: httpx.HTTPError) -> RemoteError:
        return RemoteError(
            f"{self._http.base_url} can't be reached ({type(error).__name__}: {error}); is `vidi ui` running there?"
        )


def _narrowed(
    query: str, kind: str | None, under: PathLike | None, after: str | None, before: str | None, tags: Sequence[str]
) -> dict[str, Any]:
    """What is to be found, by the names of the HTTP interface, without what was not given."""
    asked = {"q": query, "kind": kind, "after": after, "before": before, "tag": list(tags)}
    asked["under"] = None if under is None else os.fspath(under)
    return {name: value for name, value in asked.items() if value is not None}


def _mark(marked: int | tuple[int, float]) -> str:
    return str(marked) if isinstance(marked, int) else f"{marked[0]}@{marked[1]:.3f}"


def _events(lines: Iterator[str]) -> Iterator[JobEvent]:
    """Server-sent events (HTML standard, 9.2), as far as the server sends them."""
    said: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line:
            said[name] = value
        elif "data" in said:
            yield JobEvent(id=int(said["id"]), event=said["event"], data=json.loads(said["data"]))
            said = {}
