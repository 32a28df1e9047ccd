"""Parts rendered once, each into a file of its own, known by all that shapes it, its photograph or sound included."""

from __future__ import annotations

import errno
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from retrieval.errors import UsageError
from retrieval.training.composed.camera import frames_of
from retrieval.training.composed.drawing import Parts
from retrieval.training.composed.film import write_film, write_sound
from retrieval.training.composed.parts import LONGEST_SHOT_SECONDS, Noise, Quiet, Saying, Shot
from retrieval.training.composed.sounds import heard_wave
from retrieval.training.stage_cache import digest_of, file_state

__all__ = ["Atom", "RenderedParts", "render_parts"]

Atom = Shot | Noise | Saying | Quiet

_VERSION: Final = "1"  # of how parts are rendered
_OF_THE_FOLDER: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_TELL_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class RenderedParts:
    """Where each part lies; ``left_out`` says of the others why they could not be rendered."""

    paths: Mapping[Atom, Path]
    left_out: tuple[str, ...]


def render_parts(parts: Parts, folder: Path, say: Callable[[str], None]) -> RenderedParts:
    """Render what is not there yet: shots as MP4 without sound, noises, sayings and silence as WAV.

    Raises:
        MissingExtraError: espeak-ng is not installed.
        UsageError: the folder can't be written, or its disk is full.
    """
    atoms: list[Atom] = [*parts.shots, *parts.noises, *parts.sayings, Quiet()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _not_writable(folder, error) from error
    return _rendered(atoms, folder, say)


def _rendered(atoms: Sequence[Atom], folder: Path, say: Callable[[str], None]) -> RenderedParts:
    paths: dict[Atom, Path] = {}
    left_out: list[str] = []
    begun = told = time.monotonic()
    made = 0
    for number, atom in enumerate(atoms):
        path = folder / _name(atom)
        if not path.exists():
            why = _render(atom, path)
            made += 1
            if why is not None:
                left_out.append(why)
                continue
        paths[atom] = path
        if made and time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            left = (len(atoms) - number) * (told - begun) / made
            say(f"{number + 1:,} of {len(atoms):,} parts rendered, {left:.0f} s left")
    return RenderedParts(paths, tuple(left_out))


def _name(atom: Atom) -> str:
    shaping = [_VERSION, repr(atom)] + ([file_state(file)] if (file := _file(atom)) else [])
    return f"{digest_of(shaping)[:16]}.{'mp4' if isinstance(atom, Shot) else 'wav'}"


def _render(atom: Atom, path: Path) -> str | None:
    """None, or why the part is left out: its photograph or sound can't be read."""
    try:
        if isinstance(atom, Shot):
            write_film(frames_of(atom, LONGEST_SHOT_SECONDS), None, path)
        else:
            write_sound(heard_wave(atom, LONGEST_SHOT_SECONDS), path)
    except (OSError, ValueError) as error:
        if not path.parent.is_dir():
            raise UsageError(f"{path.parent} is gone; run the same command again") from error
        if isinstance(error, OSError) and error.errno in _OF_THE_FOLDER:
            raise _not_writable(path.parent, error) from error
        return f"{_source(atom)}: {error}"
    return None


def _not_writable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{folder} can't be written: {error.strerror}; free some space there, or keep the parts elsewhere: --atoms DIR"
    )


def _file(atom: Atom) -> Path | None:
    """The photograph or sound that it is made of."""
    match atom:
        case Shot():
            return atom.photograph
        case Noise():
            return atom.sound.file
    return None


def _source(atom: Atom) -> str:
    if isinstance(atom, Saying):
        return repr(atom.text)
    return str(_file(atom) or "silence")
