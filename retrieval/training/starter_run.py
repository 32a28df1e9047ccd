"""`vidi train contrastive`: from two tables of captions to a folder with the starter's heads, calibration and card."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from open_clip import IMAGENET_CLASSNAMES

from retrieval.errors import DatasetError
from retrieval.evaluation.metrics import summarize
from retrieval.evaluation.retrieval_protocol import rank_both_ways
from retrieval.models.picture_tower import read_classifier
from retrieval.settings import Settings
from retrieval.spaces.calibration import Calibration
from retrieval.spaces.heads import CLASSES, StarterHeads, posterior
from retrieval.training.agreement import CLIP_WORDINGS, agreement, ensemble
from retrieval.training.calibrate import Background, fit_calibration
from retrieval.training.captioned_pictures import CaptionedPictures, Say, TowerReader
from retrieval.training.contrastive import ContrastiveConfig, train_contrastive
from retrieval.training.contrastive_data import Names
from retrieval.training.heads_file import save_calibration, save_heads, write_whole
from retrieval.training.judgements import HeldOut, calibration_data
from retrieval.training.names import NAME_WORDINGS, WORD_WORDINGS, load_words
from retrieval.training.prototypes import Classifier, make_prototypes
from retrieval.training.stage_cache import StageCache, not_writable
from retrieval.training.starter_card import StarterCard

__all__ = ["FEWEST_PICTURES", "LEFT_OUT_NAMES", "StarterRun", "unseen_classes"]

FEWEST_PICTURES: Final = 50
"""Of either table: fewer teach nothing, and calibrate nothing."""
LEFT_OUT_NAMES: Final = 200
_REFUSED: Final = 0.085  # share of true captions that may be told "nothing fits": under the tenth that is allowed
_MADE: Final = 3  # features of each class, for the calibration


def unseen_classes(seed: int) -> NDArray[np.bool_]:
    """The 200 of the 1,000 classes, [1000], that a run with ``--leave-out-names`` of this seed knows no name of."""
    unseen = np.zeros(CLASSES, np.bool_)
    unseen[np.random.default_rng(seed).permutation(CLASSES)[:LEFT_OUT_NAMES]] = True
    return unseen


@dataclass(frozen=True, slots=True)
class StarterRun:
    """One run. Everything that it writes lies in ``out``; what it finished lies in ``out/cache``."""

    captions: Path
    dev: Path
    out: Path
    say: Say
    config: ContrastiveConfig = field(default_factory=ContrastiveConfig)
    unseen_seed: int | None = None
    data: str = ""
    settings: Settings = field(default_factory=Settings)

    def train(self) -> dict[str, float]:
        """Train, calibrate, measure on dev, and write ``heads``, ``calibration`` (both safetensors) and ``card.json``.

        Returns:
            R@1, R@5, R@10 of captions to pictures and the agreement of names, in percent, on dev.

        Raises:
            DatasetError: a table can't be read, or holds too few pictures.
            UsageError: ``out`` can't be written.
            TransientMediaError: media workers can't be started on this machine now.
            WeightsError: the towers' weights are absent or damaged.
        """
        cache = StageCache(self.out / "cache")
        reader = TowerReader(cache, self.settings, self.say)
        dev = self._read(reader, self.dev, with_views=False)
        train = self._read(reader, self.captions, with_views=True)
        names = self._names(reader)
        heads = self._heads(cache, train, names)
        self.say("calibrating on dev")
        calibration = self._calibrate(heads, reader, train, dev, names)
        figures = self._figures(heads, reader, dev)
        self._write(heads, calibration, self._card(heads, train, dev, figures))
        return figures

    def _read(self, reader: TowerReader, table: Path, *, with_views: bool) -> CaptionedPictures:
        found = reader.read(table, with_views=with_views)
        for line in found.left_out:
            self.say(f"left out: {line}")
        if found.count < FEWEST_PICTURES:
            raise DatasetError(
                f"{table} has {found.count} pictures that can be read, expected at least {FEWEST_PICTURES}; add more"
            )
        return found

    def _names(self, reader: TowerReader) -> Names:
        unseen = None if self.unseen_seed is None else unseen_classes(self.unseen_seed)
        names, words = load_words(unseen)
        groups = names.encode(NAME_WORDINGS, reader.encode), words.encode(WORD_WORDINGS, reader.encode)
        left_out = np.zeros(CLASSES, np.bool_) if unseen is None else unseen
        return Names(*groups, Classifier(*read_classifier()), left_out)

    def _heads(self, cache: StageCache, train: CaptionedPictures, names: Names) -> StarterHeads:
        """Trained now, or by the same run before it was stopped."""
        inputs: list[str | bytes] = [repr(self.config), str(self.unseen_seed), train.pictures.features.tobytes()]
        inputs += [names.names.vectors.tobytes(), names.words.vectors.tobytes(), train.captions.vectors.tobytes()]
        path = cache.path("heads", inputs)
        if not path.exists():
            told = partial(_tell, self.say)
            save_heads(train_contrastive(train.pictures, train.captions, names, self.config, told), path)
        return StarterHeads.load(path)

    def _calibrate(
        self,
        heads: StarterHeads,
        reader: TowerReader,
        train: CaptionedPictures,
        dev: CaptionedPictures,
        names: Names,
    ) -> Calibration:
        """Over dev, and features made from it of the classes that it does not show."""
        rng = np.random.default_rng([self.config.seed, 2])
        features, logits = dev.first_view()
        made, made_logits = make_prototypes(features, names.classifier, rounds=_MADE, rng=rng)
        features, logits = np.concatenate([features, made]), np.concatenate([logits, made_logits])
        held_out = HeldOut(heads.embed_pictures(features, logits), posterior(logits), dev.texts)
        data = calibration_data(held_out, lambda texts: heads.embed_texts(reader.encode(texts)), rng)
        background = Background(
            pictures=heads.embed_pictures(*train.first_view()),
            captions=heads.embed_texts(train.captions.vectors),
            rivals=heads.embed_texts(names.names.rivals()),
        )
        return fit_calibration(background, data, refused=_REFUSED, seed=self.config.seed)

    def _figures(self, heads: StarterHeads, reader: TowerReader, dev: CaptionedPictures) -> dict[str, float]:
        features, logits = dev.first_view()
        pictures, captions = heads.embed_pictures(features, logits), heads.embed_texts(dev.captions.vectors)
        to_pictures, _ = rank_both_ways(captions @ pictures.T, dev.captions.owners)
        recalls = summarize(to_pictures).to_json()
        words = ensemble(IMAGENET_CLASSNAMES, CLIP_WORDINGS, lambda texts: heads.embed_texts(reader.encode(texts)))
        named = agreement(pictures, words, np.eye(CLASSES, dtype=np.bool_), logits.argmax(axis=1)).to_json()
        kept = {name: recalls[name] for name in ("R@1", "R@5", "R@10")}
        return kept | {"names_top1": named["top1"], "names_top5": named["top5"]}

    def _card(
        self, heads: StarterHeads, train: CaptionedPictures, dev: CaptionedPictures, figures: dict[str, float]
    ) -> StarterCard:
        left_out = "" if self.unseen_seed is None else f" --leave-out-names {self.unseen_seed}"
        return StarterCard(
            dim=heads.dim,
            data=self.data or "not told",
            pictures=train.count,
            captions=len(train.captions.owners),
            dev_pictures=dev.count,
            command=f"vidi train contrastive --captions {self.captions.name} --dev {self.dev.name} --out DIR "
            f"--seed {self.config.seed}{left_out}",
            recipe=self.config,
            figures=figures,
        )

    def _write(self, heads: StarterHeads, calibration: Calibration, card: StarterCard) -> None:
        """The card last: where it lies, the others are whole."""
        paths = self.out / "heads.safetensors", self.out / "calibration.safetensors"
        try:
            save_heads(heads, paths[0])
            save_calibration(calibration, paths[1])
            write_whole(self.out / "card.json", card.to_json(paths).encode())
        except OSError as error:
            raise not_writable(self.out, error) from error
        self.say(f"written: {', '.join(path.name for path in paths)} and card.json in {self.out}")


def _tell(say: Say, what: str, share: float) -> None:
    say(f"training: {what} ({share:.0%})")
