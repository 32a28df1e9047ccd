"""Routes of the library as a whole: what it holds, the models, the space that a search takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse

from retrieval.client.answers import DefaultSpace, ModelCard, Status
from retrieval.errors import QueryError
from retrieval.spaces.cards import model_cards
from retrieval.store.lookup import Lookup
from ui.api.services import Services

__all__ = ["state_routes"]

_FAILURES_MOST = 10_000


def state_routes(services: Services) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["library"])
    lookup = Lookup(services.catalog)

    @router.get("/status", response_model=Status, summary="What is indexed, by which space, what failed and why")
    def status(
        failures: Annotated[int, Query(ge=0, le=_FAILURES_MOST, description="At most so many of each list")] = 100,
    ) -> JSONResponse:
        told = services.library.status().to_json()
        lists = ("failures", "failed_sidecars", "failed_experts", "troubled_places")
        return JSONResponse(told | {name: told[name][:failures] for name in lists})

    @router.get("/models", response_model=list[ModelCard], summary="The models, and whether they are on this machine")
    def models() -> JSONResponse:
        return JSONResponse([asdict(card) for card in model_cards()])

    @router.put("/space", response_model=DefaultSpace, summary="Set the space that a search takes which names none")
    def use(name: Annotated[str, Body(embed=True, max_length=1024)]) -> JSONResponse:
        known = {row.name for row in lookup.spaces()}
        if name not in known:
            raise QueryError(
                f"nothing is indexed in a space {name!r}; expected one of: {', '.join(sorted(known)) or 'none yet'}"
            )
        return JSONResponse({"name": services.library.use(name)})

    return router
