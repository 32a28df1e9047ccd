"""Errors as problem details (RFC 9457): one plain line for whoever asked, never a stack trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from retrieval.client.answers import Problem
from retrieval.errors import (
    AccessError,
    LibraryBusyError,
    LibraryError,
    MediaError,
    NotFoundError,
    QueryError,
    TransientMediaError,
    UnknownSpaceError,
    UsageError,
    VidiError,
)

__all__ = ["PROBLEMS", "PROBLEM_TYPE", "add_problem_handlers", "problem", "wrong_arguments"]

PROBLEM_TYPE = "application/problem+json"
_ERRORS_TOLD = 5
PROBLEMS: dict[int | str, dict[str, object]] = {
    "default": {
        "description": "Why it was refused (RFC 9457)",
        "model": Problem,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""For the OpenAPI of every route."""
_STATUSES: tuple[tuple[type[VidiError], int], ...] = (
    (AccessError, 403),
    (NotFoundError, 404),
    (LibraryBusyError, 409),
    (LibraryError, 409),
    (UnknownSpaceError, 400),
    (QueryError, 400),
    (UsageError, 400),
    (TransientMediaError, 404),
    (MediaError, 422),
    (VidiError, 409),
)
"""The first that fits. What the state of the library or of this machine doesn't allow is a conflict."""


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A response that says ``detail``."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(content, status, headers, PROBLEM_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Whatever a route raises is told as a problem."""
    app.add_exception_handler(VidiError, _expected)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


def wrong_arguments(errors: Iterable[Mapping[str, Any]]) -> str:
    """pydantic's ``errors`` in a line: where, and what was expected. Of many the first."""
    return "; ".join([f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors][:_ERRORS_TOLD])


async def _expected(_request: Request, error: Exception) -> Response:
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    return problem(status, str(error))


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), error.headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [{**each, "loc": each["loc"][1:] or each["loc"]} for each in error.errors()]  # without "query" or "body"
    return problem(422, wrong_arguments(found))


async def _unexpected(_request: Request, _error: Exception) -> Response:
    """The guard tells the terminal what it was."""
    return problem(500, "something went wrong; the terminal in which vidi runs says more")
