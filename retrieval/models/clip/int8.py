"""The int8 form of a graph: weights of its matrix products in 8 bits, their inputs rounded to 8 bits as they come."""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["quantized"]


def quantized(graph: Path, target: Path, pixels: NDArray[np.uint8]) -> None:
    """Write the int8 form of ``graph`` to ``target``. Raises whatever the quantizer raises on a graph unlike others."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it recommends steps of its own, which change nothing here
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            quantize_dynamic(
                graph,
                target,
                per_channel=True,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul", "Gemm"],
                use_external_data_format=True,
                extra_options={"MatMulConstBOnly": True},
            )
    finally:
        logging.root.setLevel(level)
