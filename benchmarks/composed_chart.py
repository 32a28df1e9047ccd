"""Draws docs/charts/composed.svg and docs/charts/mmt_ablation.svg from the results of both benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import pyplot as plt

__all__ = ["draw_ablation", "draw_composed"]

_METHODS: Final = {
    "mean_frames": ("frames, mean", "#b8c0c8"),
    "max_frames": ("frames, best", "#8a949e"),
    "frames_speech_screen_weighed": ("frames, speech, screen, weighed", "#c98b5a"),
    "mmt_starter": ("mmt/starter", "#3b6ea5"),
}
_SHORT: Final = {"events in order with sound, speech, words or motion": "mixed"}


def draw_composed(figures: dict[str, Any], path: Path) -> None:
    """R@1 by kind of caption, of each method."""
    kinds = list(figures["by_kind"]["mmt_starter"])
    places = np.arange(len(kinds) + 1)
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    for number, (name, (label, colour)) in enumerate(_METHODS.items()):
        heights = [figures["by_kind"][name][kind]["R@1"] for kind in kinds] + [figures["all"][name]["R@1"]]
        axes.bar(places + 0.2 * (number - 1.5), heights, 0.2, label=label, color=colour)
    labels = [_SHORT.get(kind, kind).replace(" in order", "\nin order") for kind in [*kinds, "all"]]
    axes.set_xticks(places, [label if "\n" in label else label.replace(" ", "\n") for label in labels], fontsize=9)
    axes.set_ylabel("R@1, %")
    axes.legend(frameon=False, ncols=2, loc="upper left")
    axes.set_ylim(0, 109)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw_ablation(figures: dict[str, Any], path: Path) -> None:
    """R@5 of each arm, a dot a seed."""
    runs = {arm: found for arm, found in figures["runs"].items() if found}
    figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
    for row, found in enumerate(runs.values()):
        values = [run["R@5"] for run in found.values()]
        axes.barh(row, float(np.mean(values)), color="#b8c0c8", height=0.6)
        axes.plot(values, [row] * len(values), "o", color="#3b6ea5", markersize=4)
    axes.set_yticks(range(len(runs)), list(runs))
    axes.invert_yaxis()
    axes.set_xlabel("R@5, %")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
