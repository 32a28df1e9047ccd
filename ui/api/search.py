"""`/search`: the object of `vidi search --json`, with the number of each asset; `/facets` counts what a query lets
through. A picture is sent by POST.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, File, Query, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from retrieval.client.answers import Facets, SearchAnswer
from retrieval.errors import QueryError
from retrieval.search.query import By
from retrieval.search.results import SearchResult
from retrieval.store.lookup import Lookup
from ui.api.marks import Mark, marked
from ui.api.services import Services
from ui.kept_searches import joined
from ui.page.answers import PICTURES_MOST

__all__ = ["TOP_MOST", "answer_json", "search_routes"]

TOP_MOST = 1000
_OFFSET_MOST = 2**31
_FACET_VALUES_MOST = 1000
_PICTURE_BYTES_MOST = 64 << 20


def answer_json(result: SearchResult) -> dict[str, Any]:
    """As `vidi search --json` prints it, and ``asset_id`` of each hit."""
    told = result.to_json()
    hits = [{"asset_id": hit.asset_id} | each for hit, each in zip(result.hits, told["hits"], strict=True)]
    return told | {"hits": hits}


@dataclass(frozen=True, slots=True)
class _Narrowed:
    """What may be let through, by the names of the command line's options."""

    q: Annotated[str, Query(description="What to find, in plain words or the query language")] = ""
    kind: Annotated[Literal["picture", "video", "sound"] | None, Query(description="Only this kind")] = None
    under: Annotated[str | None, Query(description="Only files in this folder and below, or this file")] = None
    after: Annotated[str | None, Query(description="Taken at or after: 2024, 2024-06, 2024-06-01")] = None
    before: Annotated[str | None, Query(description="Taken before")] = None
    tag: Annotated[list[str] | None, Query(description="Only what bears all of these tags")] = None


@dataclass(frozen=True, slots=True)
class _Asked(_Narrowed):
    """What both ways of asking take."""

    space: Annotated[str | None, Query(description="The space to search in, of those in the status")] = None
    by: Annotated[By | None, Query(description="What ranks; fused unless given")] = None
    top: Annotated[int, Query(ge=1, le=TOP_MOST, description="At most so many hits")] = 20
    offset: Annotated[int, Query(ge=0, le=_OFFSET_MOST, description="Pass over so many of the best")] = 0
    anyway: Annotated[bool, Query(description="Show the nearest even if nothing fits")] = False
    like: Annotated[list[Mark] | None, Query(description="More like these: ID, or ID@SECOND of a video")] = None
    unlike: Annotated[list[Mark] | None, Query(description="Less like these, which are not shown")] = None
    unfolded: Annotated[bool, Query(description="Show near-identical pictures each for itself")] = False
    as_of: Annotated[str | None, Query(description="That of an earlier answer, for its next pages")] = None
    saved: Annotated[str | None, Query(description="A kept search; words are added, options take its places")] = None

    def given(self, pictures: Sequence[Path]) -> dict[str, Any]:
        """What :meth:`retrieval.library.Library.search` takes, without what was not given and what concerns a page."""
        asked = {
            "query": self.q,
            "image": list(pictures),
            "kind": self.kind,
            "under": self.under,
            "after": self.after,
            "before": self.before,
            "tags": self.tag,
            "space": self.space,
            "by": self.by,
            "like": list(map(marked, self.like or ())),
            "unlike": list(map(marked, self.unlike or ())),
            "unfolded": self.unfolded,
        }
        return {name: value for name, value in asked.items() if value or isinstance(value, str)}


class _Searches:
    """What the routes answer, in a thread of their own. Safe to share between threads."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._lookup = Lookup(services.catalog)

    def answer(self, asked: _Asked, pictures: Sequence[Path] = ()) -> JSONResponse:
        """The object of a search."""
        given = asked.given(pictures)
        if asked.saved is not None:
            given = joined(self._library.saved_search(asked.saved).asked, given)
        self._check_space(given.get("space"))
        page: dict[str, Any] = {name: getattr(asked, name) for name in ("top", "offset", "anyway", "as_of")}
        return JSONResponse(answer_json(self._library.search(**given, **page)))

    def count(self, asked: _Narrowed, most: int) -> JSONResponse:
        """What is let through."""
        narrowed = {"kind": asked.kind, "under": asked.under, "after": asked.after, "before": asked.before}
        return JSONResponse(asdict(self._library.facets(asked.q, **narrowed, tags=asked.tag or (), most=most)))

    def _check_space(self, space: str | None) -> None:
        """A space is named by what is indexed: a name may also mean a file of weights, or a download."""
        known = {row.name for row in self._lookup.spaces()} if space is not None else set()
        if space is not None and space not in known:
            raise QueryError(
                f"nothing is indexed in a space {space!r}; expected one of: {', '.join(sorted(known)) or 'none yet'}"
            )


def search_routes(services: Services) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["search"])
    searches = _Searches(services)

    @router.get("/search", response_model=SearchAnswer, summary="Find pictures and moments in video")
    async def search(asked: Annotated[_Asked, Depends()]) -> JSONResponse:
        return await services.search(partial(searches.answer, asked))

    @router.post("/search", response_model=SearchAnswer, summary="Find what looks like pictures, with words or without")
    async def search_with_pictures(
        asked: Annotated[_Asked, Depends()],
        image: Annotated[list[UploadFile], File(min_length=1, max_length=PICTURES_MOST)],
    ) -> JSONResponse:
        with tempfile.TemporaryDirectory(prefix="vidi-query-") as folder:
            pictures = await to_thread.run_sync(_saved, image, Path(folder))
            try:
                return await services.search(partial(searches.answer, asked, pictures))
            except QueryError as error:
                raise QueryError(str(error).replace(f"{folder}/", "")) from error  # the folder is nobody's concern

    @router.get(
        "/facets", response_model=Facets, summary="Count what a query lets through, by kind, year, tag and more"
    )
    async def facets(
        asked: Annotated[_Narrowed, Depends()],
        most: Annotated[int, Query(ge=1, le=_FACET_VALUES_MOST, description="At most so many values of each")] = 20,
    ) -> JSONResponse:
        return await to_thread.run_sync(partial(searches.count, asked, most), limiter=services.counting)

    return router


def _saved(uploads: Sequence[UploadFile], folder: Path) -> list[Path]:
    """The pictures as files whose names are ours; an isolated worker decodes them."""
    saved = []
    for number, upload in enumerate(uploads):
        if (upload.size or 0) > _PICTURE_BYTES_MOST:
            raise HTTPException(413, f"expected a picture of at most 64 MiB, got {upload.size} bytes")
        path = folder / f"picture-{number}"
        with path.open("wb") as file:
            shutil.copyfileobj(upload.file, file)
        saved.append(path)
    return saved
