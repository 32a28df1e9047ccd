"""Tags by hand, and tags as lines, CSV, JSON and sidecars."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.tag import roots_of
from retrieval.errors import UsageError
from retrieval.media.kinds import kind_of
from retrieval.search.results import path_json
from retrieval.settings import library_path
from retrieval.store.catalog import Catalog
from retrieval.store.files import replacing
from retrieval.store.labels import label_name
from retrieval.store.tags import KnownTags, ShownTag, TaggedFile, Tags
from retrieval.tagging.hierarchy import path_of
from retrieval.tagging.sidecars import SidecarNaming, SidecarReport, sidecar_paths, update_sidecars
from retrieval.tagging.xmp import SidecarTags
from ui.presentation import chance, readable
from ui.wording import plural

__all__ = [
    "FileTags",
    "check_csv_target",
    "check_labels",
    "file_lines",
    "library_lines",
    "tag_by_hand",
    "tagged_files",
    "withdraw",
    "write_csv",
    "write_xmp",
]

_SCORE_DIGITS = 4
_NAMED_MOST = 20
LETTERS_MOST = 200
"""Of a tag by hand; those of files may be longer."""
_TABLES = (".csv", ".txt")

Library = str | os.PathLike[str] | None


@dataclass(frozen=True, slots=True)
class FileTags:
    """A present file and its tags."""

    path: bytes
    tags: tuple[ShownTag, ...]
    refused: frozenset[str] = frozenset()
    """Names that a person refused, case folded."""

    def to_json(self) -> dict[str, Any]:
        """As `vidi tag --json` prints it."""
        tags = [{"label": t.label, "score": round(t.score, _SCORE_DIGITS), "source": t.source} for t in self.tags]
        return {**path_json(self.path), "tags": tags}


def tagged_files(library: Library, paths: Sequence[str]) -> list[FileTags]:
    """The files of the library, or those under ``paths``, with their tags."""
    with Catalog(library_path(library)) as catalog:
        return _tagged(catalog, Tags(catalog).files(roots_of(catalog, paths)))


def _tagged(catalog: Catalog, files: Sequence[TaggedFile]) -> list[FileTags]:
    every = Tags(catalog).known([file.asset_id for file in files])
    found = [(file.path, every.get(file.asset_id, KnownTags())) for file in files]
    return [FileTags(path, known.shown, known.refused) for path, known in found]


def tag_by_hand(library: Library, paths: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> list[str]:
    """Give the files under ``paths`` the tags ``add``, and refuse them the tags ``remove``.

    Gives those of ``remove`` that no file bore: typos, perhaps.

    Raises:
        UsageError: a label is empty, or stands on both sides.
        LibraryError: nothing indexed lies at one of the paths, or the library can't be written.
    """
    check_labels(add, remove)
    with Catalog(library_path(library)) as catalog:
        tags = Tags(catalog)
        assets = [file.asset_id for file in tags.files(roots_of(catalog, paths))]
        with catalog.lock():
            unknown = tags.not_borne(remove, assets)
            tags.add(add, assets)
            tags.remove(remove, assets)
    return unknown


def withdraw(library: Library, source: str) -> str:
    """Take away all tags of the machine ``source``; a line for a person.

    Raises:
        QueryError: no machine of that name has tagged anything.
        LibraryError: the library can't be written.
    """
    with Catalog(library_path(library)) as catalog, catalog.lock():
        return f"{plural(Tags(catalog).withdraw(source), 'tag')} of {source} withdrawn"


def library_lines(library: Library, top: int) -> list[str]:
    """The most frequent tags of the library, with how many pictures and videos bear each."""
    with Catalog(library_path(library)) as catalog:
        tags = Tags(catalog)
        assets = {file.asset_id for file in tags.files()}
        counts = tags.counts(sorted(assets))
    if not counts:
        return ["Nothing has a tag."]
    width = len(f"{counts[0][1]:,}")
    lines = [f"{count:>{width},}  {label}" for label, count in counts[:top]]
    if len(counts) > top:
        lines.append(f"{'':{width}}  and {plural(len(counts) - top, 'other tag')}; --top shows more")
    return lines


def file_lines(library: Library, paths: Sequence[str], top: int) -> list[str]:
    """The tags of each file, people's first, each with the chance that it is right."""
    lines = []
    for file in tagged_files(library, paths):
        said = ", ".join(_said(tag) for tag in file.tags[:top])
        lines.append(f"{readable(os.fsdecode(file.path))}: {said or 'no tag'}")
    return lines


def _said(tag: ShownTag) -> str:
    return tag.label if tag.source == "people" else f"{tag.label} ({chance(tag.score)})"


