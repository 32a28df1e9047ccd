"""Files that belong together by their names alone: sidecars and media, raws and JPEGs, clips and photographs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from retrieval.media.kinds import RAW_EXTENSIONS, kind_of

__all__ = ["Companion", "FoundPair", "FoundSidecar", "companions", "companions_of", "is_sidecar", "sidecars_at"]

_SIDECAR = ".xmp"
_JPEGS = (".jpg", ".jpeg", ".jpe")
_HEICS = (".heic", ".heif", ".hif")
_CLIP = ".mov"
_MAINS = {"raw": _JPEGS + _HEICS, "motion": _HEICS + _JPEGS}
"""What a part of each role may belong to, the likeliest first: JPEGs lie beside raws, HEICs beside clips."""


@dataclass(frozen=True, slots=True)
class FoundSidecar:
    """An XMP file, and the media that it is about: ``a.jpg.xmp`` is about ``a.jpg``, ``a.xmp`` about every ``a``."""

    path: bytes
    owners: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class FoundPair:
    """By its name, a file is part of another; a clip is only if it is short, which no name tells."""

    path: bytes
    main: bytes
    role: str
    """``raw`` or ``motion``."""


Companion = FoundSidecar | FoundPair


def is_sidecar(path: bytes) -> bool:
    """Whether a name promises XMP."""
    return path[-len(_SIDECAR) :].lower() == _SIDECAR.encode()


def companions(folder: bytes, names: Sequence[bytes]) -> Iterator[Companion]:
    """What belongs together among the ``names`` in ``folder``; capitals don't count."""
    if not any(is_sidecar(name) or _role(_suffix(name)) for name in names):
        return
    media = _Media(names)
    for name in names:
        if is_sidecar(name):
            if owners := media.owners(name):
                yield FoundSidecar(os.path.join(folder, name), tuple(os.path.join(folder, owner) for owner in owners))
        elif (role := _role(_suffix(name))) and (main := media.main(name, role)):
            yield FoundPair(os.path.join(folder, name), os.path.join(folder, main), role)


def companions_of(path: bytes) -> Iterator[Companion]:
    """What belongs to one file that was named itself, without listing its folder."""
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    suffixes = (_SIDECAR, _CLIP, *_JPEGS, *_HEICS, *sorted(RAW_EXTENSIONS))
    beside = [stem + form.encode() for suffix in suffixes for form in (suffix, suffix.upper())]
    beside += [name + _SIDECAR.encode(), name + _SIDECAR.upper().encode()]
    names = [name, *(other for other in beside if other != name and os.path.lexists(os.path.join(folder, other)))]
    for found in companions(folder, names):
        if isinstance(found, FoundPair) and path in (found.path, found.main):
            yield found
        elif isinstance(found, FoundSidecar) and path in found.owners:
            yield FoundSidecar(found.path, (path,))


def sidecars_at(paths: Iterable[bytes]) -> Iterator[FoundSidecar]:
    """The sidecars among ``paths``, gone ones too, with the media that is there; each folder is listed once."""
    by_folder: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for path in filter(is_sidecar, paths):
        folder, name = os.path.split(path)
        by_folder[folder].append(name)
    for folder, names in by_folder.items():
        try:
            media = _Media(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            if owners := media.owners(name):
                yield FoundSidecar(os.path.join(folder, name), tuple(os.path.join(folder, owner) for owner in owners))


class _Media:
    """The media among the names of one folder, by their names and stems without regard to capitals."""

    def __init__(self, names: Iterable[bytes]) -> None:
        self._by_name: defaultdict[str, list[bytes]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[bytes]] = defaultdict(list)
        for name in names:
            if kind_of(name) is not None and not name.startswith(b"."):
                self._by_name[_folded(name)].append(name)
                self._by_stem[_folded(os.path.splitext(name)[0])].append(name)

    def owners(self, sidecar: bytes) -> list[bytes]:
        about = _folded(os.path.splitext(sidecar)[0])
        return self._by_name.get(about) or self._by_stem.get(about, [])

    def main(self, part: bytes, role: str) -> bytes | None:
        """The one that ``part`` belongs to: of the same capitals if there is one, then of the likelier kind."""
        stem, suffixes = os.path.splitext(part)[0], _MAINS[role]
        fitting = [name for name in self._by_stem.get(_folded(stem), []) if _suffix(name) in suffixes]
        return min(
            fitting,
            key=lambda name: (os.path.splitext(name)[0] != stem, suffixes.index(_suffix(name)), name),
            default=None,
        )


def _role(suffix: str) -> str | None:
    return "raw" if suffix in RAW_EXTENSIONS else "motion" if suffix == _CLIP else None


def _suffix(name: bytes) -> str:
    return os.fsdecode(os.path.splitext(name)[1]).lower()


def _folded(name: bytes) -> str:
    return os.fsdecode(name).casefold()
