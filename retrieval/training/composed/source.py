"""Composed clips as what an MMT is trained on: photographs in, clips with tracks out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from retrieval.errors import DatasetError
from retrieval.evaluation.captions import CaptionedItem, read_captions
from retrieval.experts.over_time import TimeExpert
from retrieval.media.kinds import kind_of
from retrieval.training.composed.atoms import Atom, RenderedParts, render_parts
from retrieval.training.composed.clip_set import ComposedClips
from retrieval.training.composed.drawing import Parts, draw_parts, draw_training
from retrieval.training.composed.parts import Quiet, Shot
from retrieval.training.composed.sounds import PACKAGES, find_sounds
from retrieval.training.composed.splice import Tracks
from retrieval.training.mmt.pictures import StarterPictures
from retrieval.training.mmt.run import MmtRun, Prepared, check_count
from retrieval.training.mmt.tracks import TrackReader
from retrieval.training.stage_cache import StageCache, digest_of, file_state
from retrieval.types import MediaKind

__all__ = ["FEWEST_PHOTOGRAPHS", "ComposedSource", "read_parts", "read_photographs"]

FEWEST_PHOTOGRAPHS: Final = 50
_FEWEST_HELD_OUT: Final = 3
"""Photographs: as many as a clip of three events shows."""

_OF_SIGHT: Final = frozenset({"appearance", "motion", "rgb", "scene"})
_OF_SIGNS: Final = frozenset({"ocr"})
_OF_SOUND: Final = frozenset({"audio", "speech"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedSource:
    """Clips composed of the photographs of a table; a twentieth of the photographs is held out.

    Attributes:
        photographs: a table of captioned pictures.
        sounds: folders with named sounds; see :func:`retrieval.training.composed.sounds.find_sounds`.
        atoms: where rendered parts are kept.
        clips: so many to train on.
        noises_a_sound, sayings: of how many each is drawn.
        written: photographs with words on them, at most.
        held_out: share of the photographs, and of the sayings.
        seed: of every draw.
    """

    photographs: Path
    atoms: Path
    sounds: tuple[Path, ...] = PACKAGES
    clips: int = 40_000
    noises_a_sound: int = 8
    sayings: int = 400
    written: int = 320
    held_out: float = 0.05
    seed: int = 0

    def described(self) -> Mapping[str, Any]:
        """By what it is composed of."""
        items = read_captions(self.photographs)
        sounds = find_sounds(self.sounds)
        texts = [f"{item.label} {item.captions} {file_state(item.path)}" for item in items]
        texts += [f"{sound} {file_state(sound.file)}" for sound in sounds.sounds]
        numbers = dataclasses.asdict(self)
        kept = ("clips", "noises_a_sound", "sayings", "written", "held_out", "seed")
        return {"photographs and sounds": digest_of(texts)} | {name: numbers[name] for name in kept}

    def prepare(
        self, experts: Sequence[TimeExpert], tracks: StageCache, pictures: StarterPictures, run: MmtRun
    ) -> Prepared:
        """See :class:`retrieval.training.mmt.run.ClipSource`."""
        items = read_photographs(self.photographs)
        sounds = find_sounds(self.sounds).sounds
        parts = draw_parts(
            items, sounds, noises=self.noises_a_sound * len(sounds), sayings=self.sayings, seed=self.seed,
            most_written=self.written,
        )  # fmt: skip
        rendered = render_parts(parts, self.atoms, run.say)
        said, left_out = read_parts(rendered, experts, tracks, run)
        train, dev = self._split(parts)
        clips = ComposedClips(list(draw_training(train, self.clips, self.seed)), said, pictures)
        held_out = ComposedClips(list(draw_training(dev, max(2, self.clips // 50), self.seed + 1)), said, pictures)
        lost = [*rendered.left_out, *left_out]
        check_count(self.photographs, len(clips), lost)
        facts = {
            "photographs": len(items), "shots": len(parts.shots), "sounds": len(sounds), "noises": len(parts.noises),
            "sayings": len(parts.sayings), "clips": len(clips), "held_out_clips": len(held_out),
        }  # fmt: skip
        return Prepared(clips, held_out if len(held_out) else None, facts, lost)

    def _split(self, parts: Parts) -> tuple[Parts, Parts]:
        photographs = max(_FEWEST_HELD_OUT, round(self.held_out * len(parts.photographs)))
        sayings = round(self.held_out * len(parts.sayings))
        own, others = len(parts.photographs) - photographs, len(parts.sayings) - sayings
        train = Parts(parts.photographs[:own], parts.noises, parts.sayings[:others])
        return train, Parts(parts.photographs[own:], parts.noises, parts.sayings[others:])


def read_photographs(table: Path) -> list[CaptionedItem]:
    """The items of ``table`` that are pictures.

    Raises:
        DatasetError: the table can't be read, or has too few.
    """
    items = [item for item in read_captions(table) if item.span is None and kind_of(item.path) is MediaKind.PICTURE]
    if len(items) < FEWEST_PHOTOGRAPHS:
        raise DatasetError(
            f"{table} has {len(items)} captioned pictures, expected at least {FEWEST_PHOTOGRAPHS} to compose videos of"
        )
    return items


def read_parts(
    rendered: RenderedParts, experts: Sequence[TimeExpert], cache: StageCache, run: MmtRun
) -> tuple[dict[Atom, Tracks], list[str]]:
    """What the experts say of each part; why others are left out.

    Each kind of part is read by the experts that it has something for. Text is looked for where there is some alone:
    elsewhere an expert that takes a second to find nothing would take most of the time.
    """
    kinds: list[tuple[frozenset[str], list[Atom]]] = [
        (_OF_SIGHT, [atom for atom in rendered.paths if isinstance(atom, Shot) and atom.words is None]),
        (_OF_SIGHT | _OF_SIGNS, [atom for atom in rendered.paths if isinstance(atom, Shot) and atom.words is not None]),
        (_OF_SOUND, [atom for atom in rendered.paths if not isinstance(atom, Shot)]),
    ]
    said: dict[Atom, Tracks] = {Quiet(): {}}
    left_out: list[str] = []
    for names, atoms in kinds:
        reader = TrackReader([expert for expert in experts if expert.name in names], cache, run.settings, run.say)
        media = reader.read([rendered.paths[atom] for atom in atoms])
        said |= {atom: media.tracks[path] for atom in atoms if (path := rendered.paths[atom]) in media.tracks}
        left_out += [f"{path}: {why}" for path, why in media.left_out.items()]
    return said, left_out
