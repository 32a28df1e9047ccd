"""One training of an experiment, and its record, which is written after each so that a stopped experiment continues."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.experiments.scale import SIZE, Scale
from benchmarks.machine import describe_machine
from retrieval.models.classifier_files import PictureInput
from retrieval.training.classifier.engine import LocalEngine
from retrieval.training.classifier.loop import Teacher, Training, logits_of
from retrieval.training.classifier.picture_set import PictureSet
from retrieval.training.classifier.recipe import Recipe
from retrieval.training.distillation import DistillationConfig

__all__ = ["Record", "parameters", "told_right", "train_model"]

RESULTS = Path(__file__).parent.parent / "results" / "experiments"


def train_model(
    build: Callable[[], nn.Module],
    train: PictureSet,
    recipe: Recipe,
    seed: int,
    teacher: Teacher | None = None,
    distillation: DistillationConfig | None = None,
) -> nn.Module:
    """A model that starts from ``seed`` and is trained to the last epoch: no picture of the test chooses among them."""
    torch.manual_seed(seed)
    engine = LocalEngine()
    model = build().to(engine.device)
    Training(
        model=model,
        picture_input=PictureInput(SIZE),
        train=train,
        dev=None,
        recipe=replace(recipe, seed=seed),
        engine=engine,
        teacher=teacher,
        distillation=distillation or DistillationConfig(),
        loaders=min(8, os.cpu_count() or 1) if engine.device.type == "cuda" else 0,
    ).run()
    return model.eval()


def told_right(model: nn.Module, test: PictureSet, size: int = SIZE) -> float:
    """Share of ``test`` that is told right, in percent, with pictures enlarged to ``size``."""
    device = next(model.parameters()).device
    logits = logits_of(model, PictureInput(size), test, device)
    return 100 * float((logits.argmax(dim=1).numpy() == test.labels).mean())


def parameters(model: nn.Module) -> int:
    """How many numbers training sets."""
    return sum(parameter.numel() for parameter in model.parameters())


@dataclass(slots=True)
class Record:
    """The figures of an experiment by arm and seed, in ``benchmarks/results/experiments``."""

    name: str
    scale: Scale
    arms: dict[str, dict[str, dict[str, float]]]
    seconds: float = 0.0

    @classmethod
    def opened(cls, name: str, scale: Scale) -> Record:
        """What an earlier run at the same scale has left, or nothing."""
        record = cls(name, scale, {})
        path = record.path
        if path.exists():
            found = json.loads(path.read_text("utf-8"))
            if found["scale"] == record.described_scale():
                record.arms, record.seconds = found["arms"], found["seconds"]
        return record

    @property
    def path(self) -> Path:
        """Of the file."""
        return RESULTS / f"{self.name}_{self.scale.name}.json"

    def described_scale(self) -> dict[str, Any]:
        """As JSON gives it back."""
        described: dict[str, Any] = json.loads(json.dumps(asdict(self.scale)))
        return described

    def measure(self, arm: str, seed: int, run: Callable[[], dict[str, float]]) -> None:
        """Run what is missing, and write it down."""
        if str(seed) in self.arms.get(arm, {}):
            return
        begun = time.monotonic()
        found = run()
        took = time.monotonic() - begun
        self.seconds += took
        self.arms.setdefault(arm, {})[str(seed)] = {name: round(value, 3) for name, value in found.items()}
        print(f"{self.name}: {arm}, seed {seed}: {found} ({took:.0f} s)", flush=True)
        self.write()

    def write(self) -> None:
        """Replace the file."""
        content = {
            "experiment": self.name,
            "scale": self.described_scale(),
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": describe_machine() | {"device": _device()},
            "seconds": round(self.seconds, 1),
            "arms": self.arms,
        }
        RESULTS.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        part.replace(self.path)

    def values(self, arm: str, figure: str) -> list[float]:
        """One figure of an arm, a value a seed."""
        return [found[figure] for found in self.arms[arm].values()]


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def mean_of(values: Sequence[float]) -> float:
    """The mean."""
    return float(np.mean(values))
