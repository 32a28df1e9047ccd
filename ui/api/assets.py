"""Routes of one asset: its facts, segments, file, thumbnail, preview clip and tags. It is named by its number alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from retrieval.client.answers import Asset, Segment, Tag, Text
from retrieval.errors import NotFoundError, UsageError
from retrieval.media.preview import SECONDS_MOST
from retrieval.search.results import path_json
from retrieval.store.asset_facts import AssetFacts, AssetReader, KnownSegment
from retrieval.store.catalog import Catalog
from retrieval.store.parts import Parts
from retrieval.store.tags import Tags
from retrieval.store.timed_texts import TimedTexts
from ui.api.problems import problem
from ui.api.services import Services
from ui.page.files import CatalogFiles, OpenFile
from ui.page.ranges import respond_with
from ui.page.thumbnail_responses import NOBODY_WAITS, respond_with_thumbnail
from ui.page.thumbnails import SIZES
from ui.small_writes import SmallWrites
from ui.tag_output import check_labels

__all__ = ["AssetAnswers", "asset_routes"]

NUMBER_MOST = 2**63 - 1
"""The catalog holds no greater number."""
_LONGEST_SECONDS = 30 * 24 * 3600
_SEGMENTS_MOST = 10_000
_LABELS_MOST = 100
_GONE = "this file is not where it was when it was indexed; index its folder again"


class ThumbnailSize(IntEnum):
    """Pixels of the longer side."""

    CARD, STILL, LARGE = SIZES


AssetId = Annotated[int, Path(ge=1, le=NUMBER_MOST, description="The number of the asset, as a search gives it")]
Labels = Annotated[list[str], Body(max_length=_LABELS_MOST)]


class AssetAnswers:
    """What is said of an asset. Safe to share between threads."""

    def __init__(self, catalog: Catalog, writes: SmallWrites) -> None:
        self._catalog = catalog
        self._writes = writes
        self._reader = AssetReader(catalog)
        self._files = CatalogFiles(catalog)
        self._parts = Parts(catalog)
        self._tags = Tags(catalog)
        self._texts = TimedTexts(catalog)

    def asset(self, asset_id: int) -> dict[str, Any]:
        """As :class:`~retrieval.client.answers.Asset` has it.

        Raises:
            NotFoundError: there is none, here and below.
        """
        found = self._found(asset_id)
        parts = self._parts.of_assets([asset_id]).get(asset_id, ())
        return _asset_json(found) | {"parts": list(map(path_json, parts)), "tags": self._shown_tags(asset_id)}

    def path(self, asset_id: int) -> str:
        """Where its first present file lies."""
        self._found(asset_id)
        if (path := self._files.path_of(asset_id)) is None:
            raise NotFoundError(_GONE)
        return os.fsdecode(path)

    def open(self, asset_id: int) -> OpenFile:
        """Its file, unchanged since it was indexed."""
        self._found(asset_id)
        if (file := self._files.open(asset_id)) is None:
            raise NotFoundError(_GONE)
        return file

    def check_moment(self, asset_id: int, at_seconds: float) -> None:
        """See that it lies in the asset, if its length is known.

        Raises:
            UsageError: it lies at its end or after it.
        """
        lasts = self._found(asset_id).facts.duration_seconds
        if lasts and at_seconds >= lasts:
            raise UsageError(f"{at_seconds:g} s is no moment of it; expected less than {lasts:g} s, where it ends")

    def segments(self, asset_id: int, top: int, offset: int) -> list[dict[str, Any]]:
        """Some of its segments."""
        self._found(asset_id)
        return [_segment_json(each) for each in self._reader.segments(asset_id, top=top, offset=offset)]

    def segment(self, segment_id: int) -> dict[str, Any]:
        """One segment, of whatever asset."""
        if (found := self._reader.segment(segment_id)) is None:
            raise NotFoundError(f"there is no segment {segment_id}")
        return _segment_json(found)

    def texts(self, asset_id: int) -> list[dict[str, Any]]:
        """What is said in it, and written on its screen, in the order of time."""
        self._found(asset_id)
        return [
            {
                "source": text.source.value,
                "text": text.text,
                "start_seconds": text.start_seconds,
                "end_seconds": text.end_seconds,
            }
            for text in self._texts.of([asset_id]).get(asset_id, [])
        ]

    def tags(self, asset_id: int) -> list[dict[str, Any]]:
        """Its tags, people's first."""
        self._found(asset_id)
        return self._shown_tags(asset_id)

    def tag(self, asset_id: int, add: Sequence[str], remove: Sequence[str]) -> list[dict[str, Any]]:
        """Add and refuse tags by hand; its tags then.

        Raises:
            UsageError: a label is empty, too long, or on both sides.
            LibraryBusyError: the library is being written to, as while it is indexed.
        """
        self._found(asset_id)
        check_labels(add, remove)
        with self._writes.turn(), self._catalog.lock():
            self._tags.add(add, [asset_id])
            self._tags.remove(remove, [asset_id])
        return self._shown_tags(asset_id)

    def _found(self, asset_id: int) -> AssetFacts:
        if (found := self._reader.of(asset_id)) is None:
            raise NotFoundError(f"there is no asset {asset_id}; a search gives the numbers that there are")
        return found

    def _shown_tags(self, asset_id: int) -> list[dict[str, Any]]:
        shown = self._tags.of([asset_id]).get(asset_id, [])
        return [{"label": tag.label, "score": round(tag.score, 4), "source": tag.source} for tag in shown]


def asset_routes(services: Services) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["assets"])
    answers = AssetAnswers(services.catalog, services.writes)
    _add_facts(router, answers)
    _add_file(router, answers)
    _add_thumbnail(router, answers, services)
    _add_preview(router, answers, services)
    _add_words(router, answers)
    return router


