"""all-MiniLM-L6-v2 on tokenizers and ONNX Runtime: the vectors of sentence-transformers, without torch.

All that use every core share one session in a process: a search reads sentences for the starter and for what is said,
and their tokens for an MMT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.models.bert import MINILM_TOKENIZER, MINILM_WEIGHTS, BertConfig, minilm_l6
from retrieval.models.onnx_session import OnnxModel, kept_graph, usable_cores
from retrieval.models.safetensors_view import view_float_tensors
from retrieval.types import Float32Array

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

__all__ = ["SentenceEncoder", "TokenEncoder", "TokenStates"]

_BATCH: Final = 32
_LOADING: Final = Lock()
_UNUSED: Final = frozenset({"pooler.dense.weight", "pooler.dense.bias"})  # the mean over tokens stands in their place


class SentenceEncoder:
    """Turns sentences into vectors of length 1."""

    def __init__(self, config: BertConfig, model: OnnxModel, tokenizer: Tokenizer) -> None:
        self._config = config
        self._model = model
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, *, threads: int | None = None) -> Self:
        """The encoder with the packaged weights, which are checked first.

        ``threads`` of a session of its own; by default it has the one that is shared and uses all usable cores.

        Raises:
            WeightsError: the weights are not installed, or differ from the published ones.
        """
        return cls(minilm_l6(), *_opened(threads))

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._config.hidden

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """One vector for each text: [n, 384]. What is beyond 256 tokens is left out (see :meth:`is_cut`)."""
        encodings = self._tokenizer.encode_batch([text.strip() for text in texts])
        vectors = np.empty((len(encodings), self.dim), np.float32)
        for rows in _batches_by_length(encodings):
            ids, mask = _pad([encodings[row] for row in rows])
            _, vectors[rows] = self._model.run(ids=ids, mask=mask)
        return vectors

    def is_cut(self, text: str) -> bool:
        """Whether ``text`` is longer than the model reads."""
        return bool(self._tokenizer.encode(text.strip()).overflowing)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TokenStates:
    """What the last layer says of n texts: ``tokens``, n arrays [t_i, 384] with those of [CLS] and [SEP], and
    ``sentences`` [n, 384], the vectors of :class:`SentenceEncoder`."""

    tokens: list[Float32Array]
    sentences: Float32Array


class TokenEncoder:
    """Turns sentences into the states of their tokens: what layers trained upon the model read."""

    def __init__(self, model: OnnxModel, tokenizer: Tokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, *, threads: int | None = None) -> Self:
        """The encoder with the packaged weights. Arguments and errors as those of :meth:`SentenceEncoder.load`."""
        return cls(*_opened(threads))

    def encode(self, texts: Sequence[str]) -> TokenStates:
        """States and vectors of ``texts``. What is beyond 256 tokens is left out."""
        encodings = self._tokenizer.encode_batch([text.strip() for text in texts])
        tokens: list[Float32Array] = [np.empty((0, 0), np.float32)] * len(encodings)
        sentences = np.empty((len(encodings), minilm_l6().hidden), np.float32)
        for rows in _batches_by_length(encodings):
            ids, mask = _pad([encodings[row] for row in rows])
            states, sentences[rows] = self._model.run(ids=ids, mask=mask)
            for row, those in zip(rows, states, strict=True):
                tokens[row] = those[: len(encodings[row].ids)].copy()
        return TokenStates(tokens, sentences)

    def count(self, text: str) -> int:
        """How many tokens ``text`` has, with [CLS] and [SEP]; 256 at most."""
        return len(self._tokenizer.encode(text.strip()).ids)


def _opened(threads: int | None) -> tuple[OnnxModel, Tokenizer]:
    if threads is not None:
        return _open(threads)
    with _LOADING:  # or two first queries at once would load it twice
        return _shared()


@cache
def _shared() -> tuple[OnnxModel, Tokenizer]:
    return _open(usable_cores())


def _open(threads: int) -> tuple[OnnxModel, Tokenizer]:
    weights = {name: tensor for name, tensor in view_float_tensors(MINILM_WEIGHTS.map()).items() if name not in _UNUSED}
    return OnnxModel(kept_graph("minilm_l6"), weights, threads=threads), _load_tokenizer(minilm_l6())


def _load_tokenizer(config: BertConfig) -> Tokenizer:
    from tokenizers import Tokenizer  # here, since only a process that encodes should pay for it

    tokenizer = Tokenizer.from_buffer(MINILM_TOKENIZER.read())
    tokenizer.enable_truncation(config.most_tokens)
    tokenizer.no_padding()  # the file pads all to 128; here each batch is as wide as its longest
    return tokenizer


def _batches_by_length(encodings: Sequence[Encoding]) -> Iterator[list[int]]:
    """Rows in batches of like length, so that little is spent on padding."""
    rows = sorted(range(len(encodings)), key=lambda row: len(encodings[row].ids))
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]


def _pad(encodings: Sequence[Encoding]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and mask, [n, t] int64 each, of the width of the longest."""
    shape = (len(encodings), max(len(encoding.ids) for encoding in encodings))
    ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding.ids)] = encoding.ids
        mask[row, : len(encoding.ids)] = 1
    return ids, mask
