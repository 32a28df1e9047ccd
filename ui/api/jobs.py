"""Routes of index jobs: start, follow by server-sent events, stop."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from fastapi import APIRouter, Body, Header, Path
from fastapi.responses import JSONResponse, StreamingResponse

from retrieval.client.answers import Job
from retrieval.errors import NotFoundError
from ui.api.services import Services
from ui.index_jobs import Event, IndexJob

__all__ = ["job_routes"]

_PATHS_MOST = 100
_PATHS = "Folders or files; with `retry_failed`, none means all that is indexed"
_LETTERS_MOST = 1024
_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_BETWEEN_SIGNS = 15.0
"""Of life, so that nobody between takes the connection for dead."""
_DIGITS_MOST = 18

JobId = Annotated[int, Path(ge=1, le=2**63 - 1)]


def job_routes(services: Services) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["index jobs"])
    jobs = services.jobs

    def job_of(job_id: int) -> IndexJob:
        if (job := jobs.get(job_id)) is None:
            raise NotFoundError(f"there is no index job {job_id}; `GET /api/v1/jobs` lists those that there are")
        return job

    @router.get("/jobs", response_model=list[Job], summary="The last index jobs, the newest first")
    def list_jobs() -> JSONResponse:
        return JSONResponse([job.snapshot() for job in jobs.all()])

    @router.post("/jobs", response_model=Job, status_code=201, summary="Index folders; one job goes on at a time")
    def start(
        paths: Annotated[list[str], Body(default_factory=list, max_length=_PATHS_MOST, description=_PATHS)],
        space: Annotated[str | None, Body(max_length=_LETTERS_MOST)] = None,
        retry_failed: Annotated[bool, Body()] = False,
    ) -> JSONResponse:
        job = jobs.start(paths, space=space, retry_failed=retry_failed)
        return JSONResponse(job.snapshot(), 201, {"Location": f"/api/v1/jobs/{job.id}"})

    @router.get("/jobs/{job_id}", response_model=Job, summary="An index job")
    def read(job_id: JobId) -> JSONResponse:
        return JSONResponse(job_of(job_id).snapshot())

    @router.post(
        "/jobs/{job_id}/stop", response_model=Job, status_code=202, summary="Have a job end; it keeps its work"
    )
    def stop(job_id: JobId) -> JSONResponse:
        job = job_of(job_id)
        job.stop()
        return JSONResponse(job.snapshot(), 202)

    @router.get(
        "/jobs/{job_id}/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
        summary="News of a job as server-sent events: progress, notice, failure, done",
    )
    async def follow(
        job_id: JobId, last_event_id: Annotated[str, Header(description="Begin after this event")] = ""
    ) -> StreamingResponse:
        news = _news(job_of(job_id), _event_number(last_event_id))
        return StreamingResponse(news, headers={"Cache-Control": "no-store"}, media_type="text/event-stream")

    return router


def _event_number(text: str) -> int:
    """What is no number of an event is heard as "from the first on"."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MOST else 0


async def _news(job: IndexJob, after: int) -> AsyncIterator[str]:
    """Until the job is over and all was told."""
    silent = 0.0
    while True:
        for event in job.events_after(after):
            after, silent = event.id, 0.0
            yield _line(event)
            if event.event == "done":
                return
        if job.is_told and not job.events_after(after):
            return  # whoever asked has heard it all before
        await anyio.sleep(_SECONDS_BETWEEN_LOOKS)
        silent += _SECONDS_BETWEEN_LOOKS
        if silent >= _SECONDS_BETWEEN_SIGNS:
            silent = 0.0
            yield ": still here\n\n"


def _line(event: Event) -> str:
    return f"id: {event.id}\nevent: {event.event}\ndata: {json.dumps(event.data)}\n\n"
