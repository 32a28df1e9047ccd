from __future__ import annotations

import numpy as np
from safetensors.numpy import save

from retrieval.models.safetensors_view import view_float_tensors


def test_float_tensors_are_seen_as_the_library_wrote_them() -> None:
    tensors = {
        "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
        "row": np.ones(5, np.float32),
        "scalar": np.array(3.5, np.float32),
        "whole": np.arange(4),
    }
    content = save(tensors, metadata={"format": "np"})

    views = view_float_tensors(content)

    assert sorted(views) == ["matrix", "row", "scalar"]
    for name, view in views.items():
        np.testing.assert_array_equal(view, tensors[name])
        assert not view.flags.owndata
