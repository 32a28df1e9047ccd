"""Losses by which a student learns from a teacher.

Touvron et al. 2021, "Training data-efficient image transformers & distillation through attention", section 4. With
Z_s, Z_t the logits of student and teacher, ψ the softmax, y the label and y_t = argmax Z_t:

    soft: (1 − λ) CE(ψ(Z_s), y) + λ τ² KL(ψ(Z_s / τ), ψ(Z_t / τ))      (2)
    hard: ½ CE(ψ(Z_s), y) + ½ CE(ψ(Z_s), y_t)                          (3)

A model with a distillation token has two heads: that of the class token meets the label, the other the teacher
(section 4, "Distillation token"). The divergence is that of the student from the teacher, Hinton et al. 2015, as in the
authors' code.

Shapes: n pictures · classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor
from torch.nn import functional as F

__all__ = ["Distillation", "DistillationConfig", "distillation_loss", "hard_loss", "label_loss", "soft_loss"]


class Distillation(StrEnum):
    """What a student takes from its teacher."""

    SOFT = "soft"
    """How likely the teacher holds each class to be."""
    HARD = "hard"
    """The class that the teacher chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationConfig:
    """Touvron et al. 2021, section 5.2: "we set τ = 3.0 and λ = 0.1"."""

    kind: Distillation = Distillation.HARD
    temperature: float = 3.0
    share: float = 0.1
    """λ of the soft loss."""

    def __post_init__(self) -> None:
        if self.temperature <= 0 or not 0 <= self.share <= 1:
            raise ValueError(f"temperature {self.temperature} and share {self.share}: expected over 0, and 0 to 1")


def label_loss(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """CE(ψ(Z_s), y): the mean over pictures, a number.

    ``logits`` [n, classes]; ``targets`` [n] classes, or [n, classes] shares where pictures were mixed.
    """
    return F.cross_entropy(logits, targets, label_smoothing=smoothing)


def soft_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """τ² KL of equation 2: the mean over pictures, a number. ``student`` and ``teacher`` are logits [n, classes]."""
    ours, theirs = ((logits.float() / temperature).log_softmax(dim=-1) for logits in (student, teacher))
    return temperature**2 * F.kl_div(ours, theirs, reduction="batchmean", log_target=True)


def hard_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """CE(ψ(Z_s), y_t) of equation 3: the mean over pictures, a number. Both are logits [n, classes]."""
    return F.cross_entropy(student, teacher.argmax(dim=-1))


def distillation_loss(
    heads: Tensor, targets: Tensor, teacher: Tensor, config: DistillationConfig, smoothing: float = 0.0
) -> Tensor:
    """Equation 2 or 3: a number.

    Args:
        heads: the student's logits [p, n, classes]; p is 2 with a distillation token, else 1.
        targets: as :func:`label_loss` takes them.
        teacher: the teacher's logits [n, classes].
        config: which equation, and its numbers.
        smoothing: of the labels; the teacher's answers are never smoothed (section 5.2).
    """
    labels = label_loss(heads[0], targets, smoothing)
    if config.kind is Distillation.SOFT:
        return (1 - config.share) * labels + config.share * soft_loss(heads[-1], teacher, config.temperature)
    return (labels + hard_loss(heads[-1], teacher)) / 2
