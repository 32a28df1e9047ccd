"""The training of a picture model: AdamW, a cosine with a warm-up, mixed pictures, perhaps a teacher.

A run is a function of its recipe, pictures and step: whatever is drawn at a step comes from generators seeded by it.
Therefore a run that is stopped after any step and continued from its state ends, on a CPU, with the weights of one that
was not.

Shapes: n pictures of a batch · s side in pixels · p heads · classes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer

from retrieval.errors import UsageError
from retrieval.models.classifier_files import PictureInput
from retrieval.training.classifier.augment import fitted, mixer, single_picture
from retrieval.training.classifier.engine import Engine
from retrieval.training.classifier.feed import Feed, seed_of
from retrieval.training.classifier.picture_set import PictureSet
from retrieval.training.classifier.recipe import Recipe, learning_rate_at
from retrieval.training.classifier.state import StateFile
from retrieval.training.distillation import DistillationConfig, distillation_loss, label_loss

__all__ = ["EpochFigures", "Measured", "Teacher", "Training", "logits_of"]

Teacher = Callable[[Tensor], Tensor]
"""From pixels [n, 3, s, s] in 0 to 1, as the student sees them, to logits [n, classes]."""

_NOT_DECAYED: Final = ("token", "positions.table", "pos_table")
_MEASURED_AT_ONCE: Final = 256
_TOLD_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class EpochFigures:
    """What an epoch came to; ``dev_*`` are of held-out pictures, None where there are none."""

    epoch: int
    learning_rate: float
    train_loss: float
    dev_loss: float | None
    dev_accuracy: float | None
    """Share, 0 to 1."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Mean cross entropy, and the share of right first choices."""

    loss: float
    accuracy: float


@dataclass(slots=True)
class _Progress:
    """Where a run is; all of it lies in the state file."""

    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: tuple[float, float] = (-1.0, 0.0)
    """Share of right choices and the negative loss of the best epoch."""
    best_epoch: int = -1


