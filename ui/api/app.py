"""The interface as one application, to be mounted at `/api/v1`."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from ui.api.assets import asset_routes
from ui.api.jobs import job_routes
from ui.api.problems import PROBLEMS, add_problem_handlers
from ui.api.saved import saved_routes
from ui.api.search import search_routes
from ui.api.services import Services
from ui.api.state import state_routes

__all__ = ["build_api"]

_ABOUT = "Finds pictures and moments in video from a sentence. Errors are problem details (RFC 9457)."


def build_api(services: Services) -> FastAPI:
    """The application. Its OpenAPI is at `openapi.json`; no page of documentation asks another host for scripts."""
    api = FastAPI(title="vidi", version=version("vidi"), description=_ABOUT, docs_url=None, redoc_url=None)
    for routes in (search_routes, saved_routes, asset_routes, job_routes, state_routes):
        api.include_router(routes(services), responses=PROBLEMS)
    add_problem_handlers(api)
    return api
