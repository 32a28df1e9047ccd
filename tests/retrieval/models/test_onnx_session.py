from __future__ import annotations

import gc

import numpy as np
import onnx
import pytest

from retrieval.errors import WeightsError
from retrieval.models.onnx_graph import GraphWriter
from retrieval.models.onnx_session import OnnxModel, kept_graph
from retrieval.models.write_graphs import built_graphs

NAMES = ["efficientnet_lite0", "efficientnet_lite0_map", "minilm_l6"]


@pytest.fixture
def linear() -> bytes:
    """y [n, 2] = x [n, 3] · weightᵀ, with the weight [2, 3] left open."""
    graph = GraphWriter("linear")
    y = graph.apply("Gemm", "x", graph.weight("weight", 2, 3), result="y", transB=1)
    return graph.model(inputs={"x": (np.float32, ["n", 3])}, outputs={y: ["n", 2]}).SerializeToString()


def test_weights_given_by_name_are_used_and_stay_alive(linear: bytes) -> None:
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    model = OnnxModel(linear, {"weight": weight.copy()}, threads=1)
    gc.collect()
    x = np.array([[1, 2, 3]], np.float32)

    (y,) = model.run(x=x)

    np.testing.assert_array_equal(y, x @ weight.T)


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"other": np.zeros((2, 3), np.float32)},
        {"weight": np.zeros((3, 3), np.float32)},
        {"weight": np.zeros((2, 3), np.float64)},
    ],
    ids=["absent", "unknown", "shape", "type"],
)
def test_weights_that_do_not_fit_are_refused(linear: bytes, weights: dict[str, np.ndarray]) -> None:
    with pytest.raises(WeightsError, match="these weights do not fit the model"):
        OnnxModel(linear, weights, threads=1)


def test_kept_graphs_are_what_their_builders_make() -> None:
    built = built_graphs()

    assert sorted(built) == NAMES
    for name, content in built.items():
        kept = onnx.load_model_from_string(kept_graph(name))
        assert kept == onnx.load_model_from_string(content), f"run: python -m retrieval.models.write_graphs ({name})"


@pytest.mark.parametrize("name", NAMES)
def test_kept_graphs_are_well_formed_and_hold_no_weights(name: str) -> None:
    content = kept_graph(name)

    onnx.checker.check_model(_without_weights(onnx.load_model_from_string(content)))
    assert len(content) < 50_000


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights become inputs, since the checker would look for the files of external ones."""
    external = [each for each in model.graph.initializer if each.data_location == onnx.TensorProto.EXTERNAL]
    for tensor in external:
        model.graph.initializer.remove(tensor)
        model.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return model
