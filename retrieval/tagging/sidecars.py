"""Sidecar files beside pictures: which would be made and changed, and the writing of them, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from retrieval.errors import DatasetError, LibraryError
from retrieval.store.files import replacing
from retrieval.tagging.xmp import SidecarTags, is_tagged, tagged_sidecar

__all__ = ["SidecarNaming", "SidecarReport", "sidecar_paths", "update_sidecars"]

_BYTES_MOST: Final = 16 << 20
_MODE: Final = 0o644


class SidecarNaming(StrEnum):
    """``a.jpg.xmp``, as darktable and digiKam have it, or ``a.xmp``, as Adobe's programs do."""

    APPENDED = "appended"
    REPLACED = "replaced"


@dataclass(slots=True)
class SidecarReport:
    """The sidecars that were made, changed, left as they are, and left alone with the reason; or would be."""

    created: list[Path] = field(default_factory=list)
    changed: list[Path] = field(default_factory=list)
    unchanged: list[Path] = field(default_factory=list)
    left_alone: list[tuple[Path, str]] = field(default_factory=list)


def sidecar_paths(
    pictures: Iterable[Path], naming: SidecarNaming, folder: Path | None = None
) -> dict[Path, list[Path]]:
    """The pictures of each sidecar: two of one name and different endings share one where endings are replaced.

    In ``folder`` they lie as the pictures do below the root of the file system: a place that depends on no other
    picture. The paths are absolute.
    """
    found: dict[Path, list[Path]] = {}
    for picture in pictures:
        name = f"{picture.name}.xmp" if naming is SidecarNaming.APPENDED else f"{picture.stem}.xmp"
        place = picture.parent if folder is None else folder / picture.parent.relative_to(picture.anchor)
        found.setdefault(place / name, []).append(picture)
    return found


def update_sidecars(wanted: Mapping[Path, SidecarTags], *, write: bool) -> SidecarReport:
    """Bring each sidecar to hold its tags; without ``write``, only say which would be made and changed.

    The first time that vidi changes a sidecar, its old content is kept beside it as ``.bak``, or as ``.vidi.bak`` where
    another program has left a ``.bak``. One that can't be read or written is left alone.
    A sidecar that is not there and would hold nothing is not made.
    """
    report = SidecarReport()
    for path, tags in wanted.items():
        try:
            _update(path, tags, report, write=write)
        except DatasetError as error:
            report.left_alone.append((path, str(error)))
        except LibraryError as error:
            reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else None
            report.left_alone.append((path, f"it can't be written ({reason or error})"))
    return report


def _update(path: Path, tags: SidecarTags, report: SidecarReport, *, write: bool) -> None:
    target = Path(os.path.realpath(path))
    content = _read(target)
    if content is None and not tags.subjects:
        return
    made = tagged_sidecar(content, tags)
    if made is None:
        report.unchanged.append(path)
        return
    if write:
        if content is not None:
            _back_up(target, content)
        _write(target, made, _MODE if content is None else target.stat().st_mode & 0o777)
    (report.created if content is None else report.changed).append(path)


def _read(path: Path) -> bytes | None:
    try:
        if path.stat().st_size > _BYTES_MOST:
            raise DatasetError(f"it is larger than {_BYTES_MOST >> 20} MiB, which no sidecar is")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatasetError(f"it can't be read ({error.strerror})") from error


def _back_up(path: Path, content: bytes) -> None:
    """Once: of what vidi has written into, a backup is there already; of anything else, whatever is there is not."""
    names = [path.with_name(path.name + ending) for ending in (".bak", ".vidi.bak")]
    free = [name for name in names if not os.path.lexists(name)]
    if free == names or (free and not is_tagged(content)):
        _write(free[0], content, path.stat().st_mode & 0o777)


def _write(path: Path, content: bytes, mode: int) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
        temporary.chmod(mode)
