"""`vidi train mmt`: from captioned videos, or photographs to compose videos of, to a folder that is a space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import torch

from retrieval.errors import DatasetError
from retrieval.evaluation.captions import CaptionedItem, read_captions
from retrieval.experts.appearance import Appearance
from retrieval.experts.foreign import foreign_experts
from retrieval.experts.frames_over_time import FramesOverTime
from retrieval.experts.over_time import TimeExpert
from retrieval.experts.registry import Experts, loaded, time_experts
from retrieval.models.mmt import Mmt
from retrieval.models.mmt_config import MmtConfig
from retrieval.models.mmt_folder import folder_files
from retrieval.settings import Settings, cache_path
from retrieval.spaces.windows import LONGEST_SECONDS
from retrieval.training.classifier.curve import RETRIEVAL_PANELS, curve_csv, curve_svg
from retrieval.training.classifier.engine import LocalEngine
from retrieval.training.classifier.out_folder import OutFolder
from retrieval.training.classifier.recipe import Precision
from retrieval.training.classifier.state import StateFile
from retrieval.training.mmt.captions import CaptionStates
from retrieval.training.mmt.clips import ClipSet
from retrieval.training.mmt.loop import MmtEpoch, MmtTraining
from retrieval.training.mmt.measure import FEWEST_FOR_CHANCE, embed_clips, fit_chance, measure
from retrieval.training.mmt.model import start_from_statistics, trained_config
from retrieval.training.mmt.pictures import StarterPictures
from retrieval.training.mmt.recipe import MmtRecipe
from retrieval.training.mmt.tracks import TrackReader
from retrieval.training.mmt.videos import CaptionedVideos, split_by_video
from retrieval.training.stage_cache import StageCache, digest_of, file_state

__all__ = ["FEWEST_CLIPS", "ClipSource", "MmtRun", "Prepared", "VideoSource", "check_count"]

FEWEST_CLIPS: Final = 8
"""To train on: fewer teach nothing."""

_STATE_FILE: Final = "state.pt"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What is trained on, and held out (None: nothing is); ``facts`` of both for the card."""

    train: ClipSet
    dev: ClipSet | None
    facts: Mapping[str, Any]
    left_out: Sequence[str] = ()


class ClipSource(Protocol):
    """Where clips come from."""

    def described(self) -> Mapping[str, Any]:
        """What a run is known by: the same data, the same words."""

    def prepare(
        self, experts: Sequence[TimeExpert], tracks: StageCache, pictures: StarterPictures, run: MmtRun
    ) -> Prepared:
        """Read what is needed.

        Raises:
            DatasetError: the table can't be used.
        """


