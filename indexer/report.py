"""What an index run tells while it works, and when it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

__all__ = ["Accounts", "IndexReport", "Progress", "ProgressCallback"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. ``total`` is the number of files with work left when it began."""

    done: int
    total: int
    pictures: int
    video_seconds: float
    failed: int
    elapsed_seconds: float
    video_at_seconds: float | None = None
    """How far into its video the newest frame is; None for a picture."""

    @property
    def files_per_second(self) -> float:
        """Files finished a second."""
        return self.done / self.elapsed_seconds if self.elapsed_seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None before the first file is done."""
        return (self.total - self.done) / self.files_per_second if self.done else None


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Accounts:
    """Where every file under the roots stands at the end of a run: ``found`` is the sum of the four below it."""

    found: int = 0
    """Entries with a media name that the scan met; the rest is by the catalog."""
    indexed: int = 0
    failed: int = 0
    """Each has its reason in `vidi status --failed`."""
    waiting: int = 0
    """Left for the next run: this one was stopped."""
    parts: int = 0
    """Files that belong to another, such as the raw beside its JPEG."""
    others: dict[str, int] = field(default_factory=dict)
    """Files whose name promises no media, by suffix: they are none of ``found``."""
    hidden: int = 0
    """Names that begin with a dot, passed over with all below them."""
    troubled_places: int = 0
    """Folders that could not be listed, and the like; each has its reason in `vidi status --failed`."""

    @property
    def adds_up(self) -> bool:
        """Whether every file that was found is accounted for."""
        return self.found == self.indexed + self.failed + self.waiting + self.parts


@dataclass(slots=True)
class IndexReport:
    """Counts of one run: ``new + moved + changed + unchanged`` files were found, ``indexed`` of them decoded.

    ``moved`` files are known content whose old path is gone, ``copied`` known content at one more path, ``returned``
    those of the unchanged that were missing before.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    moved: int = 0
    copied: int = 0
    missing: int = 0
    returned: int = 0
    indexed: int = 0
    embedded: int = 0
    """Of known content, embedded from kept tracks without decoding."""
    heard: int = 0
    """Videos and sounds of known content, decoded again for experts that had not been asked of them."""
    windowed: int = 0
    """Videos and sounds whose windows were embedded, from kept tracks."""
    described: int = 0
    """Of known content, whose words were read without decoding: an earlier version of vidi had read none."""
    sidecars: int = 0
    """Read, since they were new or had changed."""
    sidecars_refused: int = 0
    sidecars_gone: int = 0
    failed: int = 0
    still_failed: int = 0
    """Files that failed for good in an earlier run and were not tried again."""
    pictures: int = 0
    videos: int = 0
    sounds: int = 0
    video_seconds: float = 0.0
    elapsed_seconds: float = 0.0
    interrupted: bool = False
    accounts: Accounts = field(default_factory=Accounts)
    notices: list[str] = field(default_factory=list)

    @property
    def has_news(self) -> bool:
        """Whether anything was found to differ, or was done."""
        counts = (self.new, self.changed, self.moved, self.copied, self.missing, self.returned)
        beside = (self.described, self.sidecars, self.sidecars_refused, self.sidecars_gone)
        return any(
            (*counts, *beside, self.indexed, self.embedded, self.heard, self.windowed, self.failed, self.notices)
        )

    @property
    def pictures_per_second(self) -> float:
        """Over the whole run, videos included in the time."""
        return self.pictures / self.elapsed_seconds if self.elapsed_seconds > 0 else 0.0

    @property
    def video_seconds_per_second(self) -> float:
        """Over the whole run, pictures included in the time."""
        return self.video_seconds / self.elapsed_seconds if self.elapsed_seconds > 0 else 0.0

    def to_json(self) -> dict[str, object]:
        """Everything, with the two rates."""
        return asdict(self) | {
            "pictures_per_second": round(self.pictures_per_second, 2),
            "video_seconds_per_second": round(self.video_seconds_per_second, 2),
        }
