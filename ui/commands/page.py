"""`vidi ui`: the search page on this machine."""

from __future__ import annotations

import argparse
import os
import sys

__all__ = ["add_arguments", "defaults", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi ui`."""
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="H", help="127.0.0.1, localhost or ::1 (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_port, metavar="P", help="the port to listen at (default: 7860, or the next that is free)"
    )
    parser.add_argument("--no-open", action="store_true", help="don't open a browser")


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
    """Serve until Ctrl-C, which ends it well."""
    # Here, not above: help must not wait for it.
    from retrieval.settings import library_path
    from ui.page.server import DEFAULT_PORT, bind, loopback_address, serve

    bound = bind(loopback_address(arguments.host), arguments.port)
    port = bound.getsockname()[1]
    if arguments.port is None and port != DEFAULT_PORT:
        _say(f"port {DEFAULT_PORT} is taken, using {port}")
    _say("starting the page ...")

    def ready(address: str) -> None:
        print(f"The page is at {address} (Ctrl-C ends it)", flush=True)
        if not arguments.no_open and _on_desktop():
            _open_browser(address)

    with bound:
        try:
            serve(bound, library_path(arguments.library), notice=_say, ready=ready)
        except KeyboardInterrupt:
            _say("the page has ended")
    return 0


def _say(line: str) -> None:
    print(f"vidi: {line}", file=sys.stderr)


def _on_desktop() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_browser(address: str) -> None:
    import webbrowser

    webbrowser.open(address)
