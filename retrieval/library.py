"""The library as a person's program sees it: search it, ask what it holds, rebuild its index."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from retrieval.errors import ModelError, QueryError, UnknownTagError
from retrieval.search.default_space import default_space
from retrieval.search.facets import FacetCounter, Facets
from retrieval.search.filters import make_filter
from retrieval.search.language import error_at
from retrieval.search.picture_query import embed_pictures
from retrieval.search.query import By, Example, Query
from retrieval.search.reading import Reading, read_query
from retrieval.search.results import SearchResult, path_json
from retrieval.search.searcher import EmbedPictures, Searcher
from retrieval.search.snapshot import Snapshot
from retrieval.search.tuning import tuning_queries
from retrieval.settings import library_path
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import Space
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.census import Census, take_census
from retrieval.store.descriptions import rebuild_text_index
from retrieval.store.faiss_index import Notice
from retrieval.store.file_filter import all_of
from retrieval.store.index_updates import rebuild_index
from retrieval.store.lookup import Lookup
from retrieval.store.saved_searches import SavedSearch, SavedSearches
from retrieval.store.timed_texts import TimedTexts
from retrieval.types import Float32Array, TimedText

__all__ = ["Library", "LibraryStatus"]

PathLike = str | os.PathLike[str]
Content = PathLike | int
"""A file by its path, or a content by its id."""
_KEPT = frozenset({"image", "kind", "under", "after", "before", "tags", "space", "by", "like", "unlike", "unfolded"})
"""What of a search is kept under a name, beside its query."""
Marked = Content | tuple[Content, float]
"""The same, of a video perhaps with the second of the moment that is meant."""


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """What a library holds at one moment, and the room that its folder takes on disk."""

    library: Path
    census: Census
    size_bytes: int
    default_space: str
    """The space that a search takes which names none."""
    whisper_model: str | None = None
    """What transcribes here, as `vidi index --whisper` was given it; None: the packaged model."""

    @property
    def sounds_awaiting(self) -> int:
        """Sound-only contents that are found by words alone: they wait for an audio expert, or for windows of it."""
        return self.census.sounds_unheard

    def to_json(self) -> dict[str, Any]:
        """As `vidi status --json` prints it."""
        census = self.census
        return {
            "library": os.fsencode(self.library).decode("utf-8", "backslashreplace"),
            "size_bytes": self.size_bytes,
            "assets": {kind.value: count for kind, count in census.assets.items()},
            "files": {
                "present": census.files_present,
                "missing": census.files_missing,
                "indexed": census.files_indexed,
                "waiting": census.files_waiting,
                "failed": census.files_failed,
                "parts": census.files_parts,
            },
            "other_files": census.others,
            "hidden_names": census.hidden,
            "sounds_awaiting_audio_expert": self.sounds_awaiting,
            "spaces": [
                {"name": space.name, "version": space.version, "assets": space.assets, "vectors": space.vectors}
                for space in census.spaces
            ],
            "default_space": self.default_space,
            "whisper_model": self.whisper_model,
            "failures": [
                {
                    **path_json(failure.path),
                    "stage": failure.stage,
                    "reason": failure.reason,
                    "permanent": failure.permanent,
                }
                for failure in census.failures
            ],
            "failed_sidecars": [
                {**path_json(failed.path), "reason": failed.reason} for failed in census.failed_sidecars
            ],
            "failed_experts": [
                {**path_json(failed.path), "expert": failed.expert, "version": failed.version, "reason": failed.reason}
                for failed in census.failed_experts
            ],
            "troubled_places": [{**path_json(trouble.path), "reason": trouble.reason} for trouble in census.troubles],
        }


class Library:
    """An open library. A context manager; its methods may be called from several threads.

    Example:
        >>> with Library() as library:  # doctest: +SKIP
        ...     for hit in library.search("a dog leaps for a frisbee").hits:
        ...         print(hit.path, hit.score, hit.start_seconds)
    """

    def __init__(
        self,
        path: PathLike | None = None,
        *,
        notice: Notice = lambda line: None,
        spaces: Callable[[str], Space] = get_space,
        embed_pictures: EmbedPictures = embed_pictures,
    ) -> None:
        """Open the library at ``path`` (by default ``VIDI_LIBRARY``, else the platform's folder).

        ``notice`` is told in one line of what a person should know, such as that an index had to be rebuilt.
        ``spaces`` and ``embed_pictures`` take the place of the models that come with vidi.

        Raises:
            LibraryError: there is none there, or it can't be used.
            CatalogVersionError: a newer vidi wrote it.
        """
        self._catalog = Catalog(library_path(path))
        self._notice = notice
        self._spaces = spaces
        self._facets = FacetCounter(self._catalog)
        self._searcher = Searcher(self._catalog, embed_pictures, spaces=spaces, notice=notice)

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the catalog."""
        self._catalog.close()

    @property
    def path(self) -> Path:
        """The library's folder."""
        return self._catalog.library

    def search(
        self,
        query: str = "",
        *,
        image: PathLike | Sequence[PathLike] | None = None,
        kind: str | None = None,
        under: PathLike | None = None,
        after: str | datetime | None = None,
        before: str | datetime | None = None,
        tags: Sequence[str] = (),
        space: str | None = None,
        by: str = By.FUSED,
        like: Sequence[Marked] = (),
        unlike: Sequence[Marked] = (),
        unfolded: bool = False,
        top: int = 20,
        offset: int = 0,
        as_of: str | None = None,
        anyway: bool = False,
    ) -> SearchResult:
        """Pictures and moments of video that fit ``query``, the pictures ``image``, or both, best first.

        Args:
            query: what to find, in plain words, or in the query language of docs/search.md.
            image: a picture, or several, to find more like.
            kind: ``picture``, ``video`` or ``sound``.
            under: only files in this folder and below, or this file.
            after: only what was taken at this time or later: 2024, 2024-06, 2024-06-01, 2024-06-01T18:30.
            before: only what was taken before this time.
            tags: only what bears all of these tags, in any case.
            space: the space to search in; by default :attr:`default_space`.
            by: the evidence to rank by: ``fused``, ``space`` or ``frames``, ``speech``, what is said, or ``text``, what
                is written by people or on the screen.
            like: results, or pictures, to find more like; all that were marked so far. Of a video, ``(path, second)``.
            unlike: results to find less like; they are not shown themselves.
            unfolded: show near-identical pictures each for itself, not behind the first of them.
            top: at most so many hits.
            offset: pass over so many of the best first.
            as_of: that of an earlier answer: only what the library held then, so that pages follow one another while
                indexing goes on.
            anyway: also show the nearest when they don't fit.

        Raises:
            QueryError: the query can't be answered as it is written.
            UnknownSpaceError: no space is called ``space``.
            LibraryError: nothing is indexed, or the catalog can't be read.
        """
        reading = read_query(query)
        asked = Query(
            text=reading.text,
            images=tuple(map(Path, [image] if isinstance(image, str | os.PathLike) else image or ())),
            wanted=all_of(make_filter(kind, under, after, before, tags), reading.wanted),
            space=space,
            by=By.parse(by),
            like=tuple(map(_example, like)),
            unlike=tuple(map(_example, unlike)),
            unfolded=unfolded,
            top=top,
            offset=offset,
            as_of=None if as_of is None else Snapshot.parse(as_of),
            anyway=anyway,
            phrases=reading.phrases,
            stressed=reading.stressed,
            against=reading.against,
        )
        with _told_in_its_place(query, reading):
            found = self._searcher.search(asked)
        return replace(found, query=query, notices=(*reading.notices, *found.notices), read_as=reading.read_as)

    def timed_texts(self, content: Content) -> list[TimedText]:
        """What is said in a file, and written on its screen, in the order of time: read by machines."""
        texts = TimedTexts(self._catalog)
        if isinstance(content, int):
            return texts.of([content]).get(content, [])
        return texts.of_file(os.fsencode(os.path.abspath(content)))

    def facets(
        self,
        query: str = "",
        *,
        kind: str | None = None,
        under: PathLike | None = None,
        after: str | datetime | None = None,
        before: str | datetime | None = None,
        tags: Sequence[str] = (),
        most: int = 20,
    ) -> Facets:
        """How many contents have each kind, year, folder, tag and camera, or sound, speech, text and a place.

        Counted is all that the fields of ``query`` and the filters let through, whatever its words mean. Each facet has
        its ``most`` first values. While something is written all the time, counts of a big library are seconds old.

        Raises:
            QueryError: the query can't be answered as it is written.
        """
        wanted = all_of(make_filter(kind, under, after, before, tags), read_query(query).wanted)
        return self._facets.count(wanted, most)

    def save_search(self, name: str, query: str = "", **asked: Any) -> None:
        """Keep a search under ``name``, in place of what had it: ``query`` and what else :meth:`search` takes, but for
        what concerns one page. Paths are kept as places on this machine.

        Raises:
            QueryError: the name is empty, or the query can't be read.
            LibraryBusyError: another process is writing to the library.
        """
        read_query(query)
        make_filter(**{key: asked[key] for key in ("kind", "under", "after", "before") if key in asked})
        By.parse(asked.get("by", By.FUSED))
        if unknown := asked.keys() - _KEPT:
            raise TypeError(f"a saved search has no {', '.join(sorted(unknown))}; expected {', '.join(sorted(_KEPT))}")
        kept = {key: _as_kept(key, value) for key, value in asked.items()}
        with self._catalog.lock():
            SavedSearches(self._catalog).save(name, {"query": query, **kept})

    def saved_searches(self) -> list[SavedSearch]:
        """All that are kept, in the order of their names; ``search(**saved.asked)`` answers one."""
        return SavedSearches(self._catalog).all()

    def saved_search(self, name: str) -> SavedSearch:
        """The one called ``name``.

        Raises:
            QueryError: there is none; the message names those that there are.
        """
        return SavedSearches(self._catalog).find(name)

    def forget_search(self, name: str) -> None:
        """Remove a saved search.

        Raises:
            QueryError: there is none of that name.
            LibraryBusyError: another process is writing to the library.
        """
        with self._catalog.lock():
            SavedSearches(self._catalog).forget(name)

    @property
    def default_space(self) -> str:
        """The space that a search takes which names none: the one that :meth:`use` chose, else the starter; the newest
        there is, where the library is all in others."""
        return default_space(self._catalog)

    def use(self, space: str) -> str:
        """Make ``space`` the one that a search takes which names none; its name, in full.

        Raises:
            UnknownSpaceError: there is no such space.
            QueryError: the library holds nothing in it.
            LibraryBusyError: another process is writing to the library.
        """
        name = self._spaces(space).name
        known = {row.name for row in Lookup(self._catalog).spaces()}
        if name not in known:
            raise QueryError(
                f"nothing is indexed in the space {name}, expected one of: {', '.join(sorted(known)) or 'none yet'}; "
                f"add it with `vidi index FOLDER --space {name}`"
            )
        with self._catalog.lock():
            self._catalog.choose_default_space(name)
        return name

    def status(self, *, most: int | None = None) -> LibraryStatus:
        """What the library holds now; at most so many as ``most`` of each list of what failed, None for all."""
        census = take_census(self._catalog, most)
        return LibraryStatus(self.path, census, _size_of(self.path), self.default_space, self._catalog.whisper_model)

    def rebuild(self) -> dict[str, int]:
        """Make every vector index that is searched again from the catalog; how many vectors each space has.

        Spaces that this vidi doesn't know, or knows at another version, are passed over with a notice.

        Raises:
            LibraryBusyError: another process is writing to the library.
            LibraryError: the library can't be written.
        """
        rebuilt: dict[str, int] = {}
        with self._catalog.lock():
            rebuild_text_index(self._catalog)
            for space in reversed(Lookup(self._catalog).spaces()):
                if self._is_searched(space):
                    index = rebuild_index(
                        self._catalog, space, self._notice, queries=partial(self._tuning_queries, space.name)
                    )
                    rebuilt[space.name] = len(index)
        return rebuilt

    def _tuning_queries(self, name: str) -> Float32Array:
        return tuning_queries(self._spaces(name))

    def _is_searched(self, row: SpaceRow) -> bool:
        try:
            version = self._spaces(row.name).version
        except ModelError as error:
            self._notice(f"{row.name} is passed over: {error}")
            return False
        if row.version != version:
            self._notice(f"version {row.version} of {row.name} is passed over: this vidi searches version {version}")
        return row.version == version


def _as_kept(key: str, value: Any) -> Any:
    """A value as JSON has it; what is given as a path is one wherever the search is made again."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, os.PathLike) or (isinstance(value, str) and key in ("image", "under", "like", "unlike")):
        return os.path.abspath(os.path.expanduser(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_as_kept(key, each) for each in value]
    return value


def _example(marked: Marked) -> Example:
    content, seconds = marked if isinstance(marked, tuple | list) else (marked, None)
    return Example(content if isinstance(content, int) else Path(content).expanduser(), seconds)


@contextmanager
def _told_in_its_place(query: str, reading: Reading) -> Iterator[None]:
    """A tag that nothing has is shown where it stands in the query, if it stands there."""
    try:
        yield
    except UnknownTagError as error:
        for field in reading.tags:
            if field.value.strip() == error.tag:
                raise error_at(query, field.start, field.end, str(error)) from error
        raise


def _size_of(folder: Path) -> int:
    """Bytes of all files below ``folder``; one that vanishes meanwhile counts as nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total
