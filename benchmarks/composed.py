"""`mmt/starter` on 1,000 composed videos: `python -m benchmarks.composed CAPTIONS --media DIR [--sounds DIR]...`.

CAPTIONS holds ``dev.csv``, captioned photographs that no training saw. The videos are drawn by a seed in eight kinds of
equal parts; but for single events they come in pairs, the same events in another order, or the same sight with another
motion, sound, sentence or sign. Each caption looks for its video among all 1,000.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from retrieval.evaluation.metrics import rank_rows, summarize
from retrieval.experts.appearance import Appearance
from retrieval.experts.frames_over_time import FramesOverTime
from retrieval.experts.registry import time_experts
from retrieval.models.mmt_folder import read_mmt_folder
from retrieval.models.mmt_inference import TextSide, VideoSide
from retrieval.models.mmt_inputs import Window
from retrieval.models.sentence_encoder import TokenEncoder, TokenStates
from retrieval.search.sight import FRAMES_WEIGHT
from retrieval.settings import Settings
from retrieval.spaces.mmt import MMT_STARTER
from retrieval.training.composed.generate import draw_clips, generate
from retrieval.training.composed.parts import Clip, Kind, Move
from retrieval.training.composed.sounds import PACKAGES
from retrieval.training.mmt.pictures import StarterPictures
from retrieval.training.mmt.tracks import TrackReader
from retrieval.training.stage_cache import StageCache
from retrieval.types import FeatureTrack, Float32Array

__all__ = ["BenchmarkClips", "main", "measure_composed", "read_clips"]

RESULTS: Final = Path(__file__).parent / "results"
COUNT: Final = 1000
SEED: Final = 0
UNSEEN_COUNT: Final = 160
BY_SIGHT: Final = (Kind.ONE, Kind.TWO, Kind.THREE)
IN_ORDER: Final = (Kind.TWO, Kind.THREE)
OF_PAIRS: Final = (Kind.CAMERA, Kind.SOUND, Kind.SPEECH, Kind.WORDS, Kind.MIXED)
_WEIGHTS: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
_STILL: Final = 0.02  # of half a long side a second: less is a hand's tremble
_RANK_CONSTANT: Final = 60  # of reciprocal rank fusion (Cormack et al. 2009)

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkClips:
    """Clips, what the experts say of each rendered whole, and the states of their captions."""

    clips: Sequence[Clip]
    windows: Sequence[Window]
    texts: TokenStates

    @property
    def kinds(self) -> NDArray[np.str_]:
        """Of each clip."""
        return np.array([clip.kind.value for clip in self.clips])

    @property
    def groups(self) -> NDArray[np.int64]:
        """Of each clip."""
        return np.array([clip.group for clip in self.clips])


def main() -> None:
    """Measure, and write ``benchmarks/results/composed.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path, help="holds dev.csv")
    parser.add_argument("--media", type=Path, required=True, help="where videos and tracks are kept")
    parser.add_argument("--sounds", type=Path, action="append", help="folders of named sounds")
    parser.add_argument("--model", type=Path, default=MMT_STARTER, help="a folder of `vidi train mmt`")
    parser.add_argument("--out", type=Path, default=RESULTS / "composed.json")
    arguments = parser.parse_args()
    figures = measure_composed(arguments.captions, arguments.media, arguments.sounds or PACKAGES, arguments.model)
    measured = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": describe_machine()}
    arguments.out.write_text(json.dumps(measured | {"figures": figures}, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def measure_composed(
    captions: Path, media: Path, sounds: Sequence[Path] = PACKAGES, model: Path = MMT_STARTER
) -> Figures:
    """All figures of the page."""
    seen = read_clips(draw_clips(captions / "dev.csv", COUNT, SEED, sounds), media / "composed")
    figures = compare(seen, model)
    drawn = draw_clips(captions / "dev.csv", UNSEEN_COUNT, SEED + 1, sounds, held_out_sounds=True)
    unseen = read_clips([clip for clip in drawn if clip.kind is Kind.SOUND], media / "unseen_sounds")
    scores = mmt_scores(unseen, model)
    pairs = pairs_told_apart(scores, unseen.groups, np.ones(len(unseen.clips), np.bool_))
    return figures | {"sounds_not_in_training": {"captions": len(unseen.clips), "pairs_told_apart": pairs}}


def read_clips(clips: Sequence[Clip], folder: Path) -> BenchmarkClips:
    """Render what is not in ``folder`` yet, decode each video once, and encode the captions."""
    paths = generate(clips, folder, _say)
    experts = sorted([FramesOverTime(Appearance()), *time_experts().present], key=lambda expert: expert.name)
    found = TrackReader(experts, StageCache(folder / "tracks"), Settings(), _say).read(paths)
    if found.left_out:
        raise SystemExit(f"{len(found.left_out)} videos can't be read: {next(iter(found.left_out.items()))}")
    pictures = StarterPictures()
    tracks = pictures.tracks(found.tracks)
    windows = [pictures.window(Window(tracks[path])) for path in paths]
    return BenchmarkClips(clips, windows, TokenEncoder.load().encode([clip.caption for clip in clips]))


def compare(seen: BenchmarkClips, model: Path) -> Figures:
    """The model against frames pooled by mean and by maximum, and against frames, speech and signs fused by rank."""
    scores = baseline_scores(seen)
    better = max(("mean_frames", "max_frames"), key=lambda name: recall(scores[name], seen)["R@1"])
    words = [words_scores(seen, name) for name in ("speech", "ocr")]
    scores["frames_speech_screen_by_rank"] = fused([scores[better], *words])
    scores["frames_speech_screen_weighed"], weights = best_weighed([scores[better], *words], seen)
    scores["mmt_starter"] = mmt_scores(seen, model)
    scores["mmt_starter_and_frames"] = scores["mmt_starter"] + FRAMES_WEIGHT * scores["max_frames"]  # as a search does
    by_kind = {name: {kind.value: recall(those, seen, (kind,)) for kind in Kind} for name, those in scores.items()}
    whole = {name: recall(those, seen) for name, those in scores.items()}
    sight = {name: recall(those, seen, BY_SIGHT) for name, those in scores.items()}
    order, pairs = (
        {
            kind.value: {
                name: pairs_told_apart(those, seen.groups, seen.kinds == kind.value) for name, those in scores.items()
            }
            for kind in kinds
        }
        for kinds in (IN_ORDER, OF_PAIRS)
    )
    return {
        "videos": len(seen.clips),
        "seconds_of_video": sum(clip.seconds for clip in seen.clips),
        "all": whole,
        "by_sight_and_order_alone": sight,
        "by_kind": by_kind,
        "single_events_among_themselves": {name: recall_among(those, seen, Kind.ONE) for name, those in scores.items()},
        "order_right_percent": order,
        "other_pairs_right_percent": pairs,
        "camera_moves_told_by_motion_alone_percent": camera_moves_told(seen),
        "weights_of_speech_and_screen": weights,
        "ratio_to_better_pooled_frames": {
            "pooled_by": better,
            "all": round(whole["mmt_starter"]["R@1"] / whole[better]["R@1"], 2),
            "by_sight_and_order_alone": round(sight["mmt_starter"]["R@1"] / sight[better]["R@1"], 2),
        },
    }


# -------------------------------------------------------------------------------------------------------------- scores


def baseline_scores(seen: BenchmarkClips) -> dict[str, Float32Array]:
    """``[captions, clips]`` of the starter's frames, by their mean and by the best of them."""
    texts = StarterPictures().texts(seen.texts.sentences)
    means = np.stack([window.frame for window in seen.windows if window.frame is not None])
    frames = [window.tracks["appearance"].features.astype(np.float32) for window in seen.windows]
    return {"mean_frames": texts @ means.T, "max_frames": _best_row(texts, frames)}


def words_scores(seen: BenchmarkClips, expert: str) -> Float32Array:
    """Of what is said, or written, by sentence vectors; minus infinity where there is nothing."""
    none = FeatureTrack(np.zeros((0, 2), np.float32), np.zeros((0, seen.texts.sentences.shape[1]), np.float16))
    rows = [window.tracks.get(expert, none).features.astype(np.float32) for window in seen.windows]
    return _best_row(seen.texts.sentences, rows)


def mmt_scores(seen: BenchmarkClips, model: Path) -> Float32Array:
    """Of a trained model, without torch, as a search computes them."""
    folder, pictures = read_mmt_folder(model), StarterPictures()
    weights = folder.weights()
    begun = time.perf_counter()
    clips = VideoSide(folder.config, weights).embed(seen.windows)
    _say(f"{len(clips) / (time.perf_counter() - begun):.0f} windows a second")
    side = TextSide(folder.config, weights, pictures.texts)
    return side.embed(seen.texts.tokens, pictures.texts(seen.texts.sentences)).joined() @ clips.T


def fused(scores: Sequence[Float32Array]) -> Float32Array:
    """Reciprocal rank fusion; a clip of which a source has nothing to say gets nothing from it."""
    total = np.zeros_like(scores[0])
    for those in scores:
        ranks = np.argsort(np.argsort(-those, axis=1, kind="stable"), axis=1)
        total += np.where(np.isfinite(those), 1 / (_RANK_CONSTANT + 1 + ranks), 0)
    return total


def best_weighed(scores: Sequence[Float32Array], seen: BenchmarkClips) -> tuple[Float32Array, tuple[float, ...]]:
    """The weighted sum with the weights that are best on these very videos: more than anyone would know beforehand."""
    frames, *others = (np.where(np.isfinite(those), those, np.float32(0)) for those in scores)
    grid = []
    for weights in itertools.product(_WEIGHTS, repeat=len(others)):
        added = sum(weight * those for weight, those in zip(weights, others, strict=True))
        grid.append((np.asarray(frames + added, np.float32), weights))
    return max(grid, key=lambda entry: recall(entry[0], seen)["R@1"])


def _best_row(texts: Float32Array, rows: Sequence[Float32Array]) -> Float32Array:
    columns = [(texts @ of.T).max(axis=1, initial=-np.inf) for of in rows]
    return np.stack(columns, axis=1)


# ------------------------------------------------------------------------------------------------------------- figures


def recall(scores: Float32Array, seen: BenchmarkClips, kinds: Sequence[Kind] = tuple(Kind)) -> Mapping[str, float]:
    """R@1, R@5 and R@10 in percent, over captions of these ``kinds`` among all clips; ties share their places."""
    rows = np.flatnonzero(np.isin(seen.kinds, [kind.value for kind in kinds]))
    found = summarize(rank_rows([scores[rows]], [[int(row)] for row in rows])).to_json()
    return {name: found[name] for name in ("R@1", "R@5", "R@10")}


def recall_among(scores: Float32Array, seen: BenchmarkClips, kind: Kind) -> Mapping[str, float]:
    """The same of captions and clips of one ``kind``, without the others in their way."""
    rows = np.flatnonzero(seen.kinds == kind.value)
    found = summarize(rank_rows([scores[np.ix_(rows, rows)]], [[row] for row in range(len(rows))])).to_json()
    return {name: found[name] for name in ("R@1", "R@5", "R@10")}


def pairs_told_apart(scores: Float32Array, groups: NDArray[np.int64], chosen: NDArray[np.bool_]) -> float:
    """Percent of captions that score their clip above the other of its group; a tie is half right."""
    right = []
    for row in np.flatnonzero(chosen):
        others = np.flatnonzero(groups == groups[row])
        right += [
            0.5
            if np.isclose(scores[row, row], scores[row, other], atol=1e-6)
            else scores[row, row] > scores[row, other]
            for other in others
            if other != row
        ]
    return round(100 * float(np.mean(right)), 1)


def camera_moves_told(seen: BenchmarkClips) -> float:
    """Percent of moves that three columns of the motion expert name: whether there is anything to learn from."""
    clips = [(clip, seen.windows[row]) for row, clip in enumerate(seen.clips) if clip.kind is Kind.CAMERA]
    right = [_move_of(window.tracks["motion"]) is clip.events[0].shot.move for clip, window in clips]
    return round(100 * float(np.mean(right)), 1)


def _move_of(motion: FeatureTrack) -> Move:
    """By the largest of pan, tilt and zoom; they are kept as signed square roots, and tell how the picture moves."""
    roots = motion.features[:, :3].astype(np.float32)
    terms = (np.sign(roots) * np.square(roots)).mean(axis=0)
    largest = int(np.abs(terms).argmax())
    if abs(terms[largest]) < _STILL:
        return Move.HOLD
    towards = (
        (Move.PAN_RIGHT, Move.PAN_LEFT),
        (Move.TILT_DOWN, Move.TILT_UP),
        (Move.ZOOM_OUT, Move.ZOOM_IN),
    )
    return towards[largest][int(terms[largest] > 0)]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
