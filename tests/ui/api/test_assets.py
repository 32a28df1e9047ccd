"""Assets over HTTP: by number alone, and only what the catalog knows."""

from __future__ import annotations

import io
import os
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

import anyio
import av
import pytest
from PIL import Image
from pydantic import TypeAdapter

from retrieval.client.answers import Asset, Segment, Tag
from retrieval.store.catalog import Catalog
from tests.ui.api.conftest import Ask, detail_of
from tests.ui.page.conftest import Collection
from ui.api.app import build_api
from ui.api.services import Services


def test_what_is_known(ask: Ask, collection: Collection) -> None:
    told = ask(f"/assets/{collection.assets['sea.jpg']}").json()
    assert set(told) == {field.name for field in fields(Asset)}
    asset = TypeAdapter(Asset).validate_python(told)
    assert (asset.kind, len(asset.content_hash)) == ("picture", 64)
    assert [Path(file.path).name for file in asset.files] == ["sea.jpg", "sea again.jpg"]
    assert all(file.present and file.size_bytes for file in asset.files)


def test_segments(ask: Ask, collection: Collection) -> None:
    number = collection.assets["three.webm"]
    segments = TypeAdapter(list[Segment]).validate_python(ask(f"/assets/{number}/segments").json())
    assert [(each.start_seconds, each.end_seconds) for each in segments] == [(0, 4), (4, 8), (8, 12)]
    assert ask(f"/assets/{number}/segments?top=1&offset=1").json()[0]["start_seconds"] == 4
    assert ask(f"/segments/{segments[1].id}").json()["asset_id"] == number
    picture = ask(f"/assets/{collection.assets['rose.png']}/segments").json()
    assert [(each["start_seconds"], each["time_seconds"]) for each in picture] == [(None, None)]


@pytest.mark.parametrize("route", ["", "/segments", "/file", "/thumbnail", "/preview", "/texts", "/tags"])
def test_what_is_no_asset(ask: Ask, route: str) -> None:
    said = detail_of(ask(f"/assets/999{route}"), 404)
    assert said == "there is no asset 999; a search gives the numbers that there are"


@pytest.mark.parametrize(
    "path",
    ["/assets/0", "/assets/-1", f"/assets/{2**63}", "/assets/x", "/assets/1%00", "/assets/1.5/file", "/segments/x"],
)
def test_what_is_no_number(ask: Ask, path: str) -> None:
    assert ask(path).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2f..%2f..%2fetc%2fpasswd/file",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets//etc/passwd",
        "/assets/1/file/../../../etc/passwd",
        "/assets/1/file/..%2f..%2fetc%2fpasswd",
    ],
)
def test_paths_lead_nowhere(ask: Ask, path: str) -> None:
    response = ask(path)
    assert response.status_code in (404, 422)
    assert "root:" not in response.text


def test_a_file_whole_in_part_and_by_its_head(ask: Ask, collection: Collection) -> None:
    route = f"/assets/{collection.assets['three.webm']}/file"
    content = (collection.media / "three.webm").read_bytes()
    assert ask(route).content == content
    part = ask(route, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    head = ask(route, "HEAD")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(content)))
    past = ask(route, headers={"Range": f"bytes={len(content)}-"})
    assert detail_of(past, 416) == "the range lies outside of the file"
    assert past.headers["content-range"] == f"bytes */{len(content)}"


def test_what_was_put_in_a_files_place_is_not_served(ask_own: Ask, own_collection: Collection) -> None:
    path = own_collection.media / "rose.png"
    secret = own_collection.media / "secret"
    secret.write_bytes(b"root:")
    path.unlink()
    path.symlink_to(secret)
    for route in ("file", "thumbnail"):
        said = detail_of(ask_own(f"/assets/{own_collection.assets['rose.png']}/{route}"), 404)
        assert said == "this file is not where it was when it was indexed; index its folder again"


