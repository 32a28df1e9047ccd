"""The names by which the server may be asked."""

from __future__ import annotations

import pytest

from retrieval.errors import UsageError
from ui.trust.hosts import Hosts, Name, address_to_bind, is_loopback
from ui.trust.settings import Trust

LOCAL = Hosts("127.0.0.1", 7860)
ALL = Hosts("0.0.0.0", 7860)
ONE = Hosts("192.168.0.7", 7860, [Name("photos.example")])
TLS = Hosts("127.0.0.1", 7860, [Name.parse("https://Photos.example:8443")])


@pytest.fixture(autouse=True)
def _own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Attic")


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1:7860", "[::1]:7860", "LOCALHOST:7860"])
def test_loopback_names_are_always_answered(host: str) -> None:
    assert all(hosts.allow(host) for hosts in (LOCAL, ALL, ONE))


@pytest.mark.parametrize(
    "host",
    ["evil.example:7860", "localhost", "localhost:80", "127.0.0.1.evil.example:7860", "", ":7860", "7860", "[::1"],
)
def test_other_names_are_answered_nowhere(host: str) -> None:
    assert not any(hosts.allow(host) for hosts in (LOCAL, ALL, ONE))


def test_where_all_addresses_are_bound_any_address_is_answered_but_no_name() -> None:
    assert ALL.allow("192.168.0.7:7860")
    assert ALL.allow("[fe80::1]:7860")
    assert not ALL.allow("192.168.0.7:80")
    assert not ALL.allow("192.168.0.7.evil.example:7860")
    assert not LOCAL.allow("192.168.0.7:7860")


def test_one_address_is_answered_and_no_other() -> None:
    assert ONE.allow("192.168.0.7:7860")
    assert not ONE.allow("192.168.0.8:7860")


def test_this_machines_own_name_is_answered_where_others_reach_it() -> None:
    hosts = Hosts("0.0.0.0", 7860)
    assert hosts.allow("attic:7860")
    assert hosts.allow("attic.local:7860")
    assert not Hosts("127.0.0.1", 7860).allow("attic:7860")


def test_further_names_are_answered_as_they_are() -> None:
    assert ONE.allow("photos.example")
    assert not ONE.allow("photos.example:7860")


def test_the_port_may_be_left_out_where_it_is_the_default_one() -> None:
    assert Hosts("127.0.0.1", 80).allow("localhost")
    assert Hosts("0.0.0.0", 80).allow("192.168.0.7")


@pytest.mark.parametrize(
    ("hosts", "origin", "host"),
    [
        (LOCAL, "http://localhost:7860", "localhost:7860"),
        (LOCAL, "http://localhost:7860", "127.0.0.1:7860"),
        (ALL, "http://192.168.0.7:7860", "192.168.0.7:7860"),
        (ONE, "https://photos.example", "photos.example"),
        (TLS, "https://photos.example:8443", "photos.example:8443"),
        (TLS, "http://localhost:7860", "localhost:7860"),
    ],
)
def test_own_origins(hosts: Hosts, origin: str, host: str) -> None:
    assert hosts.allow_origin(origin, host)


@pytest.mark.parametrize(
    ("hosts", "origin", "host"),
    [
        (LOCAL, "http://evil.example", "localhost:7860"),
        (LOCAL, "http://localhost:3000", "localhost:7860"),
        (LOCAL, "https://localhost:7860", "localhost:7860"),
        (LOCAL, "null", "localhost:7860"),
        (LOCAL, "", "localhost:7860"),
        (LOCAL, "localhost:7860", "localhost:7860"),
        (ALL, "http://6.6.6.6:7860", "192.168.0.7:7860"),
        (TLS, "http://photos.example:8443", "photos.example:8443"),
        (TLS, "https://localhost:7860", "photos.example:8443"),
        (ALL, "ftp://192.168.0.7:7860", "192.168.0.7:7860"),
    ],
)
def test_foreign_origins(hosts: Hosts, origin: str, host: str) -> None:
    assert not hosts.allow_origin(origin, host)


def test_a_name_that_is_stated_to_be_reached_by_tls() -> None:
    assert TLS.allow("photos.example:8443")
    assert TLS.is_https("Photos.example:8443")
    assert not TLS.is_https("localhost:7860")
    assert not ONE.is_https("photos.example")


@pytest.mark.parametrize("text", ["", "ftp://a.example", "https://", "a.example/photos", "a b", "https://a@b", "://a"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"is no name of a server; expected photos\.example, photos\.example:8443, or "
    ):
        Name.parse(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("photos.example", Name("photos.example")),
        ("http://photos.example:81", Name("photos.example:81")),
        ("https://photos.example/", Name("photos.example", is_https=True)),
        ("https://[fe80::1]:443", Name("[fe80::1]:443", is_https=True)),
    ],
)
def test_names(text: str, name: Name) -> None:
    assert Name.parse(text) == name


@pytest.mark.parametrize(
    ("name", "is_local"),
    [
        ("localhost:8080", True), ("http://127.0.0.1:9000", True), ("[::1]:80", True), ("[::1]", True),
        ("photos.example", False), ("https://photos.example:8443", False), ("192.168.0.7", False),
        ("localhost.example", False),
    ],
)  # fmt: skip
def test_a_name_of_this_machine_lets_nobody_else_in(name: str, is_local: bool) -> None:
    trust = Trust(names=(Name.parse("localhost"), Name.parse(name)))
    assert Name.parse(name).is_local is is_local
    assert trust.serves_others("127.0.0.1") is not is_local
    assert trust.serves_others("0.0.0.0")


def test_addresses_to_bind() -> None:
    assert [address_to_bind(host) for host in ("localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0")] == [
        "127.0.0.1",
        "127.0.0.1",
        "::1",
        "::1",
        "0.0.0.0",
    ]
    assert [is_loopback(address) for address in ("127.0.0.1", "::1", "0.0.0.0", "::", "192.168.0.7")] == [
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("host", ["example.com", "", "1.2.3", "127.0.0.1:80"])
def test_what_is_no_address(host: str) -> None:
    with pytest.raises(UsageError, match=r"can't be served at .*expected localhost, or an address of this machine"):
        address_to_bind(host)