def _add_facts(router: APIRouter, answers: AssetAnswers) -> None:
    @router.get("/assets/{asset_id}", response_model=Asset, summary="What is known of an asset")
    def asset(asset_id: AssetId) -> JSONResponse:
        return JSONResponse(answers.asset(asset_id))

    @router.get("/assets/{asset_id}/segments", response_model=list[Segment], summary="The segments of an asset")
    def segments(
        asset_id: AssetId,
        top: Annotated[int, Query(ge=1, le=_SEGMENTS_MOST)] = 1000,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    ) -> JSONResponse:
        return JSONResponse(answers.segments(asset_id, top, offset))

    @router.get("/segments/{segment_id}", response_model=Segment, summary="A segment")
    def segment(segment_id: Annotated[int, Path(ge=1, le=NUMBER_MOST)]) -> JSONResponse:
        return JSONResponse(answers.segment(segment_id))


def _add_file(router: APIRouter, answers: AssetAnswers) -> None:
    @router.head("/assets/{asset_id}/file", include_in_schema=False)
    @router.get("/assets/{asset_id}/file", response_class=Response, summary="The file itself, whole or in ranges")
    async def file(asset_id: AssetId, request: Request) -> Response:
        return _in_ranges(await to_thread.run_sync(answers.open, asset_id), request)


def _add_thumbnail(router: APIRouter, answers: AssetAnswers, services: Services) -> None:
    @router.get(
        "/assets/{asset_id}/thumbnail",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}},
        summary="A small JPEG; `at` is a moment of a video",
    )
    async def thumbnail(
        asset_id: AssetId,
        request: Request,
        at: Annotated[float, Query(ge=0, le=_LONGEST_SECONDS, allow_inf_nan=False)] = 0.0,
        size: Annotated[ThumbnailSize, Query(description="Pixels of the longer side")] = ThumbnailSize.CARD,
    ) -> Response:
        opened = await to_thread.run_sync(answers.open, asset_id)
        return await respond_with_thumbnail(request, opened, at, size, services.thumbnails, services.thumbnail_makers)


def _add_preview(router: APIRouter, answers: AssetAnswers, services: Services) -> None:
    @router.head("/assets/{asset_id}/preview", include_in_schema=False)
    @router.get(
        "/assets/{asset_id}/preview",
        response_class=Response,
        responses={200: {"content": {"video/mp4": {}}}},
        summary="A small clip of a video that every browser plays, whole or in ranges",
    )
    async def preview(
        asset_id: AssetId,
        request: Request,
        start: Annotated[float, Query(ge=0, le=_LONGEST_SECONDS, allow_inf_nan=False)] = 0.0,
        seconds: Annotated[int, Query(ge=1, le=SECONDS_MOST)] = 30,
    ) -> Response:
        await to_thread.run_sync(answers.check_moment, asset_id, start)
        video = await to_thread.run_sync(answers.open, asset_id)
        try:
            clip = await to_thread.run_sync(services.previews.kept, video, start, seconds)
            if clip is None:  # only what isn't kept waits for its turn
                async with services.preview_makers:
                    if await request.is_disconnected():
                        return Response(status_code=NOBODY_WAITS)  # nobody waits any more: the next one has its turn
                    clip = await to_thread.run_sync(services.previews.open, video, start, seconds)
        finally:
            video.close()
        return _in_ranges(clip, request)


def _add_words(router: APIRouter, answers: AssetAnswers) -> None:
    @router.get("/assets/{asset_id}/texts", response_model=list[Text], summary="What machines heard and read in it")
    def texts(asset_id: AssetId) -> JSONResponse:
        return JSONResponse(answers.texts(asset_id))

    @router.get("/assets/{asset_id}/tags", response_model=list[Tag], summary="The tags of an asset")
    def read_tags(asset_id: AssetId) -> JSONResponse:
        return JSONResponse(answers.tags(asset_id))

    @router.patch("/assets/{asset_id}/tags", response_model=list[Tag], summary="Add and remove tags by hand")
    def write_tags(asset_id: AssetId, add: Labels = [], remove: Labels = []) -> JSONResponse:  # noqa: B006 read alone
        return JSONResponse(answers.tag(asset_id, add, remove))


def _in_ranges(file: OpenFile, request: Request) -> Response:
    response = respond_with(file, request.method, request.headers)
    if response.status_code != 416:
        return response
    size_bytes = response.headers["content-range"]
    return problem(416, "the range lies outside of the file", {"Content-Range": size_bytes})


def _asset_json(found: AssetFacts) -> dict[str, Any]:
    facts, words = found.facts, found.facts.words
    return {
        "id": found.id,
        "kind": facts.kind.value,
        "content_hash": found.content_hash.hex(),
        "files": [
            {**path_json(file.path), "size_bytes": file.size_bytes, "present": file.present} for file in found.files
        ],
        "width": facts.width,
        "height": facts.height,
        "duration_seconds": facts.duration_seconds,
        "frame_rate": facts.frame_rate,
        "has_sound": facts.has_sound,
        "codec": facts.codec,
        "taken_at": facts.taken_at.isoformat() if facts.taken_at else None,
        "latitude": facts.latitude,
        "longitude": facts.longitude,
        "camera": facts.camera,
        "lens": facts.lens,
        "title": words.title,
        "caption": words.caption,
        "rating": words.rating,
        "keywords": list(words.keywords),
        "people": list(words.people),
    }


def _segment_json(segment: KnownSegment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "asset_id": segment.asset_id,
        "method": f"{segment.method} {segment.version}",
        "start_seconds": segment.start_seconds,
        "end_seconds": segment.end_seconds,
        "time_seconds": segment.time_seconds,
    }
