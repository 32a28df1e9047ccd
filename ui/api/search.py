"""`GET /search`: the object of `vidi search --json`, with the number of each asset."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse

from retrieval.client.answers import SearchAnswer
from retrieval.errors import QueryError
from retrieval.search.query import By
from retrieval.search.results import SearchResult
from retrieval.store.lookup import Lookup
from ui.api.services import Services

__all__ = ["TOP_MOST", "answer_json", "search_routes"]

TOP_MOST = 1000
_OFFSET_MOST = 2**31


def answer_json(result: SearchResult) -> dict[str, Any]:
    """As `vidi search --json` prints it, and ``asset_id`` of each hit."""
    told = result.to_json()
    hits = [{"asset_id": hit.asset_id} | each for hit, each in zip(result.hits, told["hits"], strict=True)]
    return told | {"hits": hits}


def search_routes(services: Services) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["search"])
    lookup = Lookup(services.catalog)

    def check_space(space: str | None) -> None:
        """A space is named by what is indexed: a name may also mean a file of weights, or a download."""
        known = {row.name for row in lookup.spaces()}
        if space is not None and space not in known:
            raise QueryError(
                f"nothing is indexed in a space {space!r}; expected one of: {', '.join(sorted(known)) or 'none yet'}"
            )

    @router.get("/search", response_model=SearchAnswer, summary="Find pictures and moments in video")
    async def search(
        q: Annotated[str, Query(description="What to find, in plain words or the query language")] = "",
        kind: Annotated[Literal["picture", "video", "sound"] | None, Query(description="Only this kind")] = None,
        under: Annotated[str | None, Query(description="Only files in this folder and below, or this file")] = None,
        after: Annotated[str | None, Query(description="Taken at or after: 2024, 2024-06, 2024-06-01")] = None,
        before: Annotated[str | None, Query(description="Taken before")] = None,
        tag: Annotated[list[str] | None, Query(description="Only what bears all of these tags")] = None,
        space: Annotated[str | None, Query(description="The space to search in; of those in the status")] = None,
        by: Annotated[By, Query(description="What ranks")] = By.FUSED,
        top: Annotated[int, Query(ge=1, le=TOP_MOST, description="At most so many hits")] = 20,
        offset: Annotated[int, Query(ge=0, le=_OFFSET_MOST, description="Pass over so many of the best")] = 0,
        anyway: Annotated[bool, Query(description="Show the nearest even if nothing fits")] = False,
    ) -> JSONResponse:
        check_space(space)
        ask = partial(
            services.library.search,
            q,
            kind=kind,
            under=under,
            after=after,
            before=before,
            tags=tag or (),
            space=space,
            by=by,
            top=top,
            offset=offset,
            anyway=anyway,
        )
        return JSONResponse(answer_json(await services.search(ask)))

    return router
