"""The space that is meant where none is named: the same for a search, an index run, the page, tags and `vidi why`."""

from __future__ import annotations

from retrieval.spaces.registry import DEFAULT_SPACE
from retrieval.store.catalog import Catalog
from retrieval.store.lookup import Lookup
from retrieval.store.results import WINDOW_SPACES

__all__ = ["default_space"]


def default_space(catalog: Catalog) -> str:
    """The one that was chosen for the library, else the starter; or the newest there is, where all is in others.

    Were an index run to take the starter for a library that is all in another space, searches would turn to the little
    that it adds.
    """
    if (chosen := catalog.default_space) is not None:
        return chosen
    names = [space.name for space in Lookup(catalog).spaces() if not space.name.startswith(WINDOW_SPACES)]
    return names[0] if names and DEFAULT_SPACE not in names else DEFAULT_SPACE
