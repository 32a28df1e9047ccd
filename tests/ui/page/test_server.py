"""The page as it runs: a process of its own, asked as a browser and as Gradio's client would."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
import uvicorn
from gradio_client import Client, handle_file
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from retrieval.errors import UsageError, VidiError
from retrieval.store.catalog import Catalog
from tests.ui.page.conftest import Collection, running
from ui.command_line import main
from ui.page.application import _roots
from ui.page.server import UVICORN_SETTINGS, address_of, bind, serve
from ui.trust.hosts import Name
from ui.trust.settings import Trust


@pytest.fixture(scope="session")
def client(page: str) -> Iterator[Client]:
    client = Client(page, verbose=False, analytics_enabled=False)
    yield client
    client.close()


def ask(client: Client, text: str, files: Sequence[Path] = ()) -> tuple[str, str]:
    """The line and the gallery."""
    line, _, gallery = client.predict({"text": text, "files": list(map(handle_file, files))}, api_name="/search")
    return line, gallery


def test_a_word_finds_pictures_and_moments(client: Client) -> None:
    line, gallery = ask(client, "something red")
    assert "4 results, best first" in line
    assert [name in gallery for name in ("rose.png", "three.webm", "leaf.tif")] == [True, True, False]
    assert "0:00–0:04" in gallery


def test_the_moment_is_the_one_that_fits(client: Client, collection: Collection) -> None:
    _, gallery = ask(client, "blue kind:video")
    assert "0:08–0:12" in gallery
    assert f"/thumbnail/{collection.assets['three.webm']}?at=8.000&amp;size=480" in gallery
    assert "sea.jpg" not in gallery


def test_a_copy_is_one_result(client: Client) -> None:
    _, gallery = ask(client, "blue kind:picture")
    assert gallery.count("vidi-card") == 1
    assert "sea again.jpg" in gallery


def test_names_are_escaped(client: Client) -> None:
    _, gallery = ask(client, "red kind:picture")
    assert "<b>" not in gallery
    assert "&lt;b&gt;&amp;" in gallery


def test_a_picture_is_a_query_too(client: Client, collection: Collection) -> None:
    _, gallery = ask(client, "kind:picture", [collection.media / "sea.jpg"])
    assert "sea again.jpg" in gallery
    assert "rose.png" not in gallery


def test_nothing_fits_is_said_and_the_nearest_offered(client: Client) -> None:
    _, gallery = ask(client, "a <i>zebra</i>")
    assert "Nothing fits well." in gallery
    assert "“a &lt;i&gt;zebra&lt;/i&gt;”" in gallery
    assert "vidi-card" not in gallery


def test_an_empty_query_is_no_error(client: Client) -> None:
    _, gallery = ask(client, "   ")
    assert "Describe a picture" in gallery


def test_a_very_long_query_is_answered_in_few_words(client: Client) -> None:
    _, gallery = ask(client, "word " * 10_000)
    assert len(gallery) < 1000


def test_what_the_query_says_is_text_wherever_it_is_shown(client: Client) -> None:
    line, _ = ask(client, "red folder:<i>x</i>")
    assert "<i>" not in line
    assert "&lt;i&gt;" in line


def test_the_page_serves_its_own_files_and_a_video_in_ranges(page: str, collection: Collection) -> None:
    for path in ("page/page.js", "page/viewer.js", "page/page.css", "page/time.css", "theme.css"):
        assert httpx.get(page + path).status_code == 200
    whole = (collection.media / "three.webm").read_bytes()
    part = httpx.get(f"{page}media/{collection.assets['three.webm']}", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    thumbnail = httpx.get(f"{page}thumbnail/{collection.assets['three.webm']}?at=5", timeout=30)
    assert thumbnail.content.startswith(b"\xff\xd8\xff")


def test_no_font_or_script_comes_from_elsewhere(page: str) -> None:
    html = httpx.get(page).text
    for host in ("fonts.googleapis.com", "fonts.gstatic.com", "cdnjs", "jsdelivr", "unpkg"):
        assert host not in html


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        "gradio_api/file={media}/rose.png",
        "gradio_api/file={library}/catalog.sqlite",
        "gradio_api/file=pyproject.toml",
        "gradio_api/file=https://example.com/",
        "gradio_api/proxy=https://example.com/",
        "static/../../../../../../etc/passwd",
        "static/%2e%2e/%2e%2e/%2e%2e/app.py",
        "assets/..%2f..%2fgradio.js",
        "page/server.py",
        "page/../server.py",
        "media/..%2f..%2f..%2fetc%2fpasswd",
        "docs",
        "openapi.json",
    ],
)
def test_nothing_else_is_served(page: str, collection: Collection, path: str) -> None:
    path = path.format(media=collection.media, library=collection.library)
    response = httpx.get(page + path)
    assert response.status_code in (403, 404)
    assert "Traceback" not in response.text


def test_another_host_is_refused(page: str) -> None:
    response = httpx.get(page, headers={"Host": "pictures.example"})
    assert (response.status_code, response.text) == (403, "this page answers to its own names and port alone")


@pytest.mark.parametrize("named", ["{media}/rose.png", "/etc/passwd", "pyproject.toml", "https://example.com/a.png"])
@pytest.mark.parametrize("into", ["query", "likes"])
def test_a_forged_call_may_not_name_a_file(page: str, collection: Collection, named: str, into: str) -> None:
    """Gradio's client uploads a file; a forged call would have Gradio copy it into the folder that it serves."""
    forged = {"path": named.format(media=collection.media), "meta": {"_type": "gradio.FileData"}}
    data = [{"text": "", "files": [forged]}, ""] if into == "query" else [{"text": "red", "files": []}, forged]
    event = httpx.post(f"{page}gradio_api/call/search", json={"data": data}).json()["event_id"]
    answered = httpx.get(f"{page}gradio_api/call/search/{event}").text
    assert "event: error" in answered
    assert "passwd" not in answered