def test_a_thumbnail(ask: Ask, collection: Collection) -> None:
    response = ask(f"/assets/{collection.assets['three.webm']}/thumbnail?at=5&size=480")
    with Image.open(io.BytesIO(response.content)) as picture:
        red, green, _ = picture.resize((1, 1)).getpixel((0, 0))
    assert green > red
    tag = response.headers["etag"]
    again = ask(f"/assets/{collection.assets['three.webm']}/thumbnail?at=5", headers={"If-None-Match": tag})
    assert again.status_code == 304
    assert "size: Input should be 480, 160 or 1600" in detail_of(ask("/assets/1/thumbnail?size=7"), 422)


@pytest.mark.parametrize("asked", ["at=nan", "at=inf", "at=-1", "at=1e300", "at=x", "size=99999999"])
def test_thumbnails_that_make_no_sense(ask: Ask, asked: str) -> None:
    detail_of(ask(f"/assets/1/thumbnail?{asked}"), 422)


# ---------------------------------------------------------------------------------------------------------- previews


@pytest.mark.parametrize("name", ["three.avi", "three.webm"])
def test_a_preview_is_what_every_browser_plays(ask: Ask, collection: Collection, name: str) -> None:
    route = f"/assets/{collection.assets[name]}/preview?start=4&seconds=2"
    response = ask(route)
    assert (response.status_code, response.headers["content-type"]) == (200, "video/mp4")
    with av.open(io.BytesIO(response.content)) as clip:
        frames = [frame.to_ndarray(format="rgb24").mean(axis=(0, 1)) for frame in clip.decode(video=0)]
        assert clip.streams.video[0].codec.name == "h264"
    assert len(frames) == 20
    assert all(green > red for red, green, _ in frames)
    part = ask(route, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


def test_a_preview_is_made_once(ask: Ask, services: Services, collection: Collection, tmp_path: Path) -> None:
    route = f"/assets/{collection.assets['three.webm']}/preview?seconds=1"
    ask(route)
    (kept,) = tmp_path.glob("previews/??/*.mp4")
    kept.write_bytes(b"kept")
    assert ask(route).content == b"kept"


def test_a_preview_that_nobody_waits_for_is_not_made(
    services: Services, collection: Collection, tmp_path: Path
) -> None:
    path = f"/assets/{collection.assets['three.webm']}/preview"
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"seconds=1",
        "headers": [], "http_version": "1.1", "scheme": "http", "root_path": "",
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    anyio.run(build_api(services), scope, receive, send)
    assert sent[0]["status"] == 499
    assert not list(tmp_path.glob("previews/??/*.mp4"))


@pytest.mark.parametrize("start", [12, 12.5, 100_000])
def test_no_clip_is_made_of_what_comes_after_the_end(
    ask: Ask, collection: Collection, tmp_path: Path, start: float
) -> None:
    said = detail_of(ask(f"/assets/{collection.assets['three.webm']}/preview?start={start}"), 400)
    assert said == f"{start:g} s is no moment of it; expected less than 12 s, where it ends"
    assert not list(tmp_path.glob("previews/??/*.mp4"))


def test_a_disk_that_is_full_costs_no_preview(ask: Ask, collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "previews").write_bytes(b"no folder can be made here")
    response = ask(f"/assets/{collection.assets['three.webm']}/preview?seconds=1")
    assert response.content[4:8] == b"ftyp"


def test_a_picture_has_no_preview(ask: Ask, collection: Collection) -> None:
    said = detail_of(ask(f"/assets/{collection.assets['rose.png']}/preview"), 400)
    assert said == "a picture has no preview clip; expected a video"


@pytest.mark.parametrize("asked", ["seconds=0", "seconds=61", "seconds=1.5", "start=-1", "start=nan", "start=1e9"])
def test_previews_that_make_no_sense(ask: Ask, asked: str) -> None:
    detail_of(ask(f"/assets/1/preview?{asked}"), 422)


# -------------------------------------------------------------------------------------------------------------- tags


def test_tags_by_hand(ask_own: Ask, own_collection: Collection) -> None:
    route = f"/assets/{own_collection.assets['sea.jpg']}/tags"
    assert ask_own(route).json() == []
    told = ask_own(route, "PATCH", json={"add": ["Holiday", "sea"]}).json()
    tags = TypeAdapter(list[Tag]).validate_python(told)
    assert [(tag.label, tag.score, tag.source) for tag in tags] == [("Holiday", 1, "people"), ("sea", 1, "people")]
    assert [tag["label"] for tag in ask_own(route, "PATCH", json={"remove": ["holiday"]}).json()] == ["sea"]
    assert [hit["asset_id"] for hit in ask_own("/search?q=tag:sea").json()["hits"]] == [
        own_collection.assets["sea.jpg"]
    ]


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"add": [" "]}, 400, "the label is empty; give a name such as dog"),
        ({"add": ["Sea"], "remove": ["sea"]}, 400, "'sea' is both to be added and to be removed; choose one"),
        ({"add": ["x" * 100_000]}, 400, "a label of 100,000 letters is too long; expected at most 200"),
        ({"add": "sea"}, 422, "add: Input should be a valid list"),
        ({"add": ["x"] * 101}, 422, "add: List should have at most 100 items after validation, not 101"),
    ],
)
def test_tags_that_cant_be(ask_own: Ask, sent: object, status: int, said: str) -> None:
    assert detail_of(ask_own("/assets/1/tags", "PATCH", json=sent), status) == said


