"""The package of MCP sets logging up as if it were alone in its process: what vidi tells is heard all the same."""

from __future__ import annotations

import subprocess
import sys

from tests.ui.page.conftest import ROOT

PROGRAM = """
import logging
from types import SimpleNamespace
from ui.api import mcp_tools

mcp_tools.AssetAnswers = lambda catalog, writes: SimpleNamespace(asset=None, path=None)
mcp_tools.open_mcp(SimpleNamespace(catalog=None, library=None, search=None, writes=None), "/mcp")
logging.getLogger("ui.page.guard").error("answering / failed")
print(logging.getLogger().level == logging.WARNING, logging.getLogger().handlers)
"""


def test_what_fails_inside_is_told_in_the_terminal() -> None:
    """In a process of its own: pytest has handlers at the root, and then the package leaves it alone."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.stdout, "answering / failed" in ran.stderr) == ("True []\n", True), ran.stderr
