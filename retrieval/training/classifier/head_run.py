"""`vidi train classifier --model head|mlp`: from a person's own folders to a head on the embedded tower's features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from retrieval.experts.appearance import Appearance
from retrieval.settings import Settings
from retrieval.training.classifier.card import classifier_card, figures_of
from retrieval.training.classifier.curve import curve_csv, curve_svg
from retrieval.training.classifier.features import FeatureSet, read_features
from retrieval.training.classifier.head import TrainedHead, train_linear_head
from retrieval.training.classifier.labelled_pictures import (
    LabelledPictures,
    check_counts,
    describe_pictures,
    read_labelled,
)
from retrieval.training.classifier.out_folder import OutFolder
from retrieval.training.stage_cache import StageCache

__all__ = ["HEAD_MODELS", "HeadRun"]

HEAD_MODELS: Final = {"head": "linear", "mlp": "mlp"}
"""What `--model` calls them, and their architecture on the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRun:
    """One training. Everything that it writes lies in ``out``."""

    data: Path
    out: Path
    say: Callable[[str], None]
    model: str = "head"
    name: str = ""
    seed: int = 0
    data_note: str = ""
    licence: str = ""
    settings: Settings = field(default_factory=Settings)

    def train(self) -> dict[str, Any]:
        """Read, train, measure, and write. Gives the card.

        Raises:
            DatasetError: the data can't be used.
            UsageError: ``out`` holds something else, or can't be written.
            TransientMediaError: media workers can't be started on this machine now.
            WeightsError: the tower's weights are absent or damaged.
        """
        pictures = read_labelled(self.data)
        described = describe_pictures(pictures)
        run = {"model": self.model, "seed": self.seed, "pictures": described, "expert": Appearance.version}
        with OutFolder(self.out, run) as folder:
            if (card := folder.finished()) is not None:
                self.say(f"{self.out} is trained already; give another --out to train anew")
                return card
            return self._train_into(folder, pictures, described)

    def _train_into(self, folder: OutFolder, pictures: LabelledPictures, described: str) -> dict[str, Any]:
        with folder.undone_without_data():
            data = self._features(pictures, StageCache(folder.cache), described)
            check_counts(data.labels, data.classes, str(self.data))
        head = self._train(data)
        along = next(iter(head.curve[0]))
        curve = {
            "learning_curve.csv": curve_csv(head.curve),
            "learning_curve.svg": curve_svg(f"{self._name}: what was held out", along, head.curve),
        }
        from safetensors.numpy import save

        return folder.write(save(dict(head.weights.tensors())), self._card(data, head, len(pictures)), curve)

    @property
    def _name(self) -> str:
        return self.name or self.out.resolve().name

    def _features(self, pictures: LabelledPictures, cache: StageCache, described: str) -> FeatureSet:
        """From the cache of a run that was stopped, or made."""
        inputs = [Appearance.version, described]
        if (found := cache.load("features", inputs)) is not None:
            return FeatureSet(found["features"].astype(np.float32), found["labels"], pictures.classes)
        data, left_out = read_features(pictures, self.settings, self.say)
        if left_out:
            self.say(f"{len(left_out):,} of {len(pictures):,} pictures were left out")
        cache.store("features", inputs, {"features": data.features.astype(np.float16), "labels": data.labels})
        # As the cache would give them: a run that continues has the same features.
        return FeatureSet(data.features.astype(np.float16).astype(np.float32), data.labels, data.classes)

    def _train(self, data: FeatureSet) -> TrainedHead:
        self.say(f"training a head of {len(data.classes)} classes on {len(data):,} pictures")
        if self.model == "head":
            return train_linear_head(data, seed=self.seed, say=self.say)
        from retrieval.training.classifier.mlp_head import train_mlp_head  # imports torch, which a linear one does not

        return train_mlp_head(data, seed=self.seed, say=self.say)

    def _card(self, data: FeatureSet, head: TrainedHead, given: int) -> dict[str, Any]:
        figures = figures_of(head.logits / head.temperature, head.labels) | {
            "measured_on": f"{len(head.labels)} pictures, held out in {head.chosen['parts']} parts in turn",
        }
        return classifier_card(
            name=self._name,
            kind="head",
            architecture=HEAD_MODELS[self.model],
            config={"widths": [weight.shape[0] for weight in head.weights.weights]},
            classes=data.classes,
            features={"expert": Appearance.name, "version": Appearance.version, "dim": Appearance.dim},
            temperature=head.temperature,
            data={"pictures": len(data), "left_out": given - len(data), "note": self.data_note or "not told"},
            licence=self.licence or "not told; the tower beneath is Apache-2.0",
            command=f"vidi train classifier {self.data.name} --out DIR --model {self.model} --seed {self.seed}",
            recipe=head.chosen,
            figures=figures,
        )