MALFORMED: list[tuple[str, object]] = [
    ("gradio_api/call/search", {"data": [1]}),
    ("gradio_api/call/search", {"data": []}),
    ("gradio_api/call/search", {"data": [{"text": 5, "files": "x"}, {}]}),
    ("gradio_api/call/search", {"data": [{"text": ["\x1b[2J\n"], "files": None}, None]}),
    ("gradio_api/run/search", {"data": [1]}),
    ("gradio_api/run/search", {"data": [{"files": [{"path": 7}]}, ""]}),
    ("gradio_api/run/no_such", {"data": []}),
    ("gradio_api/queue/join", {"data": [1], "fn_index": 10**9, "session_hash": "a"}),
    ("gradio_api/queue/join", [1]),
    ("gradio_api/upload", {"files": "none"}),
]
"""Calls that no page of ours makes."""


def test_malformed_calls_of_gradio_are_a_line_each_in_the_terminal(collection: Collection) -> None:
    with running(["-m", "tests.ui.page.serve_colours", str(collection.library), "0"]) as (process, address):
        for path, content in MALFORMED:
            response = httpx.post(address + path, json=content, timeout=30)
            told = response.text
            if "event_id" in told and "/call/" in path:
                told = httpx.get(f"{address}{path}/{response.json()['event_id']}", timeout=30).text
            assert "Traceback" not in told
            assert "site-packages" not in told
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert "Traceback" not in said
    assert 'File "' not in said
    told_of_library = "the vector index of"
    assert all(line.startswith(("vidi: error: ", told_of_library)) for line in said.splitlines())
    assert "a call of the page failed: ValueError: " in said


def test_thumbnails_are_kept_in_the_library(page: str, collection: Collection) -> None:
    httpx.get(f"{page}thumbnail/{collection.assets['leaf.tif']}", timeout=30).raise_for_status()
    kept = list((collection.library / "thumbnails").glob("*/*-480.jpg"))
    assert kept
    assert all(path.stat().st_mode & 0o077 == 0 for path in (collection.library,))


