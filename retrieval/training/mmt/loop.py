"""The training loop of an MMT: AdamW, a random caption and window a clip and epoch; a kill costs a minute.

A run is a function of its recipe, clips and step: whatever is drawn at a step comes from generators seeded by it.
Therefore a run that is killed and continued from its state ends, on a CPU, with the weights of one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim import AdamW

from retrieval.errors import TrainingError
from retrieval.models.mmt import Mmt, texts_to_torch, videos_to_torch
from retrieval.models.mmt_inputs import prepare_windows
from retrieval.training.classifier.engine import Engine
from retrieval.training.classifier.state import StateFile
from retrieval.training.mmt.captions import CaptionStates, PictureTexts
from retrieval.training.mmt.clips import ClipSet, batches_of, one_of, without_some
from retrieval.training.mmt.loss import batch_loss, loss_of_each_expert
from retrieval.training.mmt.measure import embed_clips
from retrieval.training.mmt.recipe import MmtRecipe, learning_rate_at

__all__ = ["MmtEpoch", "MmtTraining"]

_TELL_SECONDS: Final = 30.0
_BATCHES, _STEP = 3, 4  # kinds of draws


@dataclass(frozen=True, slots=True)
class MmtEpoch:
    """What an epoch came to; ``dev_*`` are of captions to held-out clips, in percent; None where there are none."""

    epoch: int
    learning_rate: float
    train_loss: float
    dev_r1: float | None
    dev_r5: float | None
    dev_r10: float | None
    seconds: float


@dataclass(slots=True)
class _Progress:
    """Where a run is; all of it lies in the state file."""

    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class MmtTraining:
    """One run over ``train``. At its end ``model`` has the last weights; nothing is chosen by ``dev``."""

    model: Mmt
    train: ClipSet
    dev: ClipSet | None
    captions: CaptionStates
    picture_texts: PictureTexts | None
    recipe: MmtRecipe
    engine: Engine
    state: StateFile | None = None
    say: Callable[[str], None] = lambda line: None
    _progress: _Progress = field(default_factory=_Progress, init=False)
    _told_at: float = field(default=0.0, init=False)

    def run(self) -> list[MmtEpoch]:
        """Train to the end, from the state file on where there is one. The caller's random state is put back.

        Raises:
            UsageError: the state can't be written.
            TrainingError: the loss or a weight is no finite number; such a state is never kept.
        """
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            self._run()
        return [MmtEpoch(**figures) for figures in self._progress.history]

    @property
    def steps_an_epoch(self) -> int:
        """At least one."""
        return max(1, len(self.train) // self._batch)

    @property
    def _batch(self) -> int:
        return min(self.recipe.batch, len(self.train))

    def _run(self) -> None:
        optimizer = AdamW(_groups(self.model, self.recipe.weight_decay), lr=self.recipe.learning_rate)
        wrapped, prepared = self.engine.prepare(self.model, optimizer)
        self._continue_from_state(optimizer)
        for epoch in range(self._progress.step // self.steps_an_epoch, self.recipe.epochs):
            begun = time.monotonic()
            rng = np.random.default_rng([self.recipe.seed, _BATCHES, epoch])
            done = self._progress.step - epoch * self.steps_an_epoch
            for number, rows in enumerate(batches_of(self.train.groups, self._batch, rng)):
                if number < done:
                    continue
                self._step(wrapped, prepared, rows)
                if self.state is not None and self.state.is_due() and number + 1 < self.steps_an_epoch:
                    self._progress.seconds += time.monotonic() - begun
                    begun = time.monotonic()
                    self._save(optimizer)
                self._tell_step(epoch)
            self._progress.seconds += time.monotonic() - begun
            self._end_epoch(epoch)
            if self.state is not None:
                self._save(optimizer)

    def _step(self, wrapped: torch.nn.Module, optimizer: torch.optim.Optimizer, rows: NDArray[np.int64]) -> None:
        step, recipe = self._progress.step, self.recipe
        torch.manual_seed(int(np.random.SeedSequence([recipe.seed, _STEP, step]).generate_state(1)[0]))
        rng = np.random.default_rng([recipe.seed, _STEP, step])
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, recipe.epochs * self.steps_an_epoch, recipe)
        clips = [self.train[int(row)] for row in rows]
        told = [clip.captions[int(rng.integers(len(clip.captions)))] for clip in clips]
        windows = [without_some(one_of(clip.windows, rng), recipe.left_out, rng) for clip in clips]
        videos = videos_to_torch(prepare_windows(windows, self.model.config, rng), self.engine.device)
        texts = texts_to_torch(self.captions.batch(told, self.model.config, self.picture_texts), self.engine.device)
        wrapped.train()
        with self.engine.autocast():
            found, seen = self.model.embed_texts(texts), self.model.embed_videos(videos)
            similarities = self.model.similarity(found, seen)
        loss = batch_loss(similarities.float(), recipe)
        if recipe.each_expert:
            loss = loss + recipe.each_expert * loss_of_each_expert(found, seen, recipe)
        if not math.isfinite(value := float(loss.detach())):
            raise self._diverged(f"the loss is {value}")
        self.engine.step(loss, wrapped, optimizer, recipe.clip)
        self._progress.step += 1
        self._progress.loss_sum += value
        self._progress.loss_steps += 1

    def _end_epoch(self, epoch: int) -> None:
        self._check_weights()
        progress = self._progress
        found: Mapping[str, float] = {}
        if self.dev is not None:
            embedded = embed_clips(self.model, self.dev, self.captions, self.picture_texts, self.engine.device)
            found = embedded.figures()[0].to_json()
        figures = MmtEpoch(
            epoch=epoch,
            learning_rate=learning_rate_at(progress.step - 1, self.recipe.epochs * self.steps_an_epoch, self.recipe),
            train_loss=progress.loss_sum / max(1, progress.loss_steps),
            dev_r1=found.get("R@1"),
            dev_r5=found.get("R@5"),
            dev_r10=found.get("R@10"),
            seconds=progress.seconds,
        )
        progress.history.append(asdict(figures))
        progress.loss_sum, progress.loss_steps, progress.seconds = 0.0, 0, 0.0
        self._tell_epoch(figures)

    # ------------------------------------------------------------------------------------------------------ the state

    def _save(self, optimizer: torch.optim.Optimizer) -> None:
        assert self.state is not None
        self._check_weights()
        self.state.save(
            {
                "progress": asdict(self._progress),
                "model": self.model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "engine": self.engine.state(),
            }
        )

    def _continue_from_state(self, optimizer: torch.optim.Optimizer) -> None:
        found = self.state.load(self.engine.device) if self.state is not None else None
        if found is None:
            return
        self._progress = _Progress(**found["progress"])
        self.model.load_state_dict(found["model"])
        optimizer.load_state_dict(found["optimizer"])
        self.engine.continue_from(found.get("engine", {}))
        self.say(f"continuing after step {self._progress.step:,}")

    def _check_weights(self) -> None:
        """After a last step, no loss tells of weights that went astray."""
        for name, tensor in self.model.state_dict().items():
            if not bool(torch.isfinite(tensor).all()):
                raise self._diverged(f"{name} holds numbers that are not finite")

    def _diverged(self, what: str) -> TrainingError:
        return TrainingError(
            f"the training diverged: after {self._progress.step:,} steps {what}, expected finite numbers; give a "
            f"--learning-rate below {self.recipe.learning_rate:g}, and another --out"
        )

    # -------------------------------------------------------------------------------------------------------- telling

    def _tell_step(self, epoch: int) -> None:
        now = time.monotonic()
        self._told_at = self._told_at or now
        if now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            step = self._progress.step - epoch * self.steps_an_epoch
            loss = self._progress.loss_sum / max(1, self._progress.loss_steps)
            self.say(
                f"epoch {epoch + 1} of {self.recipe.epochs}: step {step} of {self.steps_an_epoch}, loss {loss:.3f}"
            )

    def _tell_epoch(self, figures: MmtEpoch) -> None:
        self._told_at = time.monotonic()
        found = ""
        if self.dev is not None:
            ranks = f"{figures.dev_r1}/{figures.dev_r5}/{figures.dev_r10}"
            found = f", R@1/5/10 {ranks} of {len(self.dev):,} held-out clips"
        took = [entry["seconds"] for entry in self._progress.history[-5:]]
        left = float(np.mean(took)) * (self.recipe.epochs - figures.epoch - 1)
        place = f"epoch {figures.epoch + 1} of {self.recipe.epochs}"
        self.say(f"{place}: loss {figures.train_loss:.4f}{found}, {left:.0f} s left")


def _groups(model: Mmt, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and tables of embeddings do not."""
    decayed: list[torch.nn.Parameter] = []
    free: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_free = parameter.ndim <= 1 or name.endswith(("positions.weight", "types.weight"))
        (free if is_free else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
