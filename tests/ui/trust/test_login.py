"""Signing in with a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from ui.trust import login
from ui.trust.access import Access
from ui.trust.login import LoginRoutes
from ui.trust.passwords import Passwords, set_password

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Passwords:
    file = tmp_path_factory.mktemp("trust") / "passwords"
    set_password(file, "anna", "correct horse")
    return Passwords.read(file)


def asking(access: Access, is_https: Callable[[str], bool] = lambda host: False) -> Ask:
    app = Starlette(routes=[*LoginRoutes(access, is_https).routes()])

    def ask(path: str = "/login", method: str = "POST", client: str = "10.0.0.1", **how: object) -> httpx.Response:
        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(app, client=(client, 1234))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                return await http.request(method, path, **how)  # type: ignore[arg-type]

        return anyio.run(request)

    return ask


def test_a_name_and_its_password_open_a_session(passwords: Passwords) -> None:
    access = Access(passwords)
    response = asking(access)(data={"user": "anna", "password": "correct horse"})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie, *facts = response.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} < set(facts)
    assert access.sessions.is_open(cookie.removeprefix("vidi_session="))


@pytest.mark.parametrize(
    "data",
    [
        {"user": "anna", "password": "wrong horse"},
        {"user": "eve", "password": "correct horse"},
        {"user": "anna"},
        {"password": "correct horse"},
        {},
        {"token": ""},
    ],
)
def test_anything_else_opens_nothing_and_says_no_more(passwords: Passwords, data: dict[str, str]) -> None:
    response = asking(Access(passwords))(data=data)
    assert response.status_code == 401
    assert "That is not right." in response.text
    assert "set-cookie" not in response.headers


def test_where_there_are_no_passwords_the_token_opens_a_session() -> None:
    ask = asking(Access(token="t" * 40))
    assert 'name="token"' in ask(method="GET").text
    assert 'name="password"' not in ask(method="GET").text
    assert ask(data={"token": "t" * 40}).status_code == 303
    assert [ask(data={"token": each}).status_code for each in ("t" * 39, "", "ü")] == [401, 401, 401]


def test_a_password_is_no_token_and_a_token_no_password(passwords: Passwords) -> None:
    assert asking(Access(passwords, token="t" * 40))(data={"token": "t" * 40}).status_code == 401


def test_attempts_are_limited_by_address(passwords: Passwords) -> None:
    ask = asking(Access(passwords))
    statuses = [ask(data={"user": f"user{number}", "password": "x" * 8}).status_code for number in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    refused = ask(data={"user": "anna", "password": "correct horse"})
    assert refused.status_code == 429
    assert refused.headers["retry-after"] in ("1", "2")
    assert "Too many attempts." in refused.text
    assert ask(data={"user": "anna", "password": "correct horse"}, client="10.0.0.2").status_code == 303


def test_attempts_at_once_are_limited_as_those_in_turn(passwords: Passwords) -> None:
    app = Starlette(routes=[*LoginRoutes(Access(passwords)).routes()])
    statuses: list[int] = []

    async def attempt(http: httpx.AsyncClient) -> None:
        data = {"user": "anna", "password": "wrong horse"}
        statuses.append((await http.post("/login", data=data)).status_code)

    async def attack() -> None:
        transport = httpx.ASGITransport(app, client=("10.0.0.1", 1234))
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
            anyio.create_task_group() as group,
        ):
            for _ in range(30):
                group.start_soon(attempt, http)

    anyio.run(attack)
    assert sorted(statuses) == [401] * 5 + [429] * 25


def test_attempts_are_limited_by_user_from_many_addresses(passwords: Passwords) -> None:
    ask = asking(Access(passwords))
    for number in range(20):
        assert ask(data={"user": "anna", "password": "x" * 8}, client=f"10.0.1.{number}").status_code == 401
    assert ask(data={"user": "anna", "password": "correct horse"}, client="10.0.2.1").status_code == 429


def test_wrong_tokens_from_many_addresses_lock_nobody_out() -> None:
    ask = asking(Access(token="t" * 40))
    for number in range(25):
        assert ask(data={"token": "x"}, client=f"10.0.3.{number}").status_code == 401
    assert ask(data={"token": "t" * 40}, client="10.0.4.1").status_code == 303
    assert [ask(data={"token": "x"}).status_code for _ in range(6)] == [401] * 5 + [429]


def test_signing_out_ends_the_session(passwords: Passwords) -> None:
    access = Access(passwords)
    secret = access.sessions.begin()
    response = asking(access)("/logout", headers={"Cookie": f"vidi_session={secret}"})
    assert (response.status_code, response.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert not access.sessions.is_open(secret)


def test_a_file_in_the_form_is_refused(passwords: Passwords) -> None:
    response = asking(Access(passwords))(files={"user": b"anna"}, data={"password": "correct horse"})
    assert response.status_code == 400


def test_whoever_sends_slowly_is_let_go(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_SECONDS_TO_SEND", 0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"user=anna&pass"
        await anyio.sleep(60)

    headers = {"Content-Length": "40", "Content-Type": "application/x-www-form-urlencoded"}
    response = asking(Access(passwords))(content=slowly(), headers=headers)
    assert (response.status_code, response.headers["connection"]) == (408, "close")


@pytest.mark.parametrize(("host", "is_secure"), [("photos.example", True), ("localhost", False)])
def test_the_cookie_goes_by_tls_alone_where_that_was_stated(host: str, is_secure: bool) -> None:
    ask = asking(Access(token="t" * 40), lambda host: host == "photos.example")
    told = {"Host": host, "X-Forwarded-Proto": "https"}
    signed_in = ask(data={"token": "t" * 40}, headers=told).headers["set-cookie"]
    signed_out = ask("/logout", headers=told).headers["set-cookie"]
    assert [cookie.endswith("; Secure") for cookie in (signed_in, signed_out)] == [is_secure] * 2
