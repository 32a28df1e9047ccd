"""`vidi ui`: the search page, the API and MCP on this machine, or for others too."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ui.trust.access import Access

__all__ = ["add_arguments", "defaults", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi ui`."""
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="H",
        help="the address to serve at: 127.0.0.1 for this machine alone (default), 0.0.0.0 for all addresses that it "
        "has, which needs --password-file or --token-file",
    )
    parser.add_argument(
        "--port", type=_port, metavar="P", help="the port to listen at (default: 7860, or the next that is free)"
    )
    parser.add_argument("--no-open", action="store_true", help="don't open a browser")
    parser.add_argument("--mcp", action="store_true", help="let assistants search, at /mcp (Model Context Protocol)")
    trust = parser.add_argument_group("whom to answer (docs/trust.md)")
    trust.add_argument("--password-file", metavar="FILE", help="have people sign in with a name and password of FILE")
    trust.add_argument(
        "--set-password",
        nargs=2,
        metavar=("USER", "FILE"),
        help="write USER's password, which is asked for, into FILE, and serve nothing",
    )
    trust.add_argument(
        "--token-file", metavar="FILE", help="let programs in with the token in FILE; it is made if it isn't there"
    )
    trust.add_argument(
        "--allow-root",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder that may be indexed from the page and the API, with all below it; may be repeated (default: "
        "those indexed already, and your home unless --host or --allow-host lets others in)",
    )
    trust.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name, as of a proxy, under which the page is asked for, with its port if the address shows "
        "one; https://NAME where the proxy speaks TLS; needs --password-file or --token-file as --host does",
    )


def defaults(arguments: argparse.Namespace) -> argparse.Namespace:
    """``arguments`` of another command, with those of this one where they were not given."""
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    return parser.parse_args([], arguments)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 65535, got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C, which ends it well; or write a password."""
    if arguments.set_password:
        return _set_password(*arguments.set_password)
    # Here, not above: help must not wait for it.
    from retrieval.settings import library_path
    from ui.page.server import DEFAULT_PORT, bind, check_exposed, serve
    from ui.trust.hosts import Name, address_to_bind, is_loopback
    from ui.trust.settings import Trust

    address, names = address_to_bind(arguments.host), tuple(map(Name.parse, arguments.allow_host))
    trust = Trust(_access(arguments), names, _roots(arguments.allow_root), arguments.mcp)
    check_exposed(address, trust)
    if arguments.mcp:
        from ui.api.mcp_package import check_mcp

        check_mcp()
    bound = bind(address, arguments.port)
    port = bound.getsockname()[1]
    if arguments.port is None and port != DEFAULT_PORT:
        _say(f"port {DEFAULT_PORT} is taken, using {port}")
    if not is_loopback(address):
        _say("what is sent is not encrypted: use it in a network that you trust, or behind a proxy with TLS")
    _say("starting the page ...")

    def ready(at: str) -> None:
        print(f"The page is at {at} (Ctrl-C ends it)", flush=True)
        if not arguments.no_open and _on_desktop():
            _open_browser(at)

    with bound:
        try:
            serve(bound, library_path(arguments.library), notice=_say, ready=ready, trust=trust)
        except KeyboardInterrupt:
            _say("the page has ended")
    return 0


def _access(arguments: argparse.Namespace) -> Access:
    from ui.trust.access import Access
    from ui.trust.passwords import Passwords
    from ui.trust.tokens import token_of

    return Access(
        Passwords.read(Path(arguments.password_file)) if arguments.password_file else None,
        token_of(Path(arguments.token_file)) if arguments.token_file else None,
    )


def _roots(named: list[str]) -> tuple[Path, ...]:
    from retrieval.errors import UsageError

    roots = tuple(Path(folder).expanduser().absolute() for folder in named)
    for root in roots:
        if not root.is_dir():
            raise UsageError(f"--allow-root {root} is no folder; give one that is there")
    return roots


def _set_password(user: str, file: str) -> int:
    from ui.trust.passwords import set_password

    set_password(Path(file), user, _asked_password(user))
    print(f"{user} may sign in now where the page is served with --password-file {file}")
    return 0


def _asked_password(user: str) -> str:
    """Typed twice without being shown; where nobody types, the first line that comes."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    from getpass import getpass

    from retrieval.errors import UsageError

    password = getpass(f"Password of {user}: ")
    if getpass("Once more: ") != password:
        raise UsageError("the two differ; run the command again")
    return password


def _say(line: str) -> None:
    print(f"vidi: {line}", file=sys.stderr)


def _on_desktop() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_browser(address: str) -> None:
    import webbrowser

    webbrowser.open(address)
