"""The library for assistants, by the Model Context Protocol: three tools, all of which only read."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from importlib.metadata import version
from typing import Annotated, Any, Literal

from anyio import to_thread
from pydantic import Field, ValidationError
from starlette.routing import BaseRoute

from retrieval.errors import VidiError
from retrieval.search.results import SearchResult
from ui.api.assets import NUMBER_MOST, AssetAnswers
from ui.api.mcp_package import check_mcp
from ui.api.problems import wrong_arguments
from ui.api.search import answer_json
from ui.api.services import Services

__all__ = ["McpServer", "open_mcp"]

_log = logging.getLogger(__name__)
_TOP_MOST = 100
Top = Annotated[int, Field(ge=1, le=_TOP_MOST, description="At most so many")]
_INSTRUCTIONS = (
    "Searches a person's own pictures, videos and sounds on this machine. Times are seconds from the start. "
    "A score is the calibrated chance, 0 to 1, that a hit fits; `fits` false means that nothing does."
)


@dataclass(frozen=True, slots=True)
class McpServer:
    """What a server mounts: the route, and what has to run as long as it serves."""

    routes: list[BaseRoute]
    run: Callable[[], AbstractAsyncContextManager[None]]


def open_mcp(services: Services, path: str) -> McpServer:
    """The tools, by streamable HTTP at ``path``, without sessions.

    Raises:
        MissingExtraError: the package isn't installed.
    """
    check_mcp()
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.server.transport_security import TransportSecuritySettings
    from mcp_types import ToolAnnotations

    class PlainServer(MCPServer):  # type: ignore[misc]  # an optional package, of which mypy knows no types
        """One that tells in a plain line which argument is wrong, not as pydantic does."""

        async def call_tool(self, *arguments: Any, **named: Any) -> Any:
            try:
                return await super().call_tool(*arguments, **named)
            except ToolError as error:
                if isinstance(error.__cause__, ValidationError):
                    raise ToolError(wrong_arguments(error.__cause__.errors())) from error
                raise

    with _logging_kept():
        server = PlainServer("vidi", version=version("vidi"), instructions=_INSTRUCTIONS)
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # it tells with a stack trace what is told here in a line
    reads = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
    for tool in _tools(services):
        server.add_tool(tool, annotations=reads)
    app = server.streamable_http_app(
        streamable_http_path=path,
        json_response=True,
        stateless_http=True,
        # The guard has looked at Host and Origin before; here they would have to be listed again.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return McpServer(list(app.routes), server.session_manager.run)


@contextmanager
def _logging_kept() -> Iterator[None]:
    """What is done meanwhile to the logger above all others is undone: the package sets it up as if it were alone."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def _tools(services: Services) -> list[Callable[..., Any]]:
    assets = AssetAnswers(services.catalog, services.writes)

    async def ask(query: str, **how: Any) -> SearchResult:
        return await services.search(partial(services.library.search, query, **how))

    async def search_media(
        query: Annotated[
            str, Field(description="What to find, in plain words, with fields such as kind:video tag:dog")
        ],
        kind: Annotated[Literal["picture", "video", "sound"] | None, Field(description="Only this kind")] = None,
        top: Top = 10,
        anyway: Annotated[bool, Field(description="Give the nearest even if nothing fits")] = False,
    ) -> dict[str, Any]:
        """Find pictures, videos and sounds by what is seen, said or heard in them, or by what people wrote of them."""
        return answer_json(await ask(query, kind=kind, top=top, anyway=anyway))

    async def describe_asset(
        asset_id: Annotated[int, Field(ge=1, le=NUMBER_MOST, description="`asset_id` of a hit")],
    ) -> dict[str, Any]:
        """All that the library knows of one picture, video or sound: its files, facts, tags and captions."""
        return await to_thread.run_sync(assets.asset, asset_id)

    async def find_moments(
        query: Annotated[str, Field(description="What happens, in plain words")],
        asset_id: Annotated[
            Annotated[int, Field(ge=1, le=NUMBER_MOST)] | None,
            Field(description="Only in this video: `asset_id` of a hit"),
        ] = None,
        top: Top = 10,
    ) -> list[dict[str, Any]]:
        """Find the seconds of videos at which something is seen, best first."""
        under = None if asset_id is None else await to_thread.run_sync(assets.path, asset_id)
        found = await ask(query, kind="video", under=under, top=top, anyway=asset_id is not None)
        moments = [
            {"asset_id": hit["asset_id"], "path": hit["path"]} | moment
            for hit in answer_json(found)["hits"]
            for moment in hit["moments"]
        ]
        return sorted(moments, key=lambda moment: -moment["score"])[:top]

    return [_told(tool) for tool in (search_media, describe_asset, find_moments)]


def _told(tool: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """What can't be answered is told to the assistant in our words; of anything else it hears nothing."""
    from mcp.server.mcpserver.exceptions import ToolError

    @wraps(tool)
    async def answer(*arguments: Any, **named: Any) -> Any:
        try:
            return await tool(*arguments, **named)
        except VidiError as error:
            raise ToolError(str(error)) from error
        except Exception as error:
            _log.error("the tool %s failed: %s: %s", tool.__name__, type(error).__name__, error)
            raise

    return answer