def check_count(table: Path, clips: int, left_out: Sequence[str]) -> None:
    """Whether ``table`` gave clips enough; of those that were ``left_out``, the first reason is told.

    Raises:
        DatasetError: fewer than :data:`FEWEST_CLIPS`.
    """
    if clips < FEWEST_CLIPS:
        why = f"; the first is {left_out[0]}" if left_out else ""
        raise DatasetError(f"{table} has {clips} clips that can be trained on, expected at least {FEWEST_CLIPS}{why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSource:
    """Captioned videos; ``held_out`` of them by video, or those of another table, are measured on alone."""

    captions: Path
    dev: Path | None = None
    held_out: float = 0.1
    seed: int = 0

    def described(self) -> Mapping[str, Any]:
        """By what the tables hold, and the files that they name."""
        tables = [self.captions] + ([self.dev] if self.dev else [])
        items = [read_captions(table) for table in tables]
        texts = [f"{item.label} {item.captions} {file_state(item.path)}" for table in items for item in table]
        return {"captions": digest_of(texts), "held_out": "another table" if self.dev else self.held_out}

    def prepare(
        self, experts: Sequence[TimeExpert], tracks: StageCache, pictures: StarterPictures, run: MmtRun
    ) -> Prepared:
        """See :class:`ClipSource`."""
        train, dev = self._items()
        media = TrackReader(experts, tracks, run.settings, run.say).read([item.path for item in [*train, *dev]])
        clips, held_out = (CaptionedVideos(items, media, pictures) for items in (train, dev))
        left_out = [*clips.left_out, *held_out.left_out]
        check_count(self.captions, len(clips), left_out)
        if clips.windows > len(clips):
            run.say(
                f"what is longer than {LONGEST_SECONDS:g} s is cut as a search compares it: {clips.windows:,} windows "
                f"of {len(clips):,} clips, a random one of each in an epoch"
            )
        facts = {
            "clips": len(clips), "windows": clips.windows, "captions": len(clips.all_captions()),
            "held_out_clips": len(held_out), "left_out": len(left_out),
        }  # fmt: skip
        return Prepared(clips, held_out if len(held_out) else None, facts, left_out)

    def _items(self) -> tuple[list[CaptionedItem], list[CaptionedItem]]:
        items = read_captions(self.captions)
        if not self.dev:
            return split_by_video(items, self.held_out, self.seed)
        dev, learned = read_captions(self.dev), {item.path.resolve() for item in items}
        if shared := next((item.path for item in dev if item.path.resolve() in learned), None):
            raise DatasetError(
                f"{shared} is in {self.captions} and in {self.dev}; what is learned from can't be measured on: "
                f"take it out of one of them"
            )
        return items, dev


@dataclass(frozen=True, slots=True, kw_only=True)
class MmtRun:
    """One training. It writes into ``out`` and ``tracks`` (what is kept for later) alone, never into a library."""

    source: ClipSource
    out: Path
    say: Callable[[str], None]
    command: str
    tracks: Path = field(default_factory=lambda: cache_path() / "tracks")
    expert_models: tuple[str, ...] = ()
    """Experts whose weights vidi doesn't ship, as `vidi index --expert` names them."""
    whisper_model: str | None = None
    """What transcribes, as `vidi index --whisper` names it; None: the packaged tiny.en."""
    name: str = ""
    recipe: MmtRecipe = field(default_factory=MmtRecipe)
    width: int = 256
    layers: int = 2
    precision: Precision = Precision.AUTO
    device: str | None = None
    data_note: str = ""
    licence: str = ""
    settings: Settings = field(default_factory=Settings)

    def train(self) -> dict[str, Any]:
        """Read, train, measure, and write. Gives the card.

        Raises:
            DatasetError: the table can't be used.
            UsageError: ``out`` holds something else, or can't be written; there is no such device; an expert's model
                is named in no known form.
            TransientMediaError: media workers can't be started on this machine now.
            ModelError: a model's weights are absent or damaged.
            TrainingError: the numbers of the training left what can be computed with.
        """
        experts, pictures = self.experts(), StarterPictures()
        config = self._config(experts, pictures)
        versions = {expert.name: expert.version for expert in experts}
        run = {"data": dict(self.source.described()), "recipe": self.recipe.to_json(), "model": config.to_json(),
               "pictures": pictures.version, "experts": versions}  # fmt: skip
        engine = LocalEngine(self.precision, self.device)
        with OutFolder(self.out, run, task="mmt") as folder:
            if (card := folder.finished()) is not None:
                self.say(f"{self.out} is trained already; give another --out to train anew")
                return card
            return self._train_into(folder, config, engine, experts, pictures)

    def _train_into(
        self,
        folder: OutFolder,
        config: MmtConfig,
        engine: LocalEngine,
        experts: Sequence[TimeExpert],
        pictures: StarterPictures,
    ) -> dict[str, Any]:
        kept = StageCache(self.tracks)
        with folder.undone_without_data():
            data = self.source.prepare(experts, kept, pictures, self)
        for line in data.left_out:
            self.say(f"left out: {line}")
        captions = CaptionStates(kept, self.say)
        captions.add([*data.train.all_captions(), *(data.dev.all_captions() if data.dev else ())])
        model, curve = self._trained(config, data, captions, pictures, folder, engine)
        figures, chance = ({}, None) if data.dev is None else self._figures(model, data.dev, captions, pictures)
        facts = self._card(model, data, figures, chance)
        versions = {expert.name: expert.version for expert in experts}
        self._write(folder, model, versions, pictures.version, curve, facts)
        named = str(self.out).lstrip("/")
        self.say(f"written: the space and its learning curve in {self.out}; to index with it: --space mmt/{named}")
        return facts

    @property
    def _name(self) -> str:
        return self.name or self.out.resolve().name

    def experts(self) -> list[TimeExpert]:
        """Those that load here, by name; of each other the reason is told. Of two of one name, that whose model was
        named is asked: an MMT knows one of each."""
        found, foreign = time_experts(whisper_model=self.whisper_model), foreign_experts(self.expert_models)
        for expert in foreign:
            expert.load()  # somebody asked for it: what is wrong with it is told now, not after hours
        chosen = {expert.name for expert in foreign}
        own = loaded(
            Experts(
                [expert for expert in [FramesOverTime(Appearance()), *found.present] if expert.name not in chosen],
                [absent for absent in found.absent if absent.name not in chosen],
            )
        )
        for absent in own.absent:
            self.say(f"without the {absent.name} expert: {absent.reason}")
        return sorted([*own.present, *foreign], key=lambda expert: expert.name)

    def _config(self, experts: Sequence[TimeExpert], pictures: StarterPictures) -> MmtConfig:
        dims = {expert.name: expert.dim for expert in experts}
        return trained_config(
            dims, pictures=pictures.name, picture_dim=pictures.dim, width=self.width, layers=self.layers
        )

    def _trained(
        self,
        config: MmtConfig,
        data: Prepared,
        captions: CaptionStates,
        pictures: StarterPictures,
        folder: OutFolder,
        engine: LocalEngine,
    ) -> tuple[Mmt, list[MmtEpoch]]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            model = Mmt(config, picture_text=pictures.text_head().to(engine.device))
        start_from_statistics(model, data.train, self.recipe.seed)
        self.say(f"training on {len(data.train):,} clips, {engine.device.type}")
        training = MmtTraining(
            model=model,
            train=data.train,
            dev=data.dev,
            captions=captions,
            picture_texts=pictures.texts,
            recipe=self.recipe,
            engine=engine,
            state=StateFile(folder.cache / _STATE_FILE, self.say),
            say=self.say,
        )
        return model, training.run()

    def _figures(
        self, model: Mmt, dev: ClipSet, captions: CaptionStates, pictures: StarterPictures
    ) -> tuple[dict[str, Any], dict[str, float] | None]:
        """On what was held out: R@k, and the chance that a score stands for."""
        embedded = embed_clips(model, dev, captions, pictures.texts, next(model.parameters()).device)
        if (chance := fit_chance(embedded)) is None:
            self.say(f"no chances learned of {len(dev)} held-out clips, expected at least {FEWEST_FOR_CHANCE}: a "
                     f"search takes those of vidi's own calibration over the library")  # fmt: skip
        return {**measure(embedded), "held_out_clips": len(dev)}, chance

    def _card(
        self, model: Mmt, data: Prepared, figures: Mapping[str, Any], chance: Mapping[str, float] | None
    ) -> dict[str, Any]:
        return {
            "name": self._name,
            "languages": ["en"],
            "licence": self.licence or "not told",
            "data": {**data.facts, "note": self.data_note or "not told"},
            "command": self.command,
            "recipe": self.recipe.to_json(),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "figures": dict(figures),
            **({"chance": dict(chance)} if chance else {}),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
        }

    def _write(
        self,
        folder: OutFolder,
        model: Mmt,
        experts: Mapping[str, str],
        pictures_version: str,
        curve: Sequence[MmtEpoch],
        card: Mapping[str, Any],
    ) -> None:
        weights = {name: tensor.detach().cpu().float().numpy() for name, tensor in model.state_dict().items()}
        entries = [asdict(epoch) for epoch in curve]
        charts = {
            "learning_curve.csv": curve_csv(entries).encode(),
            "learning_curve.svg": curve_svg(f"{self._name}: R@k", "epoch", entries, RETRIEVAL_PANELS).encode(),
        }
        files = folder_files(model.config, weights, experts, card, pictures_version=pictures_version)
        folder.write_files(charts | files)
