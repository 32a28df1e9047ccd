"""The paper's ablation of the video encoder on composed videos: `python -m benchmarks.mmt_ablation CAPTIONS …`.

Gabeur et al. 2020, table 1: collaborative gating, and the transformer over max-pooled, shuffled and ordered features;
beside them the ordered arm without text's weights for experts, and with one expert alone. The model is a small one
without frame and aligned terms. The loss is the paper's, optimizer and schedule are those of `vidi train mmt`; every
arm has the same data, text tower, steps and seeds. Trained on clips composed of ``train.csv``, measured on the rendered
videos of ``dev.csv``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.composed import COUNT, RESULTS, SEED, BenchmarkClips, pairs_told_apart, read_clips
from benchmarks.machine import describe_machine
from retrieval.models.mmt import Mmt
from retrieval.models.mmt_config import FeatureTokens, Missing, Mixture, MmtConfig, TokenText, VideoEncoder, mmt_small
from retrieval.training.classifier.engine import LocalEngine
from retrieval.training.classifier.recipe import Precision
from retrieval.training.composed.generate import draw_clips
from retrieval.training.composed.parts import Kind
from retrieval.training.composed.sounds import PACKAGES
from retrieval.training.composed.source import ComposedSource
from retrieval.training.mmt.captions import CaptionStates
from retrieval.training.mmt.clips import CaptionedClip, ClipSet
from retrieval.training.mmt.loop import MmtTraining
from retrieval.training.mmt.measure import embed_clips
from retrieval.training.mmt.pictures import StarterPictures
from retrieval.training.mmt.recipe import Loss, MmtRecipe
from retrieval.training.mmt.run import MmtRun
from retrieval.training.stage_cache import StageCache

__all__ = ["ARMS", "main"]

ARMS: Final[dict[str, dict[str, Any]]] = {
    "collaborative gating": {"encoder": VideoEncoder.GATING, "features": FeatureTokens.POOLED},
    "max pool": {"features": FeatureTokens.POOLED},
    "shuffled": {"features": FeatureTokens.SHUFFLED},
    "ordered": {"features": FeatureTokens.ORDERED},
}
"""The paper's table: what each arm changes in the configuration."""
BESIDE: Final[dict[str, dict[str, Any]]] = {"ordered, even weights": {"mixture": Mixture.EVEN}}
"""Without the text's weights for experts."""
SINGLE: Final = {f"{name} alone": name for name in ("appearance", "audio", "motion", "ocr", "speech")}
"""The ordered arm over one expert."""
SEEDS: Final = (0, 1, 2)
_TOLD: Final = ("R@1", "R@5", "R@10", "MdR", "MnR", "order_right_percent")
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Rendered:
    """The benchmark's videos as clips."""

    seen: BenchmarkClips

    @property
    def groups(self) -> NDArray[np.int64]:
        """Of each clip."""
        return self.seen.groups

    def __len__(self) -> int:
        return len(self.seen.clips)

    def __getitem__(self, number: int) -> CaptionedClip:
        return CaptionedClip((self.seen.windows[number],), (self.seen.clips[number].caption,))

    def all_captions(self) -> list[str]:
        """Of all clips, in order."""
        return [clip.caption for clip in self.seen.clips]


def main() -> None:
    """Train all arms, writing what is done after each: a stopped run goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path, help="holds train.csv and dev.csv")
    parser.add_argument("--media", type=Path, required=True, help="where videos are kept")
    parser.add_argument("--atoms", type=Path, required=True, help="as of vidi train mmt")
    parser.add_argument("--tracks", type=Path, required=True, help="as of vidi train mmt")
    parser.add_argument("--sounds", type=Path, action="append", help="folders of named sounds")
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--loss", type=Loss, choices=Loss, default=Loss.MARGIN, help="default: the paper's, margin")
    parser.add_argument("--seed", type=int, action="append", help="may be repeated (default: 0, 1 and 2)")
    parser.add_argument("--out", type=Path, default=RESULTS / "mmt_ablation.json")
    arguments = parser.parse_args()
    sounds = tuple(arguments.sounds or PACKAGES)
    train = _training_clips(arguments, sounds)
    seen = read_clips(draw_clips(arguments.captions / "dev.csv", COUNT, SEED, sounds), arguments.media / "composed")
    dev, captions = _Rendered(seen), CaptionStates(StageCache(arguments.tracks), _say)
    captions.add([*train.all_captions(), *dev.all_captions()])
    recipe = MmtRecipe(loss=arguments.loss, epochs=arguments.epochs, learning_rate=1e-3, each_expert=0.0)
    _refuse_another(recipe, len(train), arguments.out)
    for arm, seed in _plan(arguments.seed or SEEDS):
        if str(seed) not in _kept(arguments.out)[arm]:
            found = _measured(arm, train, dev, captions, replace(recipe, seed=seed))
            _write(arm, seed, found, recipe, len(train), arguments.out)


def _plan(seeds: Sequence[int]) -> list[tuple[str, int]]:
    """The paper's table at every seed, then what stands beside it at the first."""
    table = [(arm, seed) for seed in seeds for arm in ARMS]
    return table + [(arm, seeds[0]) for arm in (*BESIDE, *SINGLE)]


