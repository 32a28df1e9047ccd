"""The routes that serve files: by asset alone, and only what was indexed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from anyio import CapacityLimiter
from starlette.applications import Starlette

from retrieval.errors import BadMediaError
from retrieval.store.catalog import Catalog
from tests.ui.page.conftest import Collection
from ui.page.files import CatalogFiles, content_type_of
from ui.page.media import MediaRoutes
from ui.page.thumbnails import Rendition, ThumbnailStore

Ask = Callable[..., httpx.Response]


def make_nothing(rendition: Rendition) -> bytes:
    if rendition.path.endswith(b".avi"):
        raise BadMediaError("the video is damaged; copy it again")
    return repr((rendition.at_seconds, rendition.size)).encode()


@contextmanager
def asking(collection: Collection, thumbnails: Path) -> Iterator[Ask]:
    with Catalog(collection.library) as catalog:
        store = ThumbnailStore(thumbnails, make_nothing)
        app = Starlette(routes=[*MediaRoutes(CatalogFiles(catalog), store, CapacityLimiter(2)).routes()])

        def ask(path: str, method: str = "GET", **headers: str) -> httpx.Response:
            async def request() -> httpx.Response:
                transport = httpx.ASGITransport(app)
                async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                    named = {name.replace("_", "-"): value for name, value in headers.items()}
                    return await client.request(method, path, headers=named)

            return anyio.run(request)

        yield ask


@pytest.fixture
def ask(collection: Collection, tmp_path: Path) -> Iterator[Ask]:
    with asking(collection, tmp_path) as ask:
        yield ask


@pytest.fixture
def ask_own(own_collection: Collection, tmp_path: Path) -> Iterator[Ask]:
    with asking(own_collection, tmp_path / "thumbnails") as ask:
        yield ask


def media(collection: Collection, name: str) -> tuple[str, bytes]:
    """The route of an asset, and its bytes."""
    return f"/media/{collection.assets[name]}", (collection.media / name).read_bytes()


def test_what_is_kept_waits_for_nothing_that_is_being_made(collection: Collection, tmp_path: Path) -> None:
    route, makers = f"/thumbnail/{collection.assets['rose.png']}", CapacityLimiter(1)

    async def ask_while_others_make(app: Starlette) -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            made = await client.get(route)
            await makers.acquire_on_behalf_of("somebody else")
            with anyio.fail_after(30):
                kept = await client.get(route)
                known = await client.get(route, headers={"If-None-Match": made.headers["etag"]})
            with anyio.move_on_after(0.2) as waited:
                await client.get(route, params={"size": 160})
        assert waited.cancelled_caught
        assert kept.content == made.content
        return [each.status_code for each in (made, kept, known)]

    with Catalog(collection.library) as catalog:
        routes = MediaRoutes(CatalogFiles(catalog), ThumbnailStore(tmp_path, make_nothing), makers)
        assert anyio.run(ask_while_others_make, Starlette(routes=[*routes.routes()])) == [200, 200, 304]


def test_a_file_whole(collection: Collection, ask: Ask) -> None:
    route, content = media(collection, "three.webm")
    response = ask(route)
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["content-type"] == "video/webm"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-length"] == str(len(content))


@pytest.mark.parametrize(
    ("asked", "part"), [("10-19", slice(10, 20)), ("100-", slice(100, None)), ("-7", slice(-7, None))]
)
def test_a_file_in_part(collection: Collection, ask: Ask, asked: str, part: slice) -> None:
    route, content = media(collection, "three.webm")
    response = ask(route, range=f"bytes={asked}")
    assert (response.status_code, response.content) == (206, content[part])
    start = range(len(content))[part].start
    assert response.headers["content-range"] == f"bytes {start}-{start + len(content[part]) - 1}/{len(content)}"


def test_a_range_past_the_end(collection: Collection, ask: Ask) -> None:
    route, content = media(collection, "rose.png")
    response = ask(route, range=f"bytes={len(content)}-")
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(content)}"


def test_head_tells_all_but_sends_nothing(collection: Collection, ask: Ask) -> None:
    route, content = media(collection, "rose.png")
    response = ask(route, "HEAD")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(content))


def test_what_the_browser_has_is_not_sent_again(collection: Collection, ask: Ask) -> None:
    route, content = media(collection, "rose.png")
    tag = ask(route).headers["etag"]
    assert ask(route, if_none_match=tag).status_code == 304
    assert ask(route, if_range=tag, range="bytes=0-3").content == content[:4]
    assert ask(route, if_range='"another"', range="bytes=0-3").content == content


@pytest.mark.parametrize("name", ["rose.png", "leaf.tif", "sea.jpg", "three.avi"])
def test_types_are_told_by_content(collection: Collection, ask: Ask, name: str) -> None:
    expected = {".png": "image/png", ".tif": "image/tiff", ".jpg": "image/jpeg", ".avi": "video/x-msvideo"}
    assert ask(media(collection, name)[0]).headers["content-type"] == expected[Path(name).suffix]


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x18ftypmif1", "image/heic"),
        (b"\0\0\0\x1cftypavis", "image/avif"),
        (b"\0\0\0\x18ftypcrx ", "application/octet-stream"),
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x1cftypM4A ", "audio/mp4"),
    ],
)
def test_boxes_are_told_apart_by_their_brand(head: bytes, content_type: str) -> None:
    assert content_type_of(head) == content_type


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"ID3\x04\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        (b"FORM\0\0\0\x24AIFFCOMM", "audio/aiff"),
    ],
)
def test_sounds_have_types(head: bytes, content_type: str) -> None:
    assert content_type_of(head) == content_type


@pytest.mark.parametrize("head", [b"<html><script>", b"<svg xmlns=", b"%PDF-1.7", b""])
def test_nothing_that_a_browser_would_run_has_a_type(head: bytes) -> None:
    assert content_type_of(head) == "application/octet-stream"


@pytest.mark.parametrize(
    "path",
    [
        "/media/999",
        "/media/-1",
        f"/media/{2**70}",
        "/media/" + "9" * 5000,
        "/thumbnail/" + "9" * 5000,
        "/media/",
        "/media/../../etc/passwd",
        "/media/%2e%2e/%2e%2e/etc/passwd",
        "/media//etc/passwd",
        "/media/1/../../x",
        "/media/1%00",
        "/thumbnail/999",
        f"/thumbnail/{2**70}",
        "/thumbnail/..%2f..%2fetc%2fpasswd",
    ],
)
def test_what_is_no_asset_is_not_found(ask: Ask, path: str) -> None:
    response = ask(path)
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/plain")
    assert "root:" not in response.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_files_can_only_be_read(collection: Collection, ask: Ask, method: str) -> None:
    assert ask(media(collection, "rose.png")[0], method).status_code == 405


def test_a_file_that_is_gone(own_collection: Collection, ask_own: Ask) -> None:
    (own_collection.media / "rose.png").unlink()
    for route in ("media", "thumbnail"):
        response = ask_own(f"/{route}/{own_collection.assets['rose.png']}")
        assert response.status_code == 404
        assert "index its folder again" in response.text


def test_a_copy_takes_the_place_of_a_file_that_is_gone(own_collection: Collection, ask_own: Ask) -> None:
    route, content = media(own_collection, "sea.jpg")
    (own_collection.media / "sea.jpg").unlink()
    assert ask_own(route).content == content


def symlink_to_secret(path: Path) -> None:
    secret = path.with_name("secret.txt")
    secret.write_text("root:")
    path.symlink_to(secret)


@pytest.mark.parametrize(
    "put",
    [
        symlink_to_secret,
        os.mkfifo,
        Path.mkdir,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path),
        lambda path: path.write_bytes(b"other content"),
    ],
    ids=["link to another file", "pipe", "folder", "device", "loop", "other content"],
)
def test_what_was_put_in_a_files_place_is_not_served(
    own_collection: Collection, ask_own: Ask, put: Callable[[Path], object]
) -> None:
    path = own_collection.media / "rose.png"
    path.unlink()
    put(path)
    assert ask_own(media_route(own_collection, "rose.png")).status_code == 404


def media_route(collection: Collection, name: str) -> str:
    return f"/media/{collection.assets[name]}"


def test_a_file_of_another_folder_and_the_library_itself_have_no_route(
    own_collection: Collection, ask_own: Ask
) -> None:
    shutil.copy2(own_collection.media / "rose.png", own_collection.media / "never indexed.png")
    for asset in range(1, 50):
        response = ask_own(f"/media/{asset}")
        assert (response.status_code == 200) == (asset in own_collection.assets.values())


def test_a_missing_file_of_the_catalog_is_not_served(own_collection: Collection, ask_own: Ask) -> None:
    with Catalog(own_collection.library) as catalog, catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE file SET present = 0")
    assert ask_own(media_route(own_collection, "rose.png")).status_code == 404


def test_a_thumbnail_of_a_moment(collection: Collection, ask: Ask) -> None:
    route = f"/thumbnail/{collection.assets['three.webm']}"
    response = ask(f"{route}?at=4.5&size=1600")
    assert (response.status_code, response.text) == (200, "(4.5, 1600)")
    assert response.headers["content-type"] == "image/jpeg"
    assert ask(f"{route}?at=4.5&size=1600", if_none_match=response.headers["etag"]).status_code == 304


def test_a_picture_has_one_time_alone(collection: Collection, ask: Ask) -> None:
    assert ask(f"/thumbnail/{collection.assets['rose.png']}?at=4.5").text == "(None, 480)"


@pytest.mark.parametrize(
    "asked", ["size=481", "size=99999999", "size=x", "at=nan", "at=inf", "at=-1", "at=1e300", "at=x"]
)
def test_a_thumbnail_that_makes_no_sense(collection: Collection, ask: Ask, asked: str) -> None:
    response = ask(f"/thumbnail/{collection.assets['three.webm']}?{asked}")
    assert response.status_code == 400
    assert response.text.startswith("expected size=480 or 160 or 1600")


def test_a_file_that_cant_be_decoded_says_why(collection: Collection, ask: Ask) -> None:
    response = ask(f"/thumbnail/{collection.assets['three.avi']}?at=1")
    assert (response.status_code, response.text) == (404, "the video is damaged; copy it again")