@dataclass(slots=True, kw_only=True)
class Training:
    """One run over ``train``. At its end ``model`` has the weights that did best on ``dev``; without it, the last."""

    model: nn.Module
    picture_input: PictureInput
    train: PictureSet
    dev: PictureSet | None
    recipe: Recipe
    engine: Engine
    teacher: Teacher | None = None
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    state: StateFile | None = None
    say: Callable[[str], None] = lambda line: None
    loaders: int = 0
    _progress: _Progress = field(default_factory=_Progress, init=False)
    _best: dict[str, Tensor] | None = field(default=None, init=False)
    _told_at: float = field(default=0.0, init=False)

    def run(self) -> list[EpochFigures]:
        """Train to the end, from the state file on where there is one. The caller's random state is put back.

        Raises:
            UsageError: the batch can't be shared among the processes; the state can't be written; the loss is no number
                any more.
        """
        if self.recipe.batch % self.engine.world:
            raise UsageError(f"a batch of {self.recipe.batch} can't be shared by {self.engine.world} processes: "
                             f"choose a --batch that is a multiple")  # fmt: skip
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            self._run()
        if self._best is not None:
            self.model.load_state_dict(self._best)
        return [EpochFigures(**figures) for figures in self._progress.history]

    @property
    def best_epoch(self) -> int:
        """The epoch, from 0, whose weights are kept."""
        return self._progress.best_epoch

    def _run(self) -> None:
        optimizer = AdamW(_groups(self.model, self.recipe.weight_decay), lr=self.recipe.learning_rate, fused=True)
        wrapped, prepared = self.engine.prepare(self.model, optimizer)
        self._continue_from_state(optimizer)
        feed = Feed(
            self.train,
            single_picture(self.recipe, self.picture_input.size),
            self.recipe.batch,
            self.recipe.seed,
            self.engine.rank,
            self.engine.world,
            self.loaders,
        )
        mix = mixer(self.recipe, len(self.train.classes))
        first = self._progress.step // feed.steps
        for epoch in range(first, self.recipe.epochs):
            begun = time.monotonic()
            for pixels, labels in feed.epoch(epoch, self._progress.step - epoch * feed.steps):
                self._step(wrapped, prepared, pixels, labels, mix, feed.steps)
                if self.state is not None and self.state.is_due() and self._progress.step % feed.steps:
                    self._progress.seconds += time.monotonic() - begun
                    begun = time.monotonic()
                    self._save(optimizer)
                self._tell_step(epoch, feed.steps)
            self._progress.seconds += time.monotonic() - begun
            self._end_epoch(epoch, feed.steps)
            if self.state is not None and (self.state.is_due() or epoch + 1 == self.recipe.epochs):
                self._save(optimizer)
            self.engine.wait()

    # -------------------------------------------------------------------------------------------------------- a step

    def _step(
        self,
        wrapped: nn.Module,
        optimizer: Optimizer,
        pixels: Tensor,
        labels: Tensor,
        mix: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        steps: int,
    ) -> None:
        step = self._progress.step
        torch.manual_seed(seed_of(self.recipe.seed, step, self.engine.rank, 1))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, steps, self.recipe)
        device = self.engine.device
        pixels, targets = mix(pixels.to(device, non_blocking=True), labels.to(device, non_blocking=True))
        wrapped.train()
        with self.engine.autocast():
            loss = self._loss(wrapped, pixels, targets)
        self.engine.step(loss, wrapped, optimizer, self.recipe.clip)
        self._progress.step += 1
        self._progress.loss_sum += float(loss.detach())
        self._progress.loss_steps += 1

    def _loss(self, wrapped: nn.Module, pixels: Tensor, targets: Tensor) -> Tensor:
        seen = self.picture_input.normalise(pixels)
        if self.teacher is None:
            return label_loss(wrapped(seen).float(), targets, self.recipe.smoothing)
        heads = wrapped(seen, heads_apart=True) if _has_two_heads(self.model) else wrapped(seen)[None]
        with torch.no_grad():
            answers = self.teacher(pixels).to(heads.device)
        return distillation_loss(heads.float(), targets, answers.float(), self.distillation, self.recipe.smoothing)

    # ------------------------------------------------------------------------------------------------------ an epoch

    def _end_epoch(self, epoch: int, steps: int) -> None:
        progress = self._progress
        found = self._measure() if self.dev is not None and self.engine.rank == 0 else None
        figures = EpochFigures(
            epoch=epoch,
            learning_rate=learning_rate_at(progress.step - 1, steps, self.recipe),
            train_loss=progress.loss_sum / max(1, progress.loss_steps),
            dev_loss=found.loss if found else None,
            dev_accuracy=found.accuracy if found else None,
            seconds=progress.seconds,
        )
        if not math.isfinite(figures.train_loss):
            raise UsageError(
                f"the training went astray in epoch {epoch + 1}: its loss is no number; give a lower --learning-rate "
                f"than {self.recipe.learning_rate:g}, and another --out"
            )
        progress.history.append(asdict(figures))
        progress.loss_sum, progress.loss_steps, progress.seconds = 0.0, 0, 0.0
        if found is None:
            progress.best_epoch = epoch
        elif (found.accuracy, -found.loss) > progress.best:
            progress.best, progress.best_epoch = (found.accuracy, -found.loss), epoch
            self._best = {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}
        self._tell_epoch(figures)

    def _measure(self) -> Measured:
        assert self.dev is not None
        logits = logits_of(self.model, self.picture_input, self.dev, self.engine.device)
        labels = torch.from_numpy(self.dev.labels)
        accuracy = float((logits.argmax(dim=1) == labels).float().mean())
        return Measured(float(F.cross_entropy(logits, labels)), accuracy)

    # ------------------------------------------------------------------------------------------------------ the state

    def _save(self, optimizer: Optimizer) -> None:
        if self.state is None or self.engine.rank != 0:
            return
        self.state.save(
            {
                "progress": asdict(self._progress),
                "model": self.model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "engine": self.engine.state(),
                "best": self._best,
            }
        )

    def _continue_from_state(self, optimizer: Optimizer) -> None:
        found = self.state.load(self.engine.device) if self.state is not None else None
        if found is None:
            return
        self._progress = _Progress(**found["progress"])
        self._progress.best = (float(self._progress.best[0]), float(self._progress.best[1]))
        self._best = found["best"]
        self.model.load_state_dict(found["model"])
        optimizer.load_state_dict(found["optimizer"])
        self.engine.continue_from(found.get("engine", {}))
        self.say(f"continuing after step {self._progress.step:,}")

    # -------------------------------------------------------------------------------------------------------- telling

    def _tell_step(self, epoch: int, steps: int) -> None:
        now = time.monotonic()
        self._told_at = self._told_at or now
        if now - self._told_at >= _TOLD_SECONDS and self.engine.rank == 0:
            self._told_at = now
            self.say(f"epoch {epoch + 1} of {self.recipe.epochs}: step {self._progress.step % steps} of {steps}")

    def _tell_epoch(self, figures: EpochFigures) -> None:
        if self.engine.rank != 0:
            return
        self._told_at = time.monotonic()
        right = "" if figures.dev_accuracy is None else f", right on {figures.dev_accuracy:.1%} of those held out"
        took = [entry["seconds"] for entry in self._progress.history[-5:]]
        left = float(np.mean(took)) * (self.recipe.epochs - figures.epoch - 1)
        self.say(
            f"epoch {figures.epoch + 1} of {self.recipe.epochs}: loss {figures.train_loss:.3f}{right}, "
            f"{left:.0f} s left"
        )


def logits_of(model: nn.Module, picture_input: PictureInput, pictures: PictureSet, device: torch.device) -> Tensor:
    """The logits [n, classes] of pictures as they are, float32 on the CPU; the model's mode is put back."""
    with _evaluating(model):
        parts = []
        for start in range(0, len(pictures), _MEASURED_AT_ONCE):
            pixels = torch.from_numpy(pictures.pixels(start, start + _MEASURED_AT_ONCE))
            seen = fitted(pixels.to(device).permute(0, 3, 1, 2), picture_input.size)
            parts.append(model(picture_input.normalise(seen)).float().cpu())
        return torch.cat(parts)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def _has_two_heads(model: nn.Module) -> bool:
    return getattr(model, "distillation_head", None) is not None


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights that decay, and those that don't: biases, norms, tokens and positions (as in timm and DeiT)."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_free = parameter.ndim <= 1 or any(part in name for part in _NOT_DECAYED)
        (free if is_free else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
