"""`vidi train classifier --model vit_ti16 …`: from a person's own folders to one of the papers' models.

Shapes: n pictures · k classes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.lib.format import open_memmap
from safetensors.torch import save
from torch import nn

from retrieval.errors import UsageError
from retrieval.models.classifier_files import (
    WEIGHTS_FILE,
    ClassifierKind,
    PictureInput,
    read_classifier,
)
from retrieval.models.named import (
    AnyConfig,
    architecture_of,
    build_model,
    config_of,
    config_to_json,
    drop_path_of,
    with_drop_path,
)
from retrieval.models.published import PUBLISHED, fetch_published, load_any_names
from retrieval.settings import Settings
from retrieval.training.classifier.card import classifier_card, figures_of
from retrieval.training.classifier.curve import curve_csv, curve_svg
from retrieval.training.classifier.engine import Engine, choose_engine
from retrieval.training.classifier.labelled_pictures import (
    LabelledPictures,
    check_counts,
    describe_pictures,
    held_out,
    read_labelled,
)
from retrieval.training.classifier.logistic import fit_temperature
from retrieval.training.classifier.loop import EpochFigures, Teacher, Training, logits_of
from retrieval.training.classifier.out_folder import OutFolder
from retrieval.training.classifier.picture_set import PictureSet, decode_pictures
from retrieval.training.classifier.recipe import Recipe
from retrieval.training.classifier.state import StateFile
from retrieval.training.classifier.teachers import EMBEDDED_TEACHER, embedded_teacher, open_teacher
from retrieval.training.distillation import DistillationConfig
from retrieval.training.heads_file import write_whole
from retrieval.training.stage_cache import not_writable

__all__ = ["ModelRun"]

_HELD_OUT: Final = 0.15
_HEADS: Final = ("head", "distillation_head")  # they are of other classes
_KEPT_LARGER: Final = 8 / 7  # pictures are kept larger than they are shown: parts of them are cut out
_LARGE: Final = 128  # pixels a side from which that matters
_MOST_LOADERS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """One training. Everything that it writes lies in ``out``; what it finished, in ``out/cache`` until its end."""

    data: Path
    out: Path
    say: Callable[[str], None]
    model: str
    recipe: Recipe
    size: int | None = None
    weights: str | None = None
    """A name of :mod:`retrieval.models.published`, a file, or the folder of a trained classifier."""
    teacher: str | None = None
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    drop_path: float | None = None
    """None: the model's own."""
    name: str = ""
    data_note: str = ""
    licence: str = ""
    settings: Settings = field(default_factory=Settings)
    save_seconds: float = 60.0

    def train(self) -> dict[str, Any]:
        """Read, train, measure, and write. Gives the card.

        Raises:
            DatasetError: the data can't be used.
            UsageError: ``out`` holds something else or can't be written, or an argument fits no model.
            TransientMediaError: media workers can't be started on this machine now.
            WeightsError: weights, or a teacher, can't be had, or are of another model.
        """
        engine = choose_engine(self.recipe.precision)
        return (self if engine.rank == 0 else replace(self, say=_nothing))._train(engine)

    def _train(self, engine: Engine) -> dict[str, Any]:
        pictures = read_labelled(self.data)
        # Before anything is decoded: what is wrong with an argument is told at once.
        config, picture_input, model = self._model(len(pictures.classes))
        teacher = self._known_teacher(pictures.classes, engine)
        with OutFolder(self.out, self._identity(pictures), is_main=engine.rank == 0) as folder:
            engine.wait()
            if (card := folder.finished()) is not None:
                self.say(f"{self.out} is trained already; give another --out to train anew")
                return card
            with folder.undone_without_data():
                known, asked = self._split(self._decoded(pictures, picture_input, folder, engine))
            training = Training(
                model=model,
                picture_input=picture_input,
                train=known,
                dev=asked,
                recipe=self.recipe,
                engine=engine,
                teacher=teacher or self._embedded_teacher(known),
                distillation=self.distillation,
                state=StateFile(folder.cache / "state.pt", self.say, self.save_seconds),
                say=self.say,
                loaders=min(_MOST_LOADERS, os.cpu_count() or 1) if engine.device.type == "cuda" else 0,
            )
            history = training.run()
            if engine.rank != 0:
                engine.wait()
                return {}
            logits = logits_of(model, picture_input, asked, engine.device).numpy()
            temperature = fit_temperature(logits, asked.labels)
            figures = figures_of(logits / temperature, asked.labels) | {
                "measured_on": f"{len(asked)} pictures held out, by which epoch {training.best_epoch + 1} was chosen",
            }
            tensors = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
            counts = {"pictures": len(known) + len(asked), "held_out": len(asked)}
            card = folder.write(
                save(tensors),
                self._card(config, picture_input, pictures, counts, temperature, figures),
                self._curve(history),
            )
            engine.wait()
            return card

    # ------------------------------------------------------------------------------------------------------ the model

    def _model(self, classes: int) -> tuple[AnyConfig, PictureInput, nn.Module]:
        """The model, with the weights that it starts from."""
        published = PUBLISHED.get(self.weights or "")
        if published is not None and published.model != self.model:
            raise UsageError(
                f"the weights {self.weights} are those of --model {published.model}, not of {self.model}; name that one"
            )
        size = self.size or (published.picture_input.size if published else None)
        if self.weights is None:
            config = config_of(self.model, classes=classes, picture_size=size)
            picture_input = PictureInput(config.picture_size)
        else:
            # Positions are those of the size that the weights were trained at; the model stretches them to others.
            trained_at = published.picture_input.size if published else self._own_size(Path(self.weights))
            config = config_of(self.model, classes=classes, picture_size=trained_at)
            picture_input = published.picture_input if published else PictureInput(config.picture_size)
            picture_input = replace(picture_input, size=size or picture_input.size)
        if self.drop_path is not None:
            config = with_drop_path(config, self.drop_path)
        torch.manual_seed(self.recipe.seed)
        model = build_model(config)
        if self.weights is not None:
            path, own_input = self._weights_file(self.weights)
            load_any_names(model, path, without=_HEADS)
            if own_input is not None:
                picture_input = replace(own_input, size=self.size or own_input.size)
        return config, picture_input, model

    def _own_size(self, path: Path) -> int | None:
        """The side that a trained classifier's positions are of; None of other weights, which are as the model is."""
        return read_classifier(path).config.get("picture_size") if path.is_dir() else None

    def _weights_file(self, name: str) -> tuple[Path, PictureInput | None]:
        path = Path(name)
        if path.is_dir():
            found = read_classifier(path)
            if found.kind is not ClassifierKind.MODEL:
                raise UsageError(f"{path} is a head on features, which no model starts from; expected a model's folder")
            return path / WEIGHTS_FILE, found.picture_input
        return (path if path.exists() else fetch_published(name)), None

    def _known_teacher(self, classes: tuple[str, ...], engine: Engine) -> Teacher | None:
        if self.teacher in (None, EMBEDDED_TEACHER):
            return None
        assert self.teacher is not None
        return open_teacher(self.teacher, classes, engine.device)

    def _embedded_teacher(self, known: PictureSet) -> Teacher | None:
        if self.teacher != EMBEDDED_TEACHER:
            return None
        return embedded_teacher(known, self.recipe.seed, self.say)

    # ------------------------------------------------------------------------------------------------------- the data

    def _identity(self, pictures: LabelledPictures) -> dict[str, Any]:
        """What makes two runs the same."""
        return {
            "model": self.model,
            "size": self.size,
            "weights": self.weights,
            "teacher": self.teacher,
            "distillation": asdict(self.distillation) if self.teacher else None,
            "drop_path": self.drop_path,
            "recipe": asdict(self.recipe),
            "pictures": describe_pictures(pictures),
        }

    def _decoded(
        self, pictures: LabelledPictures, picture_input: PictureInput, folder: OutFolder, engine: Engine
    ) -> PictureSet:
        """Mapped from the cache: decoded by the main process, perhaps before the run was stopped."""
        size = picture_input.size
        side = size if size < _LARGE else round(size * _KEPT_LARGER)
        kept, listed = folder.cache / "pictures.npy", folder.cache / "pictures.json"
        if engine.rank == 0 and not listed.exists():
            self._decode(pictures, side, kept, listed)
        engine.wait()
        rows = json.loads(listed.read_text("utf-8"))
        pixels = np.load(kept, mmap_mode="r")[: len(rows)]
        return PictureSet.whole(pixels, pictures.labels[rows], pictures.classes)

    def _decode(self, pictures: LabelledPictures, side: int, kept: Path, listed: Path) -> None:
        size_bytes = len(pictures) * side * side * 3
        self.say(f"decoding {len(pictures):,} pictures at {side} x {side}, {size_bytes / 1e6:,.0f} MB in {kept.parent}")
        try:
            free = os.statvfs(kept.parent)
            if size_bytes > free.f_bavail * free.f_frsize:
                raise UsageError(f"{kept.parent} needs {size_bytes / 1e9:.1f} GB for the decoded pictures, "
                                 f"{free.f_bavail * free.f_frsize / 1e9:.1f} GB are free; choose another --out, or a "
                                 f"smaller --size")  # fmt: skip
            mapped = open_memmap(kept, "w+", np.uint8, (len(pictures), side, side, 3))
            _, left_out = decode_pictures(pictures, side, self.settings, self.say, into=mapped)
            mapped.flush()
            rows = np.delete(np.arange(len(pictures)), left_out).tolist()
            write_whole(listed, json.dumps(rows).encode())  # where it lies, the pictures are whole
        except OSError as error:
            raise not_writable(kept, error) from error
        if left_out:
            self.say(f"{len(left_out):,} of {len(pictures):,} pictures were left out")

    def _split(self, every: PictureSet) -> tuple[PictureSet, PictureSet]:
        check_counts(every.labels, every.classes, str(self.data))
        asked = held_out(every.labels, _HELD_OUT, self.recipe.seed)
        return every.only(~asked), every.only(asked)

    # ------------------------------------------------------------------------------------------------- what is written

    @property
    def _name(self) -> str:
        return self.name or self.out.resolve().name

    def _curve(self, history: list[EpochFigures]) -> dict[str, str]:
        entries = [asdict(figures) | {"epoch": figures.epoch + 1} for figures in history]
        return {
            "learning_curve.csv": curve_csv(entries),
            "learning_curve.svg": curve_svg(f"{self._name}, {self.model}", "epoch", entries),
        }

    def _card(
        self,
        config: AnyConfig,
        picture_input: PictureInput,
        pictures: LabelledPictures,
        counts: dict[str, int],
        temperature: float,
        figures: dict[str, Any],
    ) -> dict[str, Any]:
        data = counts | {
            "left_out": len(pictures) - counts["pictures"],
            "note": self.data_note or "not told",
        }
        taught = {"teacher": Path(self.teacher).name, **asdict(self.distillation)} if self.teacher else {}
        started = {"weights": Path(self.weights).name} if self.weights else {}
        more = "".join(
            f" --{name} {value}"
            for name, value in (
                ("size", self.size),
                ("weights", started.get("weights")),
                ("teacher", taught.get("teacher")),
            )
            if value
        )
        return classifier_card(
            name=self._name,
            kind=ClassifierKind.MODEL,
            architecture=architecture_of(config),
            config=config_to_json(config),
            classes=pictures.classes,
            picture_input=picture_input.to_json(),
            temperature=temperature,
            data=data,
            licence=self.licence or "not told",
            command=f"vidi train classifier {self.data.name} --out DIR --model {self.model}{more} "
            f"--epochs {self.recipe.epochs} --batch {self.recipe.batch} --seed {self.recipe.seed}",
            recipe=asdict(self.recipe) | taught | started | {"model": self.model, "drop_path": drop_path_of(config)},
            figures=figures,
        )


def _nothing(line: str) -> None:
    """Of several processes one tells."""
