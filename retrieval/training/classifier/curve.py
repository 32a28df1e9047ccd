"""The learning curve: as data (CSV), and as a picture (SVG, written by hand: no drawing library need be installed)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

__all__ = ["CLASSIFIER_PANELS", "RETRIEVAL_PANELS", "curve_csv", "curve_svg"]

_WIDTH, _HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 34, 36
_COLOURS: Final = {
    "train_loss": "#b06a3b", "dev_loss": "#3b6ea5", "dev_accuracy": "#3b8f5a", "dev_r1": "#3b6ea5", "dev_r5": "#3b8f5a",
    "dev_r10": "#8f3b7a",
}  # fmt: skip
_WORDS: Final = {
    "train_loss": "loss, training", "dev_loss": "loss, held out", "dev_accuracy": "right, held out",
    "dev_r1": "R@1, held out", "dev_r5": "R@5, held out", "dev_r10": "R@10, held out",
}  # fmt: skip
CLASSIFIER_PANELS: Final = (("train_loss", "dev_loss"), ("dev_accuracy",))
RETRIEVAL_PANELS: Final = (("train_loss",), ("dev_r1", "dev_r5", "dev_r10"))
_GRID: Final = 4

Entry = Mapping[str, float | None]


def curve_csv(entries: Sequence[Entry]) -> str:
    """A header and a row for each entry; what was not measured is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(entries[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return text.getvalue()


def curve_svg(
    title: str, along: str, entries: Sequence[Entry], panels: Sequence[Sequence[str]] = CLASSIFIER_PANELS
) -> str:
    """Charts one below the other, losses above, over the entries' ``along`` (epochs, or penalties)."""
    drawn = [_panel(names, along, entries, top=number * _HEIGHT) for number, names in enumerate(panels)]
    height = len(panels) * _HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12"><title>{escape(title)}</title>'
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>{"".join(drawn)}</svg>\n'
    )


def _panel(names: Sequence[str], along: str, entries: Sequence[Entry], *, top: int) -> str:
    lines = {name: [entry.get(name) for entry in entries] for name in names}
    values = [value for line in lines.values() for value in line if value is not None]
    if not values:
        return ""
    low, high = min(0.0, *values), max(values) * 1.05 or 1.0
    parts = [_grid(low, high, top), _axis(along, entries, top)]
    for number, (name, line) in enumerate((name, line) for name, line in lines.items() if any(line)):
        points = [
            (_across(place, len(entries)), _up(value, low, high, top))
            for place, value in enumerate(line)
            if value is not None
        ]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        colour = _COLOURS[name]
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(points) == 1:
            parts.append(f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3" fill="{colour}"/>')
        parts.append(f'<text x="{_LEFT + 150 * number}" y="{top + 20}" fill="{colour}">{_WORDS[name]}</text>')
    return "".join(parts)


def _grid(low: float, high: float, top: int) -> str:
    parts = []
    for number in range(_GRID + 1):
        value = low + (high - low) * number / _GRID
        y = _up(value, low, high, top)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dde2e6"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{value:.2f}</text>')
    return "".join(parts)


def _axis(along: str, entries: Sequence[Entry], top: int) -> str:
    y, middle = top + _HEIGHT - _BOTTOM + 16, (_LEFT + _WIDTH - _RIGHT) / 2
    ends = [(0, "start"), (len(entries) - 1, "end")] if len(entries) > 1 else [(0, "middle")]
    told = [
        f'<text x="{_across(place, len(entries)):.1f}" y="{y}" text-anchor="{anchor}" fill="#555">'
        f"{entries[place][along]:g}</text>"
        for place, anchor in ends
    ]
    return "".join(told) + f'<text x="{middle}" y="{y + 14}" text-anchor="middle" fill="#555">{escape(along)}</text>'


def _across(place: int, count: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (place / (count - 1) if count > 1 else 0.5)


def _up(value: float, low: float, high: float, top: int) -> float:
    return top + _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - (value - low) / (high - low))
