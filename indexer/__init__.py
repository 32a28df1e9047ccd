"""Fills a library: ``from indexer import index``."""

from indexer.report import IndexReport, Progress
from indexer.run import index

__all__ = ["IndexReport", "Progress", "index"]
