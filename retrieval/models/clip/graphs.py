"""The two sides of a model as ONNX graphs: written once, held against torch before their first use, and kept."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ModelError
from retrieval.models.clip.int8 import quantized
from retrieval.models.clip.kept import GRAPH, Kept, keep
from retrieval.models.clip.names import ClipName, Form
from retrieval.models.clip.sample import sample_pictures, sample_texts
from retrieval.models.clip.tokens import BackendTokens, OpenClipTokens, Tokens
from retrieval.models.onnx_session import OnnxFile
from retrieval.types import Float32Array

if TYPE_CHECKING:
    from retrieval.models.clip.facts import ClipFacts
    from retrieval.models.clip.weights import LoadedClip

__all__ = [
    "LEAST_COSINE",
    "LEAST_COSINE_INT8",
    "TOKENIZER",
    "can_export",
    "int8_key",
    "keep_int8",
    "keep_pictures",
    "keep_texts",
]

LEAST_COSINE: Final = 0.999
"""A graph that agrees less with torch is not used."""
LEAST_COSINE_INT8: Final = 0.98
"""An int8 form that agrees less with float32 is refused."""
TOKENIZER: Final = "tokenizer.json"
_BATCH: Final = 4


def can_export() -> bool:
    """Whether the packages that write graphs are installed."""
    return find_spec("onnx") is not None and find_spec("onnxscript") is not None


def int8_key(facts: ClipFacts) -> str:
    """Under which the int8 graph of the picture side is kept."""
    return f"{facts.version(Form.INT8)}-pictures"


def keep_pictures(loaded: LoadedClip, key: str) -> Kept:
    """Write the graph of the picture side: pixels ``[n, h, w, 3]`` uint8 to vectors ``[n, d]``.

    Raises:
        ModelError: the model can't be written as a graph, or the graph disagrees with torch.
        OSError: it can't be kept.
    """
    from retrieval.models.clip.weights import PictureSide

    form = loaded.facts.preprocessing
    pixels = sample_pictures(form.height, form.width)
    return keep(key, lambda folder: _export(PictureSide(loaded), "pixels", pixels, folder))


def keep_texts(loaded: LoadedClip, key: str, tokens: Tokens) -> Kept:
    """Write the graph of the text side: token ids ``[n, context]`` int64 to vectors ``[n, d]``; and its tokenizer.

    Raises: as :func:`keep_pictures`.
    """
    from retrieval.models.clip.weights import TextSide

    def write(folder: Path) -> dict[str, Any]:
        notes = _export(TextSide(loaded), "tokens", tokens(sample_texts()), folder)
        return notes | _keep_tokenizer(tokens, folder)

    return keep(key, write)


def keep_int8(name: ClipName, facts: ClipFacts, graph: Path) -> Kept:
    """Write the int8 form of the picture side's ``graph``; one that keeps too little is kept as a refusal.

    Raises:
        ModelError: it can't be made.
        OSError: it can't be kept.
    """
    pixels = sample_pictures(facts.preprocessing.height, facts.preprocessing.width)

    def write(folder: Path) -> dict[str, Any]:
        try:
            quantized(graph, folder / GRAPH, pixels)
        except Exception as error:  # whatever the quantizer's checks and libraries raise on a graph unlike others
            raise ModelError(f"{name} has no int8 form: {_one_line(error)}; use {name.float32}") from error
        cosine = _least_cosine(_run(folder / GRAPH, "pixels", pixels), _run(graph, "pixels", pixels))
        if cosine < LEAST_COSINE_INT8:
            for path in folder.iterdir():
                path.unlink()
        return {"cosine": cosine}

    return keep(int8_key(facts), write)


def _export(module: Any, name: str, inputs: NDArray[Any], folder: Path) -> dict[str, Any]:
    """Write ``module`` as a graph and hold it against itself in torch; the notes."""
    import torch

    graph = folder / GRAPH
    sample = torch.from_numpy(inputs[:2])
    try:
        with torch.no_grad(), warnings.catch_warnings(), _silence():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                (sample,),
                str(graph),
                input_names=[name],
                output_names=["vectors"],
                dynamo=True,
                dynamic_shapes={name: {0: torch.export.Dim("n")}},
                external_data=True,
                verbose=False,
            )
    except Exception as error:  # the exporter's errors are of many kinds, none of them the person's
        raise ModelError(f"it can't be written as an ONNX graph ({_one_line(error)})") from error
    with torch.inference_mode():
        expected = module(torch.from_numpy(inputs)).float().numpy()
    cosine = _least_cosine(_run(graph, name, inputs), expected)
    if cosine < LEAST_COSINE:
        raise ModelError(f"its ONNX graph disagrees with torch (cosine {cosine:.4f}, expected {LEAST_COSINE})")
    return {"cosine": cosine}


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The exporter prints its steps, and logs what it made of odd operators."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _keep_tokenizer(tokens: Tokens, folder: Path) -> dict[str, Any]:
    """Write a hub's tokenizer as one file, if that gives the same ids; the notes."""
    if not isinstance(tokens, OpenClipTokens):
        return {}
    kept = tokens.to_backend()
    if kept is None:
        return {}
    (folder / TOKENIZER).write_text(kept[0], "utf-8")
    agrees = np.array_equal(BackendTokens(folder / TOKENIZER, kept[1])(sample_texts()), tokens(sample_texts()))
    return {"tokenizer": kept[1]} if agrees else {}


def _run(graph: Path, name: str, inputs: NDArray[Any]) -> Float32Array:
    session = OnnxFile(graph, threads=0)
    starts = range(0, len(inputs), _BATCH)
    return np.concatenate([session.run(**{name: inputs[start : start + _BATCH]})[0] for start in starts])


def _least_cosine(one: Float32Array, other: Float32Array) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / lengths).min())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
