from __future__ import annotations

import numpy as np
import pytest

from retrieval.models.efficientnet_lite import efficientnet_lite0, fold_batch_norms, timm_names
from retrieval.models.picture_tower import read_weights


def test_the_name_table_covers_the_published_weights_and_reverses() -> None:
    table = timm_names(efficientnet_lite0())

    assert table.keys() == read_weights().keys()
    assert len(set(table.values())) == len(table)


def test_weights_of_another_size_are_missed() -> None:
    published = read_weights()
    del published["_blocks.3._bn2.running_var"]

    with pytest.raises(KeyError, match=r"_blocks\.3\._bn2\.running_var"):
        fold_batch_norms(efficientnet_lite0(), published)


def test_folded_weights_are_float32_rows_in_c_order() -> None:
    folded = fold_batch_norms(efficientnet_lite0(), read_weights())

    assert all(array.dtype == np.float32 and array.flags.c_contiguous for array in folded.values())
