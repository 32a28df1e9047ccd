"""By which names the server may be asked. A name that somebody else has pointed here (DNS rebinding) is none."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from retrieval.errors import UsageError

__all__ = ["Hosts", "Name", "address_to_bind", "is_loopback"]

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


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


@dataclass(frozen=True, slots=True)
class Name:
    """A further name of the server, as of a proxy."""

    host: str
    """With its port, if the address shows one."""
    is_https: bool = False
    """Stated by the person who starts the server: whatever is asked by this name came to a proxy by TLS."""

    @property
    def is_local(self) -> bool:
        """Whether it names this machine wherever it is asked for, as behind the port of a tunnel."""
        return re.sub(r":[0-9]+$", "", self.host) in _LOOPBACK_NAMES

    @classmethod
    def parse(cls, text: str) -> Name:
        """``photos.example``, ``photos.example:8443``, or ``https://photos.example``.

        Raises:
            UsageError: it is none of these.
        """
        scheme, separator, host = text.strip().lower().rpartition("://")
        if not _HOST.fullmatch(host.removesuffix("/")) or (separator and scheme not in _DEFAULT_PORTS):
            raise UsageError(
                f"--allow-host {text!r} is no name of a server; expected photos.example, photos.example:8443, or "
                "https://photos.example where a proxy with TLS stands before vidi"
            )
        return cls(host.removesuffix("/"), scheme == "https")


class Hosts:
    """The values of ``Host`` and of ``Origin`` that are answered."""

    def __init__(self, address: str, port: int, names: Iterable[Name] = ()) -> None:
        """``address`` is bound, at ``port``; ``names`` are further ones.

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
        named = list(names)
        self._further = {name.host for name in named}
        self._https = {name.host for name in named if name.is_https}

    def allow(self, host: str) -> bool:
        """Whether ``host``, as the header of that name has it, is a name of this server."""
        host = host.lower()
        return host in self._fixed or host in self._further or (self._any_address and self._is_own_address(host))

    def is_https(self, host: str) -> bool:
        """Whether ``host`` is a name that is reached by TLS alone, as was stated. No header of a request can say so."""
        return host.lower() in self._https

    def allow_origin(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` is one of this server, which was asked as ``host``, an allowed one."""
        scheme, separator, asked = origin.lower().partition("://")
        if self.is_https(host):
            return scheme == "https" and asked == host.lower()
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
