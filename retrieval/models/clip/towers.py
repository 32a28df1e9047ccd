"""One model of open_clip on the runtime that suits the machine; each side loads when it is first used.

ONNX Runtime on a CPU, from graphs that were written once, and then without torch; torch on an NVIDIA GPU, and where
the packages that write graphs are absent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ModelError, WeightsError
from retrieval.models.clip import graphs
from retrieval.models.clip.facts import ClipFacts, read_facts, write_facts
from retrieval.models.clip.kept import GRAPH, open_kept
from retrieval.models.clip.names import ClipName, Form
from retrieval.models.clip.tokens import BackendTokens, ClipTokens, OpenClipTokens, Tokens, is_plain
from retrieval.models.onnx_session import OnnxFile, usable_cores
from retrieval.models.picture_tower import may_have_nvidia_gpu
from retrieval.types import Float32Array

if TYPE_CHECKING:
    from retrieval.models.clip.weights import LoadedClip

__all__ = ["ClipModel"]

Side = Callable[[NDArray[Any]], Float32Array]
"""Pixels or token ids, ``[n, …]``, to vectors ``[n, d]`` of length 1."""

_PICTURES_A_THREAD: Final = 4  # as many as share a read of the weights, and leave the other threads their share
_TEXTS: Final = 16
_TORCH_BATCH: Final = 32

logger = logging.getLogger("vidi.open_clip")


class ClipModel:
    """Facts, pictures and texts of one model; several threads may use it at once."""

    def __init__(self, name: ClipName, *, threads: int | None = None) -> None:
        """``threads`` that one call may use on a CPU; by default as many as there are usable cores."""
        self.name = name
        self._threads = threads or usable_cores()
        self._lock = RLock()
        self._in_torch: LoadedClip | None = None

    @property
    def facts(self) -> ClipFacts:
        """What is known of it; the first process that asks loads the model.

        Raises:
            UnknownSpaceError: the model has no weights of that name.
            WeightsError: the weights can't be had, can't be read as data, or are of another model.
        """
        with self._lock:
            return self._facts

    def load_pictures(self) -> None:
        """Load the picture side now. Raises as :attr:`facts`."""
        with self._lock:
            _ = self._picture_side

    def embed_pictures(self, pixels: NDArray[np.uint8]) -> Float32Array:
        """Vectors ``[n, d]`` of length 1 of ``pixels`` ``[n, height, width, 3]`` RGB. Raises as :attr:`facts`."""
        with self._lock:
            side = self._picture_side
        return side(pixels) if len(pixels) else np.zeros((0, self.facts.dim), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Float32Array:
        """Vectors ``[n, d]`` of length 1. Raises as :attr:`facts`."""
        with self._lock:
            tokens, side = self._tokens, self._text_side
        return side(tokens(texts)) if texts else np.zeros((0, self.facts.dim), np.float32)

    def is_cut(self, text: str) -> bool:
        """Whether ``text`` is longer than the model reads. Raises as :attr:`facts`."""
        with self._lock:
            tokens = self._tokens
        return tokens.is_cut(text)

    # -- what is made once, under the lock -------------------------------------------------------------------

    @cached_property
    def _facts(self) -> ClipFacts:
        return read_facts(self.name) or self._loaded().facts

    @cached_property
    def _picture_side(self) -> Side:
        if self.name.form is Form.INT8:
            return _OnnxSide(self._int8_graph(), "pixels", self._threads, _PICTURES_A_THREAD)
        if may_have_nvidia_gpu():
            import torch

            if torch.cuda.is_available():
                side = _TorchSide(self._loaded(), "cuda", is_picture=True)
                self._in_torch = None  # it is on the GPU now, and texts want theirs on the CPU
                return side
        graph = self._graph("pictures")
        if graph is None:
            return _TorchSide(self._loaded(), "cpu", is_picture=True)
        return _OnnxSide(graph, "pixels", self._threads, _PICTURES_A_THREAD)

    @cached_property
    def _text_side(self) -> Side:
        graph = self._graph("texts")
        if graph is None:
            return _TorchSide(self._loaded(), "cpu", is_picture=False)
        return _OnnxSide(graph, "tokens", self._threads, _TEXTS)

    @cached_property
    def _tokens(self) -> Tokens:
        facts = self._facts
        if is_plain(facts.tokenizer, self.name.model):
            return ClipTokens(facts.context_length, facts.tokenizer.get("tokenizer_kwargs", {}).get("clean", "lower"))
        kept = open_kept(self._key("texts"))
        if kept is not None and "tokenizer" in kept[1]:
            return BackendTokens(kept[0] / graphs.TOKENIZER, kept[1]["tokenizer"])
        from retrieval.models.clip.weights import open_clip_tokenizer

        return OpenClipTokens(open_clip_tokenizer(self.name))

    def _int8_graph(self) -> Path:
        kept = open_kept(graphs.int8_key(self._facts))
        if kept is None:
            if not graphs.can_export():
                raise ModelError(f"{self.name} needs the packages that write graphs: pip install 'vidi[export]'")
            graph = self._graph("pictures")
            if graph is None:
                raise ModelError(f"{self.name} has no int8 form, since it has no ONNX graph; use {self.name.float32}")
            logger.warning("vidi: writing the int8 form of %s, once", self.name.float32)
            kept = graphs.keep_int8(self.name, self._facts, graph)
        folder, notes = kept
        if not (folder / GRAPH).is_file():
            raise ModelError(
                f"{self.name} is refused: in int8 its vectors keep a cosine of {notes['cosine']:.3f} with float32, "
                f"expected at least {graphs.LEAST_COSINE_INT8}; use {self.name.float32}"
            )
        return folder / GRAPH

    def _graph(self, side: str) -> Path | None:
        """The graph of ``side``, written now where it is not kept yet; None where it must be torch."""
        kept = open_kept(self._key(side))
        if kept is not None:
            return kept[0] / GRAPH
        if not graphs.can_export():
            logger.warning(
                "vidi: %s runs in torch, which is slower; for ONNX Runtime: pip install 'vidi[export]'", self.name
            )
            return None
        self._write_graphs(side)
        kept = open_kept(self._key(side))
        return kept[0] / GRAPH if kept is not None else None

    def _write_graphs(self, wanted: str) -> None:
        """Write both graphs while torch is loaded, so that no later process need load it."""
        loaded = self._loaded()
        logger.warning("vidi: writing %s as ONNX graphs, once (a minute or so)", self.name.float32)
        for side in ("pictures", "texts"):
            if side != wanted and open_kept(self._key(side)) is not None:
                continue
            try:
                if side == "pictures":
                    graphs.keep_pictures(loaded, self._key(side))
                else:
                    graphs.keep_texts(loaded, self._key(side), self._tokens)
            except (ModelError, OSError) as error:
                if side == wanted:
                    logger.warning("vidi: the %s of %s run in torch, which is slower: %s", side, self.name, error)
        self._in_torch = None  # its memory; who needs it still loads it again

    def _key(self, side: str) -> str:
        return f"{self._facts.version(Form.FLOAT32)}-{side}"

    def _loaded(self) -> LoadedClip:
        if self._in_torch is None:
            from retrieval.models.clip.weights import load_clip  # torch: many seconds

            self._in_torch = load_clip(self.name)
            write_facts(self.name, self._in_torch.facts)
            known = self.__dict__.setdefault("_facts", self._in_torch.facts)
            if known.version(self.name.form) != self._in_torch.facts.version(self.name.form):
                raise WeightsError(f"the weights of {self.name} changed while they were used; run it again")
        return self._in_torch


class _OnnxSide:
    """Each thread takes a few rows at a time: one layer shared by all threads makes each wait for the slowest."""

    def __init__(self, graph: Path, name: str, threads: int, rows: int) -> None:
        self._name, self._rows = name, rows
        self._model = OnnxFile(graph, threads=1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="open-clip")

    def __call__(self, inputs: NDArray[Any]) -> Float32Array:
        starts = range(0, len(inputs), self._rows)
        return np.concatenate(
            list(self._threads.map(lambda start: self._run(inputs[start : start + self._rows]), starts))
        )

    def _run(self, inputs: NDArray[Any]) -> Float32Array:
        return self._model.run(**{self._name: inputs})[0]


class _TorchSide:
    """In torch: float16 under autocast and channels last on a GPU, float32 on a CPU."""

    def __init__(self, loaded: LoadedClip, device: str, *, is_picture: bool) -> None:
        import torch

        from retrieval.models.clip.weights import PictureSide, TextSide

        self._device = torch.device(device)
        module = PictureSide(loaded) if is_picture else TextSide(loaded)
        self._module = module.eval().to(self._device)
        if is_picture:
            self._module = self._module.to(memory_format=torch.channels_last)

    def __call__(self, inputs: NDArray[Any]) -> Float32Array:
        parts = [self._run(inputs[start : start + _TORCH_BATCH]) for start in range(0, len(inputs), _TORCH_BATCH)]
        return np.concatenate(parts)

    def _run(self, inputs: NDArray[Any]) -> Float32Array:
        import torch

        on_gpu = self._device.type == "cuda"
        with torch.inference_mode(), torch.autocast(self._device.type, torch.float16, enabled=on_gpu):
            rows = torch.from_numpy(np.ascontiguousarray(inputs))
            rows = rows.pin_memory().to(self._device, non_blocking=True) if on_gpu else rows
            vectors: Float32Array = self._module(rows).float().cpu().numpy()
        return vectors