WRITTEN: list[tuple[str, str, dict[str, Any]]] = [
    ("/assets/1/tags", "PATCH", {"json": {"add": ["sea"]}}),
    ("/saved", "POST", {"json": {"name": "red", "q": "red"}}),
    ("/saved", "DELETE", {"params": {"name": "red"}}),
    ("/space", "PUT", {"json": {"name": "starter"}}),
]
"""What is written in passing, while the page is served."""


@pytest.mark.parametrize(("path", "method", "how"), WRITTEN, ids=lambda each: str(each).partition("?")[0])
def test_what_is_written_while_another_process_writes(
    ask_own: Ask, own_collection: Collection, path: str, method: str, how: dict[str, Any]
) -> None:
    ask_own("/saved", "POST", json={"name": "red", "q": "red"})
    with Catalog(own_collection.library) as other, other.lock():
        said = detail_of(ask_own(path, method, **how), 409)
    told = "this library is being indexed, or written to by another vidi; try again when that is done or stopped"
    assert said == told


@pytest.mark.parametrize(("path", "method", "how"), WRITTEN, ids=lambda each: str(each).partition("?")[0])
def test_two_who_write_at_once_wait_for_one_another(
    ask_own: Ask, own_services: Services, path: str, method: str, how: dict[str, Any]
) -> None:
    ask_own("/saved", "POST", json={"name": "red", "q": "red"})
    statuses: list[int] = []
    second = threading.Thread(target=lambda: statuses.append(ask_own(path, method, **how).status_code))
    with own_services.writes.turn(), own_services.catalog.lock():
        second.start()
        second.join(0.3)
        assert not statuses
    second.join()
    assert statuses[0] < 300


# ------------------------------------------------------------------------------------------------------- the library


def test_status_and_models(ask: Ask, collection: Collection) -> None:
    told = ask("/status").json()
    assert told["library"] == os.fspath(collection.library)
    assert told["assets"] == {"picture": 4, "video": 2, "sound": 0}
    assert "starter" in [card["name"] for card in ask("/models").json()]


def test_failures_of_the_status_are_bounded(ask: Ask) -> None:
    assert ask("/status?failures=0").json()["failures"] == []
    detail_of(ask("/status?failures=-1"), 422)


def test_the_space_that_a_search_takes(ask_own: Ask) -> None:
    assert ask_own("/space", "PUT", json={"name": "starter"}).json() == {"name": "starter"}
    said = detail_of(ask_own("/space", "PUT", json={"name": "open_clip/x/y"}), 400)
    assert said == "nothing is indexed in a space 'open_clip/x/y'; expected one of: starter"
