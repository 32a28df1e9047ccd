"""What the terminal is told of what went wrong."""

from __future__ import annotations

import logging

import pytest

from ui.page.terminal import told_in_lines

LOG = logging.getLogger("ui.page.some")


def test_a_line_with_its_level_and_nothing_that_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    with told_in_lines():
        LOG.error("answering %s failed", "/a\x1b[2J\nvidi: all is well")
        LOG.warning("full")
        LOG.info("not told")
    assert capsys.readouterr().err == ("vidi: error: answering /a [2J vidi: all is well failed\nvidi: warning: full\n")


def test_no_stack_and_no_endless_line(capsys: pytest.CaptureFixture[str]) -> None:
    with told_in_lines():
        try:
            raise ValueError("x" * 10_000)
        except ValueError as error:
            LOG.error("failed: %s", error, exc_info=True)
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert len(told) < 600


def test_it_ends_with_the_server() -> None:
    before = list(logging.getLogger("ui").handlers)
    with told_in_lines():
        assert logging.getLogger("ui").handlers != before
    assert logging.getLogger("ui").handlers == before
