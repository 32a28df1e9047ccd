"""The interface in this process, over the page's library of colours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from fastapi import FastAPI
from PIL import UnidentifiedImageError

from retrieval.errors import QueryError
from retrieval.library import Library
from retrieval.media.worker import MediaWorkers
from retrieval.store.catalog import Catalog
from retrieval.types import Float32Array
from tests.ui.page.colours import ColourSpace, embed_pictures
from tests.ui.page.conftest import Collection, collection, empty_library, own_collection
from ui.api.app import build_api
from ui.api.previews import PreviewStore, make_clips_with
from ui.api.services import Services
from ui.index_jobs import IndexJobs
from ui.page.renditions import make_renditions_with
from ui.page.thumbnails import ThumbnailStore
from ui.trust.roots import AllowedRoots

__all__ = ["collection", "empty_library", "own_collection"]

Ask = Callable[..., httpx.Response]
IDLE = """
import json, sys
sys.stdin.readline()
print(json.dumps({"event": "notice", "data": {"line": "waiting"}}), flush=True)
sys.stdin.read()
print(json.dumps({"event": "report", "data": {"interrupted": True}}), flush=True)
"""
"""An index run that waits to be stopped."""


def embed_or_refuse(space: object, paths: Sequence[Path]) -> Float32Array:
    """What is no picture is refused in the words of a person, as by the worker that decodes it in earnest."""
    try:
        return embed_pictures(space, paths)
    except UnidentifiedImageError as error:
        raise QueryError(f"the picture {paths[0]} can't be searched with: the content is not a picture") from error


@pytest.fixture(scope="session")
def workers() -> Iterator[MediaWorkers]:
    with MediaWorkers(processes=1) as workers:
        yield workers


@contextmanager
def services_of(found: Collection, kept: Path, workers: MediaWorkers) -> Iterator[Services]:
    with (
        Catalog(found.library) as catalog,
        Library(found.library, spaces=lambda name: ColourSpace(), embed_pictures=embed_or_refuse) as library,
        IndexJobs(catalog, AllowedRoots([found.media]), command=(sys.executable, "-c", IDLE)) as jobs,
    ):
        yield Services(
            library,
            catalog,
            ThumbnailStore(kept / "thumbnails", make_renditions_with(workers)),
            PreviewStore(kept / "previews", make_clips_with(workers)),
            jobs,
        )


@pytest.fixture
def services(collection: Collection, tmp_path: Path, workers: MediaWorkers) -> Iterator[Services]:
    """Over a library that is not to be changed."""
    with services_of(collection, tmp_path, workers) as services:
        yield services


@pytest.fixture
def own_services(own_collection: Collection, tmp_path: Path, workers: MediaWorkers) -> Iterator[Services]:
    with services_of(own_collection, tmp_path, workers) as services:
        yield services


@pytest.fixture
def ask(services: Services) -> Ask:
    return asking(build_api(services))


@pytest.fixture
def ask_own(own_services: Services) -> Ask:
    return asking(build_api(own_services))


def asking(app: FastAPI) -> Ask:
    """Ask as over HTTP; what a route fails at is not raised here but answered, as it would be there."""

    def ask(path: str, method: str = "GET", **how: object) -> httpx.Response:
        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
                return await client.request(method, path, **how)  # type: ignore[arg-type]

        return anyio.run(request)

    return ask


def detail_of(response: httpx.Response, status: int) -> str:
    """What a problem says; it has to be one."""
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert set(told) == {"type", "title", "status", "detail"}
    assert (response.status_code, told["status"]) == (status, status)
    assert "Traceback" not in response.text
    return str(told["detail"])
