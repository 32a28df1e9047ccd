"""What the HTTP interface answers, as frozen values: the server describes its answers by them, the client reads them.

Times are seconds from the start of a video; spans are half-open. A path is its text; where bytes of it are not UTF-8
they are shown as ``\\xff``, and ``path_bytes`` holds the exact ones in base64.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Asset",
    "AssetFile",
    "DefaultSpace",
    "Facet",
    "FacetValue",
    "Facets",
    "FailedExpert",
    "Failure",
    "FileCounts",
    "Hit",
    "Job",
    "JobEvent",
    "JobProgress",
    "ModelCard",
    "Moment",
    "PathText",
    "Problem",
    "Reason",
    "SavedSearch",
    "SearchAnswer",
    "Segment",
    "SpaceCounts",
    "Status",
    "Tag",
    "Text",
    "Trouble",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    """One plain line: the value, what was expected, the next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """What ``source`` (``people``, or a tagger) calls the thing, with its chance from 0 to 1."""

    label: str
    score: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """The share that ``source`` has in a hit's rank, and the words that it rests on."""

    source: str
    share: float
    quote: str | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None
    """Of the quote, if it has a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """``[start_seconds, end_seconds)`` of a video, with its chance to fit."""

    start_seconds: float
    end_seconds: float
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PathText:
    """Where a file lies."""

    path: str
    path_bytes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An asset that was found, with its best moment; times are null for a picture."""

    asset_id: int
    path: str
    kind: str
    score: float
    """The calibrated chance, 0 to 1, that it fits."""
    fits: bool
    start_seconds: float | None
    end_seconds: float | None
    copies: list[str] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    """Best first."""
    tags: list[Tag] = field(default_factory=list)
    why: list[Reason] = field(default_factory=list)
    parts: list[PathText] = field(default_factory=list)
    folded: int = 0
    """How many near-identical pictures stand behind it."""
    path_bytes: str | None = None
    copies_bytes: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """The hits of the page that was asked for, best first, and whether anything fits at all."""

    query: str
    space: str
    fits: bool
    hits: list[Hit]
    notices: list[str] = field(default_factory=list)
    read_as: str | None = None
    as_of: str | None = None
    """Give it back to have the next pages of the same state of the library."""
    goes_on: bool = False
    """Whether the ranking goes on below this page: what of it fits is not known before it is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    """A value, how many assets have it, and the field of the query language that asks for it."""

    label: str
    count: int
    token: str
    """Such as ``tag:"red car"``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """``kind``, ``year``, ``folder``, ``tag``, ``camera`` or ``has``: the newest years first, of the others the most
    frequent."""

    name: str
    values: list[FacetValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """Of the ``contents`` assets that a query lets through; a facet without values is left out."""

    contents: int
    facets: list[Facet]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """A search that is kept under a name. What was not asked is null or empty."""

    name: str
    saved_at: str
    """In UTC, ISO 8601, without a zone."""
    query: str = ""
    kind: str | None = None
    under: str | None = None
    after: str | None = None
    before: str | None = None
    tags: list[str] = field(default_factory=list)
    space: str | None = None
    by: str | None = None
    image: list[str] = field(default_factory=list)
    """Paths on the server's machine, as `vidi search --save` keeps them."""
    like: list[str] = field(default_factory=list)
    """Numbers of assets, of a video as ``12@3.5``; or paths."""
    unlike: list[str] = field(default_factory=list)
    unfolded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFile:
    """A file that holds the asset; one that is not present is remembered."""

    path: str
    size_bytes: int
    present: bool
    path_bytes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """The content of one or more files, and what is known of it."""

    id: int
    kind: str
    """``picture``, ``video`` or ``sound``."""
    content_hash: str
    """BLAKE3, hexadecimal."""
    files: list[AssetFile]
    parts: list[PathText]
    tags: list[Tag]
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    frame_rate: float | None = None
    has_sound: bool = False
    codec: str | None = None
    taken_at: str | None = None
    """Local time of the camera, ISO 8601, without a zone."""
    latitude: float | None = None
    longitude: float | None = None
    camera: str | None = None
    lens: str | None = None
    title: str | None = None
    caption: str | None = None
    rating: int | None = None
    keywords: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What is searched: a picture whole (its times are null), or a span of a video."""

    id: int
    asset_id: int
    method: str
    """The rules that cut it, with their version."""
    start_seconds: float | None
    end_seconds: float | None
    time_seconds: float | None
    """Of the frame that stands for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a machine heard said, or read on the screen, in ``[start_seconds, end_seconds)``."""

    source: str
    text: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCounts:
    """Where the files stand: ``present`` is the sum of indexed, waiting, failed and parts."""

    present: int
    missing: int
    indexed: int
    waiting: int
    failed: int
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceCounts:
    """How much of the library one version of a space covers."""

    name: str
    version: str
    assets: int
    vectors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a file could not be used; ``permanent`` failures aren't tried again by themselves."""

    path: str
    stage: str
    reason: str
    permanent: bool
    path_bytes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A place that could not be looked into, or a sidecar that could not be read, and why."""

    path: str
    reason: str
    path_bytes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedExpert:
    """A file of which an expert says nothing, since it failed at it."""

    path: str
    expert: str
    version: str
    reason: str
    path_bytes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the library holds now."""

    library: str
    size_bytes: int
    assets: dict[str, int]
    files: FileCounts
    other_files: dict[str, int]
    hidden_names: int
    sounds_awaiting_audio_expert: int
    spaces: list[SpaceCounts]
    default_space: str
    whisper_model: str | None
    failures: list[Failure]
    failed_sidecars: list[Trouble]
    failed_experts: list[FailedExpert]
    troubled_places: list[Trouble]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a person should know of a model."""

    name: str
    task: str
    dim: int | None
    source: str
    sha256: str | None
    licence: str
    size_bytes: int
    languages: list[str]
    available: bool
    path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultSpace:
    """The space that a search takes which names none."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """How far an index job is. ``total`` is the number of files with work left when it began."""

    done: int
    total: int
    pictures: int
    video_seconds: float
    failed: int
    elapsed_seconds: float
    files_per_second: float
    seconds_left: float | None
    video_at_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An index job."""

    id: int
    state: str
    """``running``, ``stopping``, ``finished``, ``stopped`` or ``failed``."""
    paths: list[str]
    """None if all that is indexed is looked at again, for what failed."""
    space: str | None
    started_at: str
    ended_at: str | None
    progress: JobProgress | None
    failures: list[Failure]
    """The last ones."""
    notices: list[str]
    """The last ones."""
    report: dict[str, Any] | None
    """As `vidi index --json` prints it; null until it has ended."""
    error: str | None
    """Why it failed, in one line."""
    retry_failed: bool = False
    """Whether it tries again what failed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """News of an index job: ``progress``, ``notice``, ``failure`` or ``done``, with its data."""

    id: int
    event: str
    data: dict[str, Any]
