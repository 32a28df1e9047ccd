"""Draws docs/experiments.md and its charts from benchmarks/results/experiments; no figure in them is typed by hand.

`python -m benchmarks.experiments.page`
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.experiments.runs import RESULTS
from benchmarks.experiments.scale import TRIALS

__all__ = ["main"]

DOCS: Final = Path(__file__).parents[2] / "docs"
_COLOURS: Final = ("#3b6ea5", "#b06a3b", "#3b8f5a", "#8a5ba6")
Arms = Mapping[str, Mapping[str, Mapping[str, float]]]
Result = Mapping[str, Any]

_HEAD = """# The papers' claims, at small scale

Drawn by `python -m benchmarks.experiments.page` from `benchmarks/results/experiments/*.json`. Accuracy in percent on
pictures not trained on; three seeds: the mean, and in brackets the least and the most. "Shown" means here that every
seed of one arm is better than every seed of the other; anything less is "not shown", whatever the means say.

The models are the classes of `retrieval/models`, made small. Every arm of an experiment has the same pictures, recipe
and number of epochs, but in the last, which says what differs; the last epoch counts, so that no test picture chooses.
To repeat one, or to run it on other pictures (`train/<class>` and `test/<class>`, or a folder for each class), with
CIFAR-10 (Krizhevsky 2009) as a folder or zip:

```
python -m benchmarks.experiments positions --images cifar10.zip --small
python -m benchmarks.experiments positions --images cifar10.zip --trial coarse
```

