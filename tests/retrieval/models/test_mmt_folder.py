"""A folder holds no weight that is not a number, or that half precision makes infinite."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.errors import WeightsError
from retrieval.models.mmt_config import mmt_small
from retrieval.models.mmt_folder import folder_files


@pytest.mark.parametrize(
    ("value", "shape", "message"),
    [
        (
            np.nan,
            (2, 2),
            r"the weight a reaches nan, expected at most 3\.40282e\+38; train it anew with a lower --learn",
        ),
        (-np.inf, (2, 2), r"the weight a reaches inf, expected at most"),
        (
            7e4,
            (70, 70),
            r"the weight a reaches 70000, expected at most 65504; train it anew with a lower --learning-rate",
        ),
    ],
)
def test_weights_that_can_not_be_kept_are_refused(value: float, shape: tuple[int, int], message: str) -> None:
    weight = np.zeros(shape, np.float32)
    weight[0, 0] = value
    with pytest.raises(WeightsError, match=message):
        folder_files(mmt_small({"motion": 4}), {"a": weight}, {"motion": "1"}, {})


def test_a_small_one_may_be_as_large_as_float32_has_it() -> None:
    assert folder_files(mmt_small({"motion": 4}), {"a": np.full(4, 7e4, np.float32)}, {"motion": "1"}, {})
