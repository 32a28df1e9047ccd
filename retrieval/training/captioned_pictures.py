"""From a table of captions to what the towers give for it, chunk by chunk, so that a stopped run continues.

Shapes: n pictures · v views · m captions.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import DatasetError
from retrieval.evaluation.captions import CaptionedItem, read_captions
from retrieval.experts.appearance import Appearance
from retrieval.media.kinds import kind_of
from retrieval.media.tasks import DecodedFrame, DecodeTask, Failed
from retrieval.media.worker import MediaWorkers
from retrieval.models.bert import MINILM_TOKENIZER, MINILM_WEIGHTS
from retrieval.models.sentence_encoder import SentenceEncoder
from retrieval.settings import Settings
from retrieval.training.contrastive_data import Captions, Pictures
from retrieval.training.picture_views import VIEWS_VERSION, views_of
from retrieval.training.stage_cache import StageCache
from retrieval.types import Float32Array, MediaKind

__all__ = ["CaptionedPictures", "Say", "TowerReader"]

Say = Callable[[str], None]

_PICTURES_A_CHUNK: Final = 240
_PICTURES_AT_ONCE: Final = 16  # decoded, waiting for the encoder
_TEXTS_A_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class CaptionedPictures:
    """The pictures that could be read, with their captions; ``left_out`` says of each other item why it could not."""

    pictures: Pictures
    captions: Captions
    texts: tuple[tuple[str, ...], ...]
    """The captions of each picture, in words."""
    left_out: tuple[str, ...]

    @property
    def count(self) -> int:
        """Pictures n."""
        return len(self.texts)

    def first_view(self) -> tuple[Float32Array, Float32Array]:
        """Features [n, 1280] and logits [n, 1000] of the pictures as they are."""
        return self.pictures.features[0].astype(np.float32), self.pictures.logits[0].astype(np.float32)


@dataclass(slots=True)
class _Chunk:
    """Features [k, v, 1280] and logits [k, v, 1000] of the items ``rows`` [k], and why others are left out."""

    rows: list[int]
    features: list[NDArray[np.float16]]
    logits: list[NDArray[np.float16]]
    left_out: dict[int, str]
    is_final: bool = True

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[Any]]) -> _Chunk:
        left_out = {int(row): why for row, why in json.loads(tensors["left_out"].tobytes()).items()}
        return cls([int(row) for row in tensors["rows"]], list(tensors["features"]), list(tensors["logits"]), left_out)

    def tensors(self) -> dict[str, NDArray[Any]]:
        left_out = np.frombuffer(json.dumps(self.left_out).encode(), np.uint8)
        views = (len(self.rows), -1)
        return {
            "rows": np.array(self.rows, np.int64),
            "features": np.array(self.features, np.float16).reshape(*views, Appearance.dim) if self.rows else _NONE,
            "logits": np.array(self.logits, np.float16).reshape(*views, 1000) if self.rows else _NONE,
            "left_out": left_out,
        }


_NONE: Final = np.zeros((0, 0, 0), np.float16)


class TowerReader:
    """Both frozen towers over tables of captions. What it finishes is kept in a cache."""

    def __init__(self, cache: StageCache, settings: Settings, say: Say) -> None:
        self._cache = cache
        self._settings = settings
        self._say = say
        self._appearance = Appearance()
        self._encoder: SentenceEncoder | None = None

    def read(self, table: Path, *, with_views: bool) -> CaptionedPictures:
        """The pictures of ``table``, each in 4 views or as it is, and its captions.

        Raises:
            DatasetError: the table can't be read, or not one of its pictures.
            TransientMediaError: media workers can't be started on this machine now.
            WeightsError: the towers' weights are absent or damaged.
        """
        items = read_captions(table)
        rows, features, logits, left_out = [], [], [], []
        for chunk in self._chunks(items, table, with_views=with_views):
            rows += chunk.rows
            features += chunk.features
            logits += chunk.logits
            left_out += [f"{items[row].label}: {why}" for row, why in sorted(chunk.left_out.items())]
        if not rows:
            raise DatasetError(f"not one picture of {table} can be used ({left_out[0]}); check its paths")
        pictures = Pictures(np.stack(features, axis=1), np.stack(logits, axis=1))
        texts = tuple(items[row].captions for row in rows)
        owners = np.repeat(np.arange(len(rows)), [len(own) for own in texts])
        captions = Captions(self.encode([caption for own in texts for caption in own]), owners)
        return CaptionedPictures(pictures, captions, texts, tuple(left_out))

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """Sentence vectors [m, 384]."""
        starts = range(0, len(texts), _TEXTS_A_CHUNK)
        return np.concatenate([self._encode_chunk(texts[start : start + _TEXTS_A_CHUNK]) for start in starts])

    def _encode_chunk(self, texts: Sequence[str]) -> Float32Array:
        inputs = [MINILM_WEIGHTS.sha256, MINILM_TOKENIZER.sha256, *texts]
        found = self._cache.load("texts", inputs)
        if found is None:
            self._encoder = self._encoder or SentenceEncoder.load()
            found = {"vectors": self._encoder.encode(texts)}
            self._cache.store("texts", inputs, found)
            self._say(f"{len(texts):,} sentences encoded")
        return np.asarray(found["vectors"], np.float32)

    def _chunks(self, items: Sequence[CaptionedItem], table: Path, *, with_views: bool) -> Iterator[_Chunk]:
        """Each chunk of items, from the cache or made; workers start only where something is to be made."""
        started, made = time.monotonic(), 0
        with ExitStack() as opened:
            workers: MediaWorkers | None = None
            for start in range(0, len(items), _PICTURES_A_CHUNK):
                rows = range(start, min(start + _PICTURES_A_CHUNK, len(items)))
                inputs = [Appearance.version, VIEWS_VERSION if with_views else "whole"]
                inputs += [f"{row} {_state_of(items[row])}" for row in rows]
                found = self._cache.load("pictures", inputs)
                if found is not None:
                    yield _Chunk.from_tensors(found)
                    continue
                workers = workers or opened.enter_context(self._workers())
                chunk = self._make_chunk(items, rows, workers, with_views=with_views)
                if chunk.is_final:
                    self._cache.store("pictures", inputs, chunk.tensors())
                made += len(rows)
                self._say(_told(table, rows.stop, len(items), made / (time.monotonic() - started)))
                yield chunk

    def _workers(self) -> MediaWorkers:
        return MediaWorkers(self._settings.limits, self._settings.sampling, self._settings.index.workers)

    def _make_chunk(
        self, items: Sequence[CaptionedItem], rows: range, workers: MediaWorkers, *, with_views: bool
    ) -> _Chunk:
        chunk = _Chunk([], [], [], {row: why for row in rows if (why := _unfit(items[row]))})
        wanted = [row for row in rows if row not in chunk.left_out]
        tasks = [DecodeTask(row, items[row].path, MediaKind.PICTURE, is_still=True) for row in wanted]
        pixels: dict[int, NDArray[np.uint8]] = {}
        for outcome in workers.map(tasks):
            match outcome:
                case DecodedFrame():
                    seen = outcome.frame.pixels
                    drawn = np.random.default_rng(outcome.key)  # by its place: the same views in every run
                    pixels[outcome.key] = views_of(seen, drawn) if with_views else seen[None]
                case Failed():
                    chunk.left_out[outcome.key] = outcome.reason
                    chunk.is_final = chunk.is_final and outcome.is_permanent
            if len(pixels) >= _PICTURES_AT_ONCE:
                self._encode_pictures(pixels, chunk)
        self._encode_pictures(pixels, chunk)
        return _in_order(chunk)

    def _encode_pictures(self, pixels: dict[int, NDArray[np.uint8]], chunk: _Chunk) -> None:
        """Moves what waits in ``pixels`` into ``chunk``."""
        if not pixels:
            return
        output = self._appearance.encode(np.concatenate(list(pixels.values())))
        chunk.rows += pixels
        chunk.features += np.split(output.features.astype(np.float16), len(pixels))
        chunk.logits += np.split(output.logits.astype(np.float16), len(pixels))
        pixels.clear()


def _in_order(chunk: _Chunk) -> _Chunk:
    """The chunk with its rows as the table has them: workers answer in any order, and runs must not differ by it."""
    order = np.argsort(chunk.rows).tolist()
    features, logits = [chunk.features[k] for k in order], [chunk.logits[k] for k in order]
    return _Chunk(sorted(chunk.rows), features, logits, chunk.left_out, chunk.is_final)


def _unfit(item: CaptionedItem) -> str | None:
    if item.span is not None or kind_of(item.path) not in (MediaKind.PICTURE, None):
        return "it is not a picture; the heads are trained on pictures alone"
    return None if item.path.exists() else "there is no such file; check the table"


def _state_of(item: CaptionedItem) -> str:
    try:
        state = os.stat(item.path)
    except OSError:
        return f"{item.label} absent"
    return f"{item.label} {state.st_size} {state.st_mtime_ns}"


def _told(table: Path, done: int, total: int, rate: float) -> str:
    return f"{table.name}: {done:,} of {total:,} pictures, {rate:.0f} a second, {(total - done) / rate:.0f} s left"
