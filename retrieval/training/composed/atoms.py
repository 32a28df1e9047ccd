"""Parts rendered once, each into a file of its own, known by all that shapes it."""

from __future__ import annotations

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
from retrieval.training.stage_cache import digest_of, not_writable

__all__ = ["Atom", "RenderedParts", "render_parts"]

Atom = Shot | Noise | Saying | Quiet

_VERSION: Final = "1"  # of how parts are rendered
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
        UsageError: the folder can't be written.
    """
    atoms: list[Atom] = [*parts.shots, *parts.noises, *parts.sayings, Quiet()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from error
    return _rendered(atoms, folder, say)


def _rendered(atoms: Sequence[Atom], folder: Path, say: Callable[[str], None]) -> RenderedParts:
    paths: dict[Atom, Path] = {}
    left_out: list[str] = []
    begun = told = time.monotonic()
    made = 0
    for number, atom in enumerate(atoms):
        path = folder / f"{digest_of([_VERSION, repr(atom)])[:16]}.{'mp4' if isinstance(atom, Shot) else 'wav'}"
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
        return f"{_source(atom)}: {error}"
    return None


def _source(atom: Atom) -> str:
    match atom:
        case Shot():
            return str(atom.photograph)
        case Noise():
            return str(atom.sound.file)
        case Saying():
            return repr(atom.text)
    return "silence"