`--small` is for two cores. Without it models, pictures and epochs are larger, meant for one GPU of which a run should
take under 20 minutes: **no GPU was at hand, so those have not been run, and their time is not measured.** `--trial` is
for two cores, too: other settings of the claims that the first did not show. The more are tried, the likelier it is
that one shows a claim by chance: at three seeds against three, one in twenty does where there is no difference.
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a paper says, and how its figures are judged."""

    title: str
    claim: str
    verdict: Callable[[Arms], list[str]]
    unlike: Callable[[Result], list[str]] = lambda _: []
    """What arms do not have in common."""
    summary: Callable[[list[Result]], str] = lambda _: ""
    """Of every setting that was tried."""


def _values(arms: Arms, arm: str, figure: str = "accuracy") -> list[float]:
    return [found[figure] for found in arms[arm].values()]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _is_shown(arms: Arms, better: str, worse: str) -> bool:
    return min(_values(arms, better)) > max(_values(arms, worse))


def _steps(scale: Mapping[str, Any], pictures: int, epochs: int) -> int:
    """Of a run over so many pictures of each class."""
    return epochs * -(-pictures * int(scale["classes"]) // int(scale["recipe"]["batch"]))


def _against(arms: Arms, better: str, worse: str) -> str:
    ours, theirs = _values(arms, better), _values(arms, worse)
    gain = _mean(ours) - _mean(theirs)
    told = f"{better} against {worse}: {gain:+.1f} points on the mean"
    if _is_shown(arms, better, worse):
        return f"Shown. {told}, and every seed above every seed."
    return f"Not shown at this size. {told}, but the seeds overlap."


def _positions(arms: Arms) -> list[str]:
    lines = []
    changes = {arm: [found["at 64"] - found["at 32"] for found in seeds.values()] for arm, seeds in arms.items()}
    told = "; ".join(
        f"{arm} {_mean(values):+.1f} ({min(values):+.1f} to {max(values):+.1f})" for arm, values in changes.items()
    )
    lines.append(f"From 32 to 64 pixels: {told}.")
    others = [value for arm, values in changes.items() if arm != "PEG" for value in values]
    if min(changes["PEG"]) > max(others):
        lines.append("Shown: with every seed PEG keeps more than the others.")
    elif max(changes["PEG"]) < min(others):
        lines.append("The contrary is seen here: with every seed PEG keeps less than the others.")
    else:
        ahead = all(_mean(changes["PEG"]) > _mean(values) for arm, values in changes.items() if arm != "PEG")
        how = "PEG keeps the most on the mean, as claimed" if ahead else "PEG does not keep the most even on the mean"
        lines.append(f"Not shown at this size: {how}, but the seeds overlap.")
    return lines


def _distillation(arms: Arms) -> list[str]:
    teacher = _values(arms, "teacher")
    taught = [arm for arm in arms if arm not in ("teacher", "alone")]
    lines = [f"The teacher itself tells {_mean(teacher):.1f} right ({min(teacher):.1f} to {max(teacher):.1f})."]
    return lines + [_against(arms, arm, "alone") for arm in taught]


def _taught(results: list[Result]) -> str:
    """At how many steps students did better than alone."""
    told = []
    for result in results:
        arms, scale = result["arms"], result["scale"]
        steps = _steps(scale, scale["train"], scale["recipe"]["epochs"])
        arm_told = (
            f"{arm} {_mean(_values(arms, arm)) - _mean(_values(arms, 'alone')):+.1f} "
            f"({'shown' if _is_shown(arms, arm, 'alone') else 'not shown'})"
            for arm in arms
            if arm not in ("teacher", "alone")
        )
        told.append(f"in `{scale['name']}` ({steps:,} steps) {', '.join(arm_told)}")
    return (
        f"Against a student alone, in points on the mean: {'; '.join(told)}. The settings differ in pictures, epochs "
        "and patches at once, so they don't tell which of these a gain comes from."
    )


def _convolution(arms: Arms) -> list[str]:
    sizes = "; ".join(f"{arm} {_values(arms, arm, 'parameters')[0]:,.0f}" for arm in arms)
    plain, placed = _values(arms, "CvT"), _values(arms, "CvT with positions")
    apart = _mean(plain) - _mean(placed)
    overlap = max(plain) >= min(placed) and max(placed) >= min(plain)
    need = (
        f"That CvT needs no positions agrees with this: without them {apart:+.1f} points on the mean, and the seeds "
        "overlap."
        if overlap
        else f"CvT without positions differs from CvT with them by {apart:+.1f} points, beyond the spread of seeds."
    )
    return [f"Parameters: {sizes}.", _against(arms, "CvT", "ViT"), need]


def _pretrained(arms: Arms) -> list[str]:
    counts = [arm.removeprefix("head on features, ") for arm in arms if arm.startswith("head")]
    return [_against(arms, f"head on features, {count}", f"ViT from scratch, {count}") for count in counts]


def _pretrained_unlike(result: Result) -> list[str]:
    scale = result["scale"]
    runs = ((scale["few"], scale["little_epochs"]), (scale["train"], scale["recipe"]["epochs"]))
    told = " and ".join(
        f"{epochs} epochs of {count} of a class ({_steps(scale, count, epochs):,} steps in all)"
        for count, epochs in runs
    )
    return [
        f"Not alike: the ViT had {told}; the head is fitted without epochs, on features of 224 pixels a side that were "
        "trained on far more pictures. So few steps may be part of why the ViT is behind; no longer run was measured."
    ]


_POSITIONS_THOUGHT: Final = (
    "A thought, not tested: at a third of the pictures right, little of what any of these models knows hangs on "
    "places, and a change of a point is within the chance of 2,000 test pictures. With patches of 8 pixels, 12 of "
    "the 16 places of the training grid lie at its border, where a PEG's padding shows; of the 64 at twice the "
    "size, 28."
)

CLAIMS: Final[Mapping[str, Claim]] = {
    "positions": Claim(
        "Position encodings at other sizes",
        "The claim of Chu et al. 2021: a model whose positions a PEG makes, trained at one size, holds or gains at a "
        "larger one, where learned and sinusoidal tables, interpolated, lose. Trained at 32, tested at 32, 48 and 64 "
        "without fine-tuning (test pictures enlarged; training shows enlarged parts of pictures, as in the paper).",
        _positions,
        summary=lambda _: _POSITIONS_THOUGHT,
    ),
    "distillation": Claim(
        "A small DeiT alone, and taught by a convolutional network",
        "The claim of Touvron et al. 2021: a student that learns from a convolutional teacher does better than "
        "alone, most by hard distillation with its own token. The teacher is trained on the same pictures.",
        _distillation,
        summary=_taught,
    ),
    "convolution": Claim(
        "CvT with and without positions, and ViT, on little data",
        "The claim of Wu et al. 2021: CvT needs no position encoding; with little data its convolutions help, against "
        "a ViT of as many parameters.",
        _convolution,
    ),
    "pretrained": Claim(
        "ViT from scratch, and a head on pretrained features",
        "A head on the embedded EfficientNet-Lite0's features (trained on ImageNet-1k) against a ViT from scratch, on "
        "the same pictures. The few are drawn by the seed; with all, the head differs by its folds alone.",
        _pretrained,
        unlike=_pretrained_unlike,
    ),
}


def main() -> None:
    """Draw every experiment that has results."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "vidi", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    (DOCS / "charts").mkdir(parents=True, exist_ok=True)
    sections = [_HEAD]
    for name, claim in CLAIMS.items():
        for scale in ("small", "large"):
            path = RESULTS / f"{name}_{scale}.json"
            if path.exists():
                sections.append(_section(name, claim, json.loads(path.read_text("utf-8"))))
        sections += _trials(name, claim)
    (DOCS / "experiments.md").write_text("\n".join(sections), "utf-8")


