"""What a tagging run did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

from retrieval.store.tag_work import AssetTags

__all__ = ["TagProgress", "TagReport", "TaggerReport"]

TagProgress = Callable[[int, int], None]
"""Told how many assets of how many are done."""


@dataclass(slots=True)
class TaggerReport:
    """What one tagger did: ``assets`` seen now, ``tags`` given to them, and the seconds from reading to commit."""

    name: str
    version: str
    assets: int = 0
    tagged: int = 0
    """Assets that have a tag of it; of the others it says nothing."""
    tags: int = 0
    failed: int = 0
    """Assets whose files could not be looked at, by a tagger that reads pixels; the next run tries them again."""
    lacking: int = 0
    """Assets that it can't see: indexing kept nothing of the kind that it looks at."""
    elapsed_seconds: float = 0.0

    @property
    def assets_per_second(self) -> float:
        """Features read, tags committed."""
        return self.assets / self.elapsed_seconds if self.elapsed_seconds > 0 else 0.0

    def count(self, results: Sequence[AssetTags], elapsed_seconds: float) -> None:
        """These were committed, so long after the tagger began."""
        self.assets += len(results)
        self.tagged += sum(bool(each.tags) for each in results)
        self.tags += sum(len(each.tags) for each in results)
        self.elapsed_seconds = round(elapsed_seconds, 3)


@dataclass(slots=True)
class TagReport:
    """What a run did, tagger by tagger."""

    taggers: list[TaggerReport] = field(default_factory=list)
    interrupted: bool = False
    notices: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """As `vidi tag --json` prints it."""
        rates = [asdict(each) | {"assets_per_second": round(each.assets_per_second, 1)} for each in self.taggers]
        return {"taggers": rates, "interrupted": self.interrupted, "notices": self.notices}