def check_labels(add: Sequence[str], remove: Sequence[str]) -> None:
    """See that these tags can be given and refused.

    Raises:
        UsageError: a label is empty, too long to be given, or stands on both sides.
    """
    if longest := max((len(label) for label in add if len(label) > LETTERS_MOST), default=0):
        raise UsageError(f"a label of {longest:,} letters is too long; expected at most {LETTERS_MOST}")
    if not all(map(label_name, (*add, *remove))):
        raise UsageError("the label is empty; give a name such as dog")
    if both := {label_name(label).casefold() for label in add} & {label_name(label).casefold() for label in remove}:
        raise UsageError(f"{min(both)!r} is both to be added and to be removed; choose one")


def check_csv_target(target: str) -> None:
    """See that a table may be written to ``target``: never over a picture, as `--csv *.jpg` would.

    Raises:
        UsageError: it is a folder, a picture, video or sound by its name, or another file that is no table.
    """
    path = Path(target).expanduser()
    if path.is_dir():
        raise UsageError(f"{target} is a folder; give --csv the name of a file")
    if target == "-":
        raise UsageError("--csv writes a file, not standard output; give it a name such as tags.csv")
    if (kind := kind_of(path)) is not None:
        raise UsageError(f"{target} is a {kind} by its name; --csv takes the table's own name first, such as tags.csv")
    if os.path.lexists(path) and path.suffix.lower() not in _TABLES:
        raise UsageError(f"{target} is there and no table by its name; give --csv another, such as tags.csv")


def write_csv(library: Library, paths: Sequence[str], target: str) -> int:
    """Write ``path,label,score,source``, whole or not at all; how many rows."""
    rows = [
        (file.path.decode("utf-8", "backslashreplace"), tag.label, f"{tag.score:.{_SCORE_DIGITS}f}", tag.source)
        for file in tagged_files(library, paths)
        for tag in file.tags
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "label", "score", "source"))
    writer.writerows(rows)
    with replacing(Path(target).expanduser().absolute()) as temporary:
        temporary.write_text(text.getvalue(), "utf-8", newline="")
        temporary.chmod(0o644)
    return len(rows)


def write_xmp(library: Library, paths: Sequence[str], naming: str, folder: str | None, *, write: bool) -> list[str]:
    """Write the tags into sidecars, or say what would be written; lines for a person."""
    to = Path(folder).expanduser().absolute() if folder else None
    with Catalog(library_path(library)) as catalog:
        places = _sidecars(catalog, paths, SidecarNaming(naming), to)
        sharing = [file for files in places.values() for file in files]
        tagged = {file.path: file for file in _tagged(catalog, sharing)}
    wanted = {place: _sidecar_tags([tagged[own.path] for own in files]) for place, files in places.items()}
    return list(_told(update_sidecars(wanted, write=write), write=write))


def _sidecars(
    catalog: Catalog, paths: Sequence[str], naming: SidecarNaming, folder: Path | None
) -> dict[Path, list[TaggedFile]]:
    """The sidecars of the files under ``paths`` that are there, each with all files that share it."""
    tags = Tags(catalog)
    chosen = {file.path for file in tags.files(roots_of(catalog, paths))}
    every = {Path(os.fsdecode(file.path)): file for file in tags.files()}
    found: dict[Path, list[TaggedFile]] = {}
    for place, pictures in sidecar_paths(every, naming, folder).items():
        if any(every[path].path in chosen for path in pictures):
            there = [every[path] for path in pictures if os.path.lexists(path)]
            found |= {place: there} if there else {}
    return found


def _sidecar_tags(files: Sequence[FileTags]) -> SidecarTags:
    # Every tag stands in the tree, too: darktable and Immich read tags from there. What was refused, nowhere.
    paths: dict[str, str] = {}
    for file in files:
        for tag in file.tags:
            path = "|".join(part for part in path_of(tag.label) if part.casefold() not in file.refused)
            paths[tag.label] = max(path, paths.get(tag.label, ""), key=len)  # files that share it may refuse others
    by_people = {tag.label for file in files for tag in file.tags if tag.source == "people"}
    said = {name for label in by_people for name in (label, paths[label])}
    return SidecarTags(tuple(paths), tuple(paths.values()), frozenset(said))


def _told(report: SidecarReport, *, write: bool) -> Iterator[str]:
    made, changed = ("made", "changed") if write else ("would be made", "would be changed")
    yield f"{plural(len(report.created), 'sidecar')} {made}, {len(report.changed):,} {changed}."
    if report.unchanged:
        hold = "holds what it should" if len(report.unchanged) == 1 else "hold what they should"
        yield f"{plural(len(report.unchanged), 'sidecar')} already {hold}."
    folders = sorted({path.parent for path in (*report.created, *report.changed)})
    for folder in folders[:_NAMED_MOST]:
        yield f"  in {readable(folder)}"
    if len(folders) > _NAMED_MOST:
        yield f"  and in {plural(len(folders) - _NAMED_MOST, 'other folder')}"
    for path, reason in report.left_alone:
        yield f"Left alone: {readable(path)}: {reason}."
    if not write and (report.created or report.changed):
        yield "Nothing is written yet: add --write."
