"""By which names the server may be asked. A name that somebody else has pointed here (DNS rebinding) is none."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address

from retrieval.errors import UsageError

__all__ = ["Hosts", "address_to_bind", "is_loopback"]

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def address_to_bind(host: str) -> str:
    """The address that ``host`` names.

    Raises:
        UsageError: it is no address of a machine.
    """
    try:
        return str(ip_address("127.0.0.1" if host == "localhost" else host.strip("[]")))
    except ValueError:
        raise UsageError(
            f"the page can't be served at {host!r}; expected localhost, or an address of this machine such as "
            "192.168.0.7, or 0.0.0.0 for all that it has"
        ) from None


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches ``address``."""
    return ip_address(address).is_loopback


class Hosts:
    """The values of ``Host`` and of ``Origin`` that are answered."""

    def __init__(self, address: str, port: int, names: Iterable[str] = ()) -> None:
        """``address`` is bound, at ``port``; ``names`` are further ones, as of a proxy, with their port if it has one.

        At an address other than loopback, this machine's own name is one too; where all addresses are bound, so is any
        address: a name alone can be pointed elsewhere.
        """
        self._port = port
        self._is_local = is_loopback(address)
        self._any_address = ip_address(address).is_unspecified
        fixed = {*_LOOPBACK_NAMES} | ({address, f"[{address}]"} if not self._any_address else set())
        if not self._is_local:
            own = socket.gethostname().lower()
            fixed |= {own, f"{own}.local"}
        self._fixed = {name for each in fixed for name in self._with_port(each)}
        self._further = {name.lower() for name in names}

    def allow(self, host: str) -> bool:
        """Whether ``host``, as the header of that name has it, is a name of this server."""
        host = host.lower()
        return host in self._fixed or host in self._further or (self._any_address and self._is_own_address(host))

    def allow_origin(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` is one of this server, which was asked as ``host``, an allowed one."""
        scheme, separator, asked = origin.lower().partition("://")
        if not separator or scheme not in (("http",) if self._is_local and not self._further else _DEFAULT_PORTS):
            return False
        return asked == host.lower() or (asked in self._fixed and host.lower() in self._fixed)

    def _with_port(self, name: str) -> list[str]:
        named = [f"{name}:{self._port}"]
        return [*named, name] if self._port == _DEFAULT_PORTS["http"] else named

    def _is_own_address(self, host: str) -> bool:
        name, colon, port = host.rpartition(":")
        if not colon or port != str(self._port):
            name = host if self._port == _DEFAULT_PORTS["http"] else ""
        try:
            ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True