def test_a_page_without_a_library_from_its_start_to_ctrl_c(tmp_path: Path) -> None:
    folder, temporary = tmp_path / "library", tmp_path / "temporary"
    temporary.mkdir()
    command = ["-m", "ui.command_line", "--library", str(folder), "ui", "--no-open"]
    with running(command, TMPDIR=str(temporary)) as (process, address):
        client = Client(address, verbose=False, analytics_enabled=False)
        _, gallery = ask(client, "red")
        client.close()
        assert "Nothing is indexed yet." in gallery
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0
    assert said.startswith("vidi: ")
    assert "starting the page" in said
    assert "Traceback" not in said
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "::"])
def test_others_are_let_in_only_with_a_password_or_a_token(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", "--host", host, "--no-open"]) == 2
    assert "expected --password-file FILE (made by `vidi ui --set-password USER FILE`)" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["photos.example", "https://photos.example"])
def test_so_are_those_who_come_through_a_proxy(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", "--allow-host", "localhost:8080", "--allow-host", name, "--no-open"]) == 2
    told = capsys.readouterr().err
    assert "as photos.example other machines reach the page, expected --password-file FILE" in told
    assert "or leave out --allow-host to serve this machine alone" in told


def test_the_server_itself_refuses_to_be_open_to_others(tmp_path: Path) -> None:
    with (
        bind("0.0.0.0", None) as bound,
        pytest.raises(UsageError, match=r"at 0\.0\.0\.0 other machines reach the page"),
    ):
        serve(bound, tmp_path / "library", notice=print, ready=print)
    assert not (tmp_path / "library").exists()


@pytest.mark.parametrize(
    ("address", "name", "allowed"),
    [
        ("127.0.0.1", "localhost:8080", True),
        ("127.0.0.1", "photos.example", False),
        ("0.0.0.0", "localhost:8080", False),
    ],
)
def test_a_home_may_be_indexed_where_this_machine_alone_is_served(
    own_collection: Collection, address: str, name: str, allowed: bool
) -> None:
    with Catalog(own_collection.library) as catalog:
        roots = _roots(catalog, Trust(names=(Name.parse(name),)), address)
    assert (str(Path.home()) in str(roots)) is allowed


def test_a_root_that_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", "--no-open", "--allow-root", str(tmp_path / "not there")]) == 2
    assert "is no folder; give one that is there" in capsys.readouterr().err


def test_mcp_without_its_package(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("ui.api.mcp_package.find_spec", lambda name: None)
    assert main(["ui", "--no-open", "--mcp"]) == 1
    assert capsys.readouterr().err == "vidi: --mcp needs the package mcp; install it with: pip install 'vidi[mcp]'\n"


def test_answers_are_not_held_back() -> None:
    with bind("127.0.0.1", None) as bound:
        assert bound.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken() -> None:
    with bind("127.0.0.1", None) as first, bind("127.0.0.1", None) as second:
        taken = first.getsockname()[1]
        assert second.getsockname()[1] > taken
        with pytest.raises(
            VidiError, match=rf"port {taken} of 127\.0\.0\.1 can't be used .*choose another with --port"
        ):
            bind("127.0.0.1", taken)


def test_nobody_writes_an_address_of_their_own() -> None:
    async def tell_address(request: Request) -> Response:
        return PlainTextResponse(request.client.host if request.client else "")

    app = Starlette(routes=[Route("/", tell_address)])
    server = uvicorn.Server(uvicorn.Config(app, **UVICORN_SETTINGS))
    with bind("127.0.0.1", None) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        told = httpx.get(address_of(bound), headers={"X-Forwarded-For": "10.1.2.3"}, timeout=30)
        server.should_exit = True
        thread.join(30)
    assert told.text == "127.0.0.1"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x"])
def test_a_port_that_there_is_not(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["ui", f"--port={port}"])
    assert "from 1 to 65535" in capsys.readouterr().err
