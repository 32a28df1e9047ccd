"""A library on a server (`vidi ui`), from Python: ``from retrieval import Client``. It loads no model."""

from retrieval.client.client import Client

__all__ = ["Client"]
