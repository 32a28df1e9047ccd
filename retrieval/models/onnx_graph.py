"""Writes an ONNX graph whose weights stay outside of it, in words close to the model's own.

Only names and shapes of the weights stand in the graph; the numbers are read from the publisher's own file
and given by name when a session opens (:func:`retrieval.models.onnx_session.open_session`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["GraphWriter"]

_OPERATOR_SET: Final = 20  # the first with Gelu
_FORMAT_VERSION: Final = 9  # of ONNX files: the one that came with operator set 20


class GraphWriter:
    """Collects a graph's operators from its inputs to its outputs; values are known by name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, TensorProto] = {}

    def weight(self, name: str, *shape: int) -> str:
        """Declares a float32 tensor that is given when a session opens. Returns its name."""
        tensor = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="given when the session opens")  # the format wants one
        self._initializers[name] = tensor
        return name

    def constant(self, name: str, value: float | Sequence[int]) -> str:
        """A float32 scalar or a row of int64 that is part of the graph. Returns its name."""
        array = np.array(value, np.float32 if isinstance(value, float) else np.int64)
        self._initializers[name] = numpy_helper.from_array(array, name)
        return name

    def apply(self, operator: str, *inputs: str, result: str, **attributes: Any) -> str:
        """Adds one operator. Returns the name of its result."""
        self._nodes.append(helper.make_node(operator, inputs, [result], name=result, **attributes))
        return result

    def to_float(self, x: str, *, result: str) -> str:
        """Adds a cast to float32. Returns the name of its result."""
        return self.apply("Cast", x, result=result, to=TensorProto.FLOAT)

    def to_boolean(self, x: str, *, result: str) -> str:
        """Adds a cast to boolean, false where ``x`` is 0. Returns the name of its result."""
        return self.apply("Cast", x, result=result, to=TensorProto.BOOL)

    def model(
        self,
        *,
        inputs: Mapping[str, tuple[type[np.generic], Sequence[int | str]]],
        outputs: Mapping[str, Sequence[int | str]],
    ) -> onnx.ModelProto:
        """The finished model; a name in a shape stands for any length.

        ``inputs`` are (number type, shape), ``outputs`` shapes of float32.
        """
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [_value(name, number, shape) for name, (number, shape) in inputs.items()],
            [_value(name, np.float32, shape) for name, shape in outputs.items()],
            list(self._initializers.values()),
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPERATOR_SET)], ir_version=_FORMAT_VERSION
        )


def _value(name: str, number: type[np.generic], shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(number)), shape)