def _training_clips(arguments: argparse.Namespace, sounds: Sequence[Path]) -> ClipSet:
    source = ComposedSource(
        photographs=arguments.captions / "train.csv", atoms=arguments.atoms, sounds=tuple(sounds), clips=arguments.clips
    )
    run = MmtRun(source=source, out=Path(), say=_say, command="", tracks=arguments.tracks)
    return source.prepare(run.experts(), StageCache(arguments.tracks), StarterPictures(), run).train


def _measured(arm: str, train: ClipSet, dev: _Rendered, captions: CaptionStates, recipe: MmtRecipe) -> Figures:
    torch.manual_seed(recipe.seed)
    model = Mmt(_config(arm, train))
    training = MmtTraining(
        model=model, train=train, dev=None, captions=captions, picture_texts=None, recipe=recipe,
        engine=LocalEngine(Precision.BFLOAT16), say=_say,
    )  # fmt: skip
    loss = training.run()[-1].train_loss
    embedded = embed_clips(model, dev, captions, None)
    found = embedded.figures()[0].to_json()
    in_order = np.isin(dev.seen.kinds, [Kind.TWO.value, Kind.THREE.value])
    scores = embedded.scores()
    figures = {**found, "order_right_percent": pairs_told_apart(scores, dev.groups, in_order), "train_loss": loss}
    _say(f"{arm}, seed {recipe.seed}: {figures}")
    return figures


def _config(arm: str, train: ClipSet) -> MmtConfig:
    dims: dict[str, int] = {}
    for number in range(len(train)):
        tracks = train[number].windows[0].tracks
        dims |= {name: track.features.shape[1] for name, track in tracks.items() if len(track)}
        if len(dims) == len(SINGLE):
            break
    if arm in SINGLE:
        dims = {SINGLE[arm]: dims[SINGLE[arm]]}
    made = mmt_small(dims, width=128, layers=2, feed_forward=256, text=TokenText(layers=1))
    return replace(made, missing=Missing.SCORED, **{**ARMS, **BESIDE}.get(arm, {}))


def _kept(path: Path) -> dict[str, dict[str, Figures]]:
    """By arm and seed, what is done."""
    runs = json.loads(path.read_text())["figures"]["runs"] if path.exists() else {}
    return {arm: dict(runs.get(arm, {})) for arm in (*ARMS, *BESIDE, *SINGLE)}


def _told(recipe: MmtRecipe) -> dict[str, Any]:
    return {name: value for name, value in recipe.to_json().items() if name != "seed"}


def _refuse_another(recipe: MmtRecipe, clips: int, path: Path) -> None:
    """Runs of two recipes are not to stand in one table."""
    if not path.exists():
        return
    there = json.loads(path.read_text())["figures"]
    if (there["recipe"], there["clips"]) != (_told(recipe), clips):
        raise SystemExit(f"{path} holds runs of another recipe or of other clips; give another --out, or remove it")


def _write(arm: str, seed: int, found: Figures, recipe: MmtRecipe, clips: int, path: Path) -> None:
    """Beside what is there by now: other seeds may be measured by another process."""
    done = _kept(path)
    done[arm][str(seed)] = found
    summary = {name: _summed(list(runs.values())) for name, runs in done.items() if runs}
    figures = {"clips": clips, "recipe": _told(recipe), "text_to_media": summary, "runs": done}
    measured = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": describe_machine()}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(measured | {"figures": figures}, indent=2) + "\n")
    part.replace(path)


def _summed(runs: Sequence[Figures]) -> Figures:
    means = {name: round(mean(run[name] for run in runs), 1) for name in _TOLD}
    deviation = round(stdev(run["R@5"] for run in runs), 1) if len(runs) > 1 else None
    return {**means, "R@5_deviation": deviation, "seeds": len(runs)}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
