from __future__ import annotations

import numpy as np
import pytest

from retrieval.models.mmt_config import ExpertInput, FrameTerm, MmtConfig, TokenText, mmt_msrvtt, mmt_small
from retrieval.models.mmt_inputs import UNKNOWN_TIME, Window, cut_window, position_ids, prepare_texts, prepare_windows
from retrieval.types import FeatureTrack, Span
from tests.retrieval.models.mmt_cases import DIMS, noise, small_config, track


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0.0, 1.0, 2), (0.2, 0.4, 2), (1.0, 1.0, 3), (28.5, 28.5, 30), (29.0, 29.0, 31), (500.0, 501.0, 31)],
)
def test_positions_are_whole_seconds_from_two_on(start: float, end: float, expected: int) -> None:
    times = np.array([[start, end]], np.float32)

    assert position_ids(times, 0.0, mmt_msrvtt()).tolist() == [expected]


def test_positions_count_from_the_windows_start_and_unknown_times_are_one() -> None:
    times = np.array([[100.0, 101.0], [112.0, 113.0], [UNKNOWN_TIME, UNKNOWN_TIME]], np.float32)

    assert position_ids(times, 100.0, mmt_msrvtt()).tolist() == [2, 14, 1]


def test_a_window_holds_what_overlaps_it_with_times_cut_to_it() -> None:
    window = cut_window({"audio": track(10, 8)}, Span(2.5, 4.0))

    np.testing.assert_array_equal(window.tracks["audio"].times, [[2.5, 3.0], [3.0, 4.0]])
    assert window.start_seconds == 2.5


def test_an_absent_an_empty_and_a_nan_track_are_all_missing() -> None:
    nan = FeatureTrack(np.array([[0, 1]], np.float32), np.full((1, 8), np.nan, np.float32))
    config = small_config()

    batch = prepare_windows([Window({}), Window({"audio": track(0, 8)}), Window({"audio": nan})], config)

    audio = batch.experts["audio"]
    assert not audio.present.any()
    assert not audio.mask.any()
    assert not audio.pooled.any()


def test_a_feature_that_is_no_number_is_left_out() -> None:
    features = noise(3, 8)
    features[1, 4] = np.inf
    times = np.array([[0, 1], [1, 2], [2, 3]], np.float32)

    audio = prepare_windows([Window({"audio": FeatureTrack(times, features)})], small_config()).experts["audio"]

    assert audio.positions[0].tolist() == [2, 4]
    assert np.isfinite(audio.pooled).all()


def test_features_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="audio has features of width 9, expected 8"):
        prepare_windows([Window({"audio": track(3, 9)})], small_config())


def test_texts_are_cut_to_the_models_length() -> None:
    config = small_config()

    batch = prepare_texts([noise(30, 24), noise(2, 24)], config)

    assert batch.tokens.shape == (2, 9, 24)
    assert batch.mask.sum(axis=1).tolist() == [9, 2]


# ------------------------------------------------------------------------------------------------------ configuration


@pytest.mark.parametrize("config", [mmt_msrvtt(), small_config(), small_config(frames=False)], ids=str)
def test_a_configuration_survives_json(config: MmtConfig) -> None:
    import json

    assert MmtConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_unknown_entries_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown entries depth"):
        MmtConfig.from_json(small_config().to_json() | {"depth": 3})


def test_experts_stand_in_the_order_of_their_names() -> None:
    experts = tuple(ExpertInput(name=name, dim=3, type_id=1) for name in ("speech", "audio"))

    with pytest.raises(ValueError, match=r"experts \['speech', 'audio'\]: expected one or more, by name"):
        MmtConfig(experts=experts, text=TokenText())


def test_a_type_beyond_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a type from 1 to 18"):
        MmtConfig(experts=(ExpertInput(name="audio", dim=3, type_id=19),), text=TokenText())


def test_heads_share_the_width() -> None:
    with pytest.raises(ValueError, match="a width of 16 in 5 heads"):
        mmt_small(DIMS, width=16, heads=5)


def test_the_vectors_are_as_wide_as_all_experts_and_the_frames() -> None:
    config = mmt_small(DIMS, width=16, frames=FrameTerm(space="starter", dim=7))

    assert config.dim == 3 * 16 + 7
