"""Routes of the searches that people keep under a name: list, keep, remove. `/search?saved=NAME` answers one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.responses import Response

from retrieval.client.answers import SavedSearch
from retrieval.errors import NotFoundError, QueryError
from retrieval.search.query import By
from ui.api.marks import Mark, marked
from ui.api.services import Services
from ui.kept_searches import saved_json

__all__ = ["saved_routes"]

_NAME_MOST = 256
_LETTERS_MOST = 10_000
_MOST = 100
Name = Annotated[str, Field(min_length=1, max_length=_NAME_MOST)]
Text = Annotated[str, Field(max_length=_LETTERS_MOST)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A search as `GET /search` is asked it, by the same names, and the name to keep it under."""

    name: Name
    q: Text = ""
    kind: Literal["picture", "video", "sound"] | None = None
    under: Text | None = None
    after: Text | None = None
    before: Text | None = None
    tag: Annotated[list[Text], Field(max_length=_MOST)] | None = None
    space: Text | None = None
    by: By | None = None
    like: Annotated[list[Mark], Field(max_length=_MOST)] | None = None
    unlike: Annotated[list[Mark], Field(max_length=_MOST)] | None = None
    unfolded: bool = False

    def asked(self) -> dict[str, object]:
        """What :meth:`retrieval.library.Library.save_search` takes beside name and query."""
        own = {"kind", "under", "after", "before", "space", "by", "unfolded"}
        asked = {each.name: getattr(self, each.name) for each in fields(self) if each.name in own}
        lists = {"tags": self.tag, "like": _marked(self.like), "unlike": _marked(self.unlike)}
        return {name: value for name, value in {**asked, **lists}.items() if value}


def saved_routes(services: Services) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["saved searches"])
    library = services.library

    @router.get("/saved", response_model=list[SavedSearch], summary="The searches that are kept, by their names")
    def list_saved() -> JSONResponse:
        return JSONResponse([saved_json(each) for each in library.saved_searches()])

    @router.post("/saved", response_model=SavedSearch, status_code=201, summary="Keep a search under a name")
    def save(kept: Annotated[_Kept, Body()]) -> JSONResponse:
        with services.writes.turn():
            library.save_search(kept.name, kept.q, **kept.asked())
        return JSONResponse(saved_json(library.saved_search(kept.name)), 201)

    @router.delete("/saved", status_code=204, response_class=Response, summary="Remove the search of this name")
    def forget(name: Annotated[str, Query(min_length=1, max_length=_NAME_MOST)]) -> Response:
        try:
            with services.writes.turn():
                library.forget_search(name)
        except QueryError as error:
            raise NotFoundError(str(error)) from error
        return Response(status_code=204)

    return router


def _marked(marks: list[str] | None) -> list[int | tuple[int, float]]:
    return list(map(marked, marks or ()))
