"""Fills a library: ``from indexer import index``."""

from indexer.report import Accounts, IndexReport, Progress
from indexer.run import index

__all__ = ["Accounts", "IndexReport", "Progress", "index"]
