"""The loop learns order, and a run that was stopped ends with the weights of one that was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retrieval.errors import TrainingError
from retrieval.models.mmt import Mmt
from retrieval.models.mmt_config import MmtConfig
from retrieval.models.mmt_inputs import Window, prepare_windows
from retrieval.training.classifier.engine import LocalEngine
from retrieval.training.classifier.recipe import Precision
from retrieval.training.classifier.state import StateFile
from retrieval.training.mmt import loop
from retrieval.training.mmt.captions import CaptionStates
from retrieval.training.mmt.clips import CaptionedClip, batches_of, without_some
from retrieval.training.mmt.loop import MmtTraining
from retrieval.training.mmt.measure import embed_clips, measure
from retrieval.training.mmt.recipe import Loss, MmtRecipe
from retrieval.types import FeatureTrack
from tests.retrieval.training.mmt.conftest import ToyClips, texts_of, toy_clips

RECIPE = MmtRecipe(loss=Loss.CROSS_ENTROPY, epochs=3, batch=16, learning_rate=3e-3, left_out=0.2)


def training(
    config: MmtConfig, captions: CaptionStates, clips: ToyClips, *, state: StateFile | None = None,
    recipe: MmtRecipe = RECIPE,
) -> MmtTraining:  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Mmt(config)
    return MmtTraining(
        model=model, train=clips, dev=toy_clips(20, 9), captions=captions, picture_texts=texts_of, recipe=recipe,
        engine=LocalEngine(Precision.AUTO, "cpu"), state=state,
    )  # fmt: skip


class StoppedError(Exception):
    """Stands for a kill."""


def test_order_is_learned(toy_config: MmtConfig, captions: CaptionStates) -> None:
    recipe = replace(RECIPE, epochs=10, left_out=0.0, learning_rate=5e-3)
    run = training(toy_config, captions, toy_clips(320, 1), recipe=recipe)
    history = run.run()
    assert history[-1].train_loss < 0.6 * history[0].train_loss
    dev = toy_clips(40, 3)
    found = embed_clips(run.model, dev, captions, texts_of)
    scores = found.scores()
    other = scores[np.arange(40), np.arange(40) ^ 1]
    assert (scores.diagonal() > other).mean() > 0.8
    figures = measure(found)
    assert set(figures) == {"text_to_media", "media_to_text"}


class LongClips(ToyClips):
    """Of three windows each: in two of them is something else."""

    def __getitem__(self, number: int) -> CaptionedClip:
        own, others = super().__getitem__(number), toy_clips(64, 2)
        windows = (others[number % 64].windows[0], own.windows[0], others[(number + 1) % 64].windows[0])
        return replace(own, windows=windows)


@pytest.mark.parametrize("kind", [ToyClips, LongClips])
@pytest.mark.parametrize("stop_after", [1, 7, 11])
def test_a_stopped_run_ends_with_the_same_weights(
    toy_config: MmtConfig, captions: CaptionStates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    say: Callable[[str], None], stop_after: int, kind: type[ToyClips],
) -> None:  # fmt: skip
    clips = kind(toy_clips(64, 1).pairs)
    whole = training(toy_config, captions, clips)
    whole.run()
    file = tmp_path / "state.pt"
    begun = training(toy_config, captions, clips, state=StateFile(file, say, seconds=0.0))
    step, done = begun._step, 0

    def stopping(*arguments: object) -> None:
        nonlocal done
        if done == stop_after:
            raise StoppedError
        done += 1
        step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(MmtTraining, "_step", lambda self, *arguments: stopping(*arguments))
    with pytest.raises(StoppedError):
        begun.run()
    monkeypatch.undo()
    torch.rand(3)  # whatever else draws in between
    again = training(toy_config, captions, clips, state=StateFile(file, say, seconds=0.0))
    history = again.run()
    assert len(history) == RECIPE.epochs
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name


def test_each_window_of_a_clip_is_learned_from_in_time(
    toy_config: MmtConfig, captions: CaptionStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: Counter[int] = Counter()

    class Counted(ToyClips):
        def __getitem__(self, number: int) -> CaptionedClip:
            own = super().__getitem__(number)
            windows = [replace(own.windows[0], start_seconds=float(start)) for start in range(3)]
            return replace(own, windows=windows)

    def prepare(windows: Sequence[Window], *more: Any) -> Any:
        taken.update(int(window.start_seconds) for window in windows)
        return prepare_windows([replace(window, start_seconds=0.0) for window in windows], *more)

    monkeypatch.setattr(loop, "prepare_windows", prepare)
    training(toy_config, captions, Counted(toy_clips(64, 1).pairs)).run()
    assert sum(taken.values()) == 3 * 64
    assert all(40 < taken[start] < 90 for start in range(3))


def test_the_callers_random_state_is_put_back(toy_config: MmtConfig, captions: CaptionStates) -> None:
    before = torch.get_rng_state()
    training(toy_config, captions, toy_clips(16, 1), recipe=replace(RECIPE, epochs=1)).run()
    assert torch.equal(before, torch.get_rng_state())


def test_groups_share_a_batch() -> None:
    groups = np.repeat(np.arange(20), 2)
    batches = list(batches_of(groups, 8, np.random.default_rng(0)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(40))
    assert all(np.unique(groups[rows], return_counts=True)[1].tolist() == [2] * 4 for rows in batches)
    assert [len(rows) for rows in batches_of(groups, 12, np.random.default_rng(0))] == [12, 12, 12]


def test_never_all_experts_are_left_out() -> None:
    track = FeatureTrack(np.array([[0, 1]], np.float32), np.ones((1, 2), np.float32))
    window = Window({"appearance": track, "motion": track})
    kept = [set(without_some(window, 0.9, np.random.default_rng(seed)).tracks) for seed in range(50)]
    assert all(kept)
    assert {"appearance", "motion"} in kept
    assert {"motion"} in kept


def test_features_that_are_no_numbers_are_left_out(toy_config: MmtConfig, captions: CaptionStates) -> None:
    class Broken(ToyClips):
        def __getitem__(self, number: int):  # type: ignore[no-untyped-def]
            clip = super().__getitem__(number)
            clip.windows[0].tracks["appearance"].features[1] = np.nan
            return clip

    run = training(toy_config, captions, Broken(toy_clips(32, 1).pairs), recipe=replace(RECIPE, epochs=1))
    assert np.isfinite(run.run()[0].train_loss)
    assert all(torch.isfinite(tensor).all() for tensor in run.model.state_dict().values())


def test_a_training_that_diverges_ends_with_one_line_and_keeps_no_such_state(
    toy_config: MmtConfig, captions: CaptionStates, tmp_path: Path, say: Callable[[str], None]
) -> None:
    file = tmp_path / "state.pt"
    recipe = replace(RECIPE, learning_rate=1e30, epochs=40)
    run = training(
        toy_config, captions, toy_clips(64, 1), recipe=recipe, state=StateFile(file, say, seconds=0.0)
    )  # fmt: skip
    with pytest.raises(TrainingError, match=r"^the training diverged: after .*; give a --learning-rate below 1e\+30"):
        run.run()
    kept = StateFile(file, say).load(torch.device("cpu"))
    assert kept is None or all(torch.isfinite(tensor).all() for tensor in kept["model"].values())


def test_weights_that_a_last_step_spoils_are_no_result(toy_config: MmtConfig, captions: CaptionStates) -> None:
    run = training(toy_config, captions, toy_clips(16, 1), recipe=replace(RECIPE, epochs=1))
    step = run.engine.step

    def spoiling(*arguments: Any) -> None:
        step(*arguments)
        with torch.no_grad():
            next(run.model.parameters()).fill_(float("nan"))

    run.engine.step = spoiling  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="holds numbers that are not finite"):
        run.run()


def test_the_scale_of_half_precision_is_continued(tmp_path: Path) -> None:
    engine, again = (LocalEngine(Precision.FLOAT16, "cpu") for _ in range(2))
    assert engine.state()["scale"] > 1
    again.continue_from({**engine.state(), "scale": 8.0})
    assert again.state()["scale"] == 8
    LocalEngine(Precision.FLOAT32, "cpu").continue_from({})
    again.continue_from({})  # of a state file of before
    assert again.state()["scale"] == 8


def test_the_engine_is_in_the_state(
    toy_config: MmtConfig, captions: CaptionStates, tmp_path: Path, say: Callable[[str], None]
) -> None:
    def made() -> MmtTraining:
        state = StateFile(tmp_path / "state.pt", say, seconds=0.0)
        return training(toy_config, captions, toy_clips(16, 1), state=state, recipe=replace(RECIPE, epochs=1))

    begun, told = made(), {"scale": 8.0}
    begun.engine.state = lambda: told  # type: ignore[method-assign]
    begun.run()
    again, heard = made(), []
    again.engine.continue_from = heard.append  # type: ignore[method-assign]
    again.run()
    assert heard == [told]
