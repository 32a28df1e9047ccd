"""Draws docs/charts/*.svg and docs/figures.md from benchmarks/results/*.json; nothing in them is typed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.composed_chart import draw_ablation, draw_composed
from benchmarks.run import RESULTS

__all__ = ["main"]

DOCS = Path(__file__).parent.parent / "docs"
CHARTS = DOCS / "charts"
_BLUE, _GREY = "#3b6ea5", "#b8c0c8"
_OWN = {"composed": draw_composed, "mmt_ablation": draw_ablation}


def main() -> None:
    """Draw a chart for every result that has one, and the page of all figures."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "vidi", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    CHARTS.mkdir(parents=True, exist_ok=True)
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    drawn = [_draw(name, result["figures"]) for name, result in results.items()]
    charts = dict(zip(results, drawn, strict=True))
    sections = [_section(name, result, has_chart=charts[name]) for name, result in results.items()]
    (DOCS / "figures.md").write_text("\n".join([_HEAD, *sections]))


_HEAD = """# Figures

Drawn by `make charts` from `benchmarks/results/*.json`; so are the charts. `make bench` measures most of them;
`CAPTIONS=FOLDER` adds those on captioned photographs (Flickr8k), `IMAGES=FOLDER` those on CIFAR-10, and
`python -m benchmarks.mmt_ablation` the ablation. `python -m benchmarks.run --only NAME` measures one. Medians of rounds
that ran in turn on one machine, with least and most; other machines will differ, ratios less so. Each section ends
with the time at which it was last written and, in newer ones, the machine's load. Where a figure was asked for, it
stands beside; what falls short, and why, is in [shortfalls.md](shortfalls.md).
"""


def _draw(name: str, figures: dict[str, Any]) -> bool:
    """A chart of its own, or bars of every figure that has a spread and counts something per second; else False."""
    if name in _OWN:
        _OWN[name](figures, CHARTS / f"{name}.svg")
        return True
    rates = {key: value for key, value in figures.items() if isinstance(value, dict) and "median" in value}
    rates = {
        key: value for key, value in rates.items() if value["median"] > 0 and not key.startswith(("share", "over"))
    }
    if len(rates) < 2:
        return False
    figure, axes = plt.subplots(figsize=(7, 0.5 * len(rates) + 0.8), layout="constrained")
    medians = [value["median"] for value in rates.values()]
    errors = [
        [value["median"] - value["least"] for value in rates.values()],
        [value["most"] - value["median"] for value in rates.values()],
    ]
    colours = [_GREY if "floor" in key else _BLUE for key in rates]
    bars = axes.barh([key.replace("_", " ") for key in rates], medians, xerr=errors, color=colours, ecolor="#555")
    axes.bar_label(bars, [f" {median:,.4g}" for median in medians], label_type="center", color="white")
    axes.invert_yaxis()
    figure.savefig(CHARTS / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)
    return True


def _section(name: str, result: dict[str, Any], *, has_chart: bool) -> str:
    machine = result["machine"]
    lines = [f"## {name.replace('_', ' ').capitalize()}", ""]
    if has_chart:
        lines += [f"![{name}](charts/{name}.svg)", ""]
    lines += ["| figure | measured |", "| --- | --- |"]
    lines += [f"| {key} | {value} |" for key, value in _rows(result["figures"])]
    lines += ["", f"{result['measured_at']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "]
    load = f", load {machine['load']}" if "load" in machine else ""
    lines[-1] += f"{machine['processor']}, Python {machine['python']}{load}.\n"
    return "\n".join(lines)


def _rows(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in figures.items():
        if key == "runs" and isinstance(value, dict):
            continue  # of an ablation: what the chart shows
        label = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, dict) and "median" in value:
            rows.append((label, f"{value['median']:,} ({value['least']:,} to {value['most']:,})"))
        elif isinstance(value, dict):
            rows += _rows(value, f"{label}: ")
        elif isinstance(value, int) and not isinstance(value, bool):
            rows.append((label, f"{value:,}"))
        else:
            rows.append((label, str(value)))
    return rows


if __name__ == "__main__":
    main()
