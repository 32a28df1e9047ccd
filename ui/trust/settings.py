"""What a person chose of whom to answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ui.trust.access import Access
from ui.trust.hosts import Name, is_loopback

__all__ = ["Trust"]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to answer, and with what."""

    access: Access = field(default_factory=Access)
    names: tuple[Name, ...] = ()
    roots: tuple[Path, ...] = ()
    """Folders that may be indexed; none: those that are indexed already and, where this machine alone is served, the
    user's home."""
    mcp: bool = False
    """Whether assistants may search."""

    def serves_others(self, address: str) -> bool:
        """Whether a server at ``address`` is reached from elsewhere: there, or through the proxy that a name is of."""
        return not is_loopback(address) or not all(name.is_local for name in self.names)