def _trials(name: str, claim: Claim) -> list[str]:
    """Every other setting that was tried, whatever it showed."""
    paths = [path for trial in TRIALS if (path := RESULTS / f"{name}_{trial}.json").exists()]
    if not paths:
        return []
    told = f"{len(paths)} more settings were" if len(paths) > 1 else "One more setting was"
    lines = ["### Other settings", "", f"{told} tried, since the first shows too little. All of them stand here.", ""]
    first = RESULTS / f"{name}_small.json"
    results = [json.loads(path.read_text("utf-8")) for path in (first, *paths)]
    for result in results[1:]:
        lines += [*_table(result["arms"]), "", *(f"- {line}" for line in claim.verdict(result["arms"]))]
        lines += ["", _made(result), ""]
    return ["\n".join([*lines, claim.summary(results), ""])]


def _section(name: str, claim: Claim, result: Result) -> str:
    arms: Arms = result["arms"]
    scale = result["scale"]
    chart = f"experiment_{name}_{scale['name']}"
    _draw(chart, arms)
    lines = [f"## {claim.title}", "", claim.claim, "", f"![{claim.title}](charts/{chart}.svg)", ""]
    lines += [*_table(arms), "", *(f"- {line}" for line in (*claim.verdict(arms), *claim.unlike(result)))]
    lines += ["", _made(result), ""]
    return "\n".join(lines)


def _table(arms: Arms) -> list[str]:
    figures = _figures(arms)
    lines = [f"| | {' | '.join(figures)} |", f"| --- {'| --- ' * len(figures)}|"]
    for arm in arms:
        cells = [_cell(_values(arms, arm, figure)) for figure in figures]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


def _figures(arms: Arms) -> list[str]:
    return [figure for figure in next(iter(next(iter(arms.values())).values())) if figure != "parameters"]


def _cell(values: list[float]) -> str:
    return f"{_mean(values):.1f} ({min(values):.1f}–{max(values):.1f})"


def _made(result: Result) -> str:
    scale, machine = result["scale"], result["machine"]
    recipe = scale["recipe"]
    runs = sum(len(seeds) for seeds in result["arms"].values())
    minutes = round(result["seconds"] / 60)
    made = f"{machine['processor']}, {machine['cores']} cores, {machine['device']}"
    return (
        f"`{result['experiment']}`, {scale['name']}: {runs} runs, {minutes} minutes on a busy machine "
        f"({made}); up to {scale['train']} pictures of a class ({scale['little']} where little data are wanted), "
        f"{recipe['epochs']} epochs ({scale['little_epochs']} on little data), batches of {recipe['batch']}, patches "
        f"of {scale['patch']} pixels, parts of {100 * recipe['smallest_part']:.0f} % and more of a picture; "
        f"{result['measured_at'][:10]}."
    )


def _draw(chart: str, arms: Arms) -> None:
    figures = _figures(arms)
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for number, arm in enumerate(arms):
        colour = _COLOURS[number % len(_COLOURS)]
        seeds = [[values[name] for name in figures] for values in arms[arm].values()]
        means = [_mean(list(column)) for column in zip(*seeds, strict=True)]
        if len(figures) > 1:
            axes.plot(figures, means, color=colour, label=arm, marker="o")
            for values in seeds:
                axes.plot(figures, values, color=colour, alpha=0.3, linewidth=0.8)
        else:
            axes.barh([arm], means, color=colour, alpha=0.6)
            axes.scatter([values[0] for values in seeds], [arm] * len(seeds), color="#222", s=14, zorder=3)
    if len(figures) > 1:
        axes.legend(frameon=False)
        axes.set_ylabel("right, %")
    else:
        axes.invert_yaxis()
        axes.set_xlabel("right, %; a dot for each seed")
    figure.savefig(DOCS / "charts" / f"{chart}.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
