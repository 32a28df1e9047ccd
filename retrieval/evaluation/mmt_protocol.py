"""`vidi eval mmt`: the table of Gabeur et al. 2020 from the authors' feature files. It touches no library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from retrieval.errors import WeightsError
from retrieval.evaluation.metrics import Float64Array, summarize
from retrieval.evaluation.mmt_features import CaptionedFeatures, FeatureFiles, read_split
from retrieval.evaluation.retrieval_protocol import rank_both_ways
from retrieval.models.bert_tokens import BertTokens, find_vocabulary
from retrieval.models.mmt import Mmt, TextVectors, VideoVectors, texts_to_torch, videos_to_torch
from retrieval.models.mmt_authors import load_authors_checkpoint
from retrieval.models.mmt_config import BertText, MmtConfig
from retrieval.models.mmt_inputs import Window, prepare_texts, prepare_windows
from retrieval.types import Float32Array

__all__ = ["MmtFigures", "evaluate_mmt", "paper_table"]

_BATCH: Final = 32
Say = Callable[[str], None]
_Tokens = Callable[[Sequence[str]], Sequence[NDArray[Any]]]
"""What the text tower reads of each text."""


@dataclass(frozen=True, slots=True)
class MmtFigures:
    """What one checkpoint does on one split."""

    checkpoint: str
    split: str
    videos: int
    captions: int
    text_to_media: Mapping[str, float]
    media_to_text: Mapping[str, float]
    missing: Mapping[str, int]
    """Videos of which an expert says nothing, by its name."""

    def to_json(self) -> dict[str, Any]:
        """As `vidi eval mmt --json` prints it."""
        return {
            "checkpoint": self.checkpoint,
            "split": self.split,
            "videos": self.videos,
            "captions": self.captions,
            "text_to_media": dict(self.text_to_media),
            "media_to_text": dict(self.media_to_text),
            "missing": dict(self.missing),
        }


def paper_table(ranks: Float64Array) -> dict[str, float]:
    """The columns of the paper's tables over ``ranks`` [q]: R@1, 5, 10 and 50 in percent, median and mean rank."""
    row = summarize(ranks).to_json()
    at_50 = round(100 * float((ranks <= 50).mean()), 2)
    return {"R@1": row["R@1"], "R@5": row["R@5"], "R@10": row["R@10"], "R@50": at_50} | {
        name: row[name] for name in ("MdR", "MnR")
    }


def evaluate_mmt(folder: Path, split: str, checkpoint: Path | None, say: Say) -> MmtFigures:
    """Rank every video of a split for each caption, and every caption for each video.

    Args:
        folder: of a data set of the authors; see :class:`~retrieval.evaluation.mmt_features.FeatureFiles`.
        split: see :func:`~retrieval.evaluation.mmt_features.read_split`.
        checkpoint: a file of the authors; None: the only one in ``folder``.
        say: told of progress, a line at a time.

    Raises:
        DatasetError: the features or lists can't be used.
        MissingExtraError: h5py is not installed.
        WeightsError: the checkpoint or the vocabulary can't be had or used.
    """
    files = FeatureFiles(folder)
    items = read_split(folder, split)
    path = checkpoint or _only_checkpoint(folder)
    model = _load(path)
    tokens = _tokens(model.config, path)
    say(f"{path.name}: {', '.join(model.config.names)}; {len(items):,} videos")
    scores, owners, missing = _scores(model, tokens, files, items, say)
    to_media, to_text = rank_both_ways(scores, owners)
    return MmtFigures(str(path), split, len(items), len(owners), paper_table(to_media), paper_table(to_text), missing)


def _scores(
    model: Mmt, tokens: _Tokens, files: FeatureFiles, items: Sequence[tuple[str, int | None]], say: Say
) -> tuple[Float32Array, NDArray[np.intp], dict[str, int]]:
    """Similarities [captions, videos], the video of each caption, and how often each expert is missing."""
    videos: list[VideoVectors] = []
    texts: list[TextVectors] = []
    owners: list[int] = []
    missing = dict.fromkeys(model.config.names, 0)
    for start, batch in _batches(files, items, model.config):
        owners += [start + row for row, item in enumerate(batch) for _ in item.captions]
        for name in missing:
            missing[name] += sum(name not in item.tracks for item in batch)
        videos.append(_embed_videos(model, batch))
        texts += [_embed_texts(model, tokens, part) for part in _parts([c for item in batch for c in item.captions])]
        say(f"{start + len(batch):,} of {len(items):,} videos")
    scores = model.similarity(_joined_texts(texts), _joined_videos(videos)).numpy()
    return scores, np.array(owners, np.intp), missing


def _batches(
    files: FeatureFiles, items: Sequence[tuple[str, int | None]], config: MmtConfig
) -> Iterator[tuple[int, list[CaptionedFeatures]]]:
    dims = {expert.name: expert.dim for expert in config.experts}
    for start in range(0, len(items), _BATCH):
        yield start, [files.read(video, dims, caption) for video, caption in items[start : start + _BATCH]]


def _parts(texts: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(texts), _BATCH):
        yield texts[start : start + _BATCH]


def _device(model: Mmt) -> torch.device:
    return next(model.parameters()).device


@torch.inference_mode()
def _embed_videos(model: Mmt, items: Sequence[CaptionedFeatures]) -> VideoVectors:
    batch = prepare_windows([Window(item.tracks) for item in items], model.config)
    vectors = model.embed_videos(videos_to_torch(batch, _device(model)))
    return VideoVectors(vectors.experts.cpu(), None, vectors.present.cpu())


@torch.inference_mode()
def _embed_texts(model: Mmt, tokens: _Tokens, texts: Sequence[str]) -> TextVectors:
    vectors = model.embed_texts(texts_to_torch(prepare_texts(tokens(texts), model.config), _device(model)))
    return TextVectors(vectors.experts.cpu(), None, vectors.weights.cpu())


def _joined_videos(parts: Sequence[VideoVectors]) -> VideoVectors:
    return VideoVectors(torch.cat([part.experts for part in parts]), None, torch.cat([part.present for part in parts]))


def _joined_texts(parts: Sequence[TextVectors]) -> TextVectors:
    return TextVectors(torch.cat([part.experts for part in parts]), None, torch.cat([part.weights for part in parts]))


# -------------------------------------------------------------------------------------------------------------- models


def _only_checkpoint(folder: Path) -> Path:
    found = sorted(folder.glob("*.pth"))
    if len(found) != 1:
        raise WeightsError(
            f"{folder} holds {len(found)} checkpoints (*.pth), expected one; name the one to measure: --checkpoint FILE"
        )
    return found[0]


def _load(path: Path) -> Mmt:
    if path.is_dir():
        raise WeightsError(
            f"{path} is a folder, expected a checkpoint of the authors, such as trained_model.pth; a space that `vidi "
            f"train mmt` wrote reads other features than theirs: measure it by `vidi eval retrieval --space mmt/{path}`"
        )
    return load_authors_checkpoint(path).to("cuda" if torch.cuda.is_available() else "cpu").eval()


def _tokens(config: MmtConfig, path: Path) -> _Tokens:
    assert isinstance(config.text, BertText)  # as all checkpoints of theirs have it
    found = find_vocabulary(path.parent)
    words = BertTokens(found, most=config.text.most_tokens)
    if words.size != config.text.bert.vocabulary:
        raise WeightsError(
            f"{found} has {words.size:,} words, expected {config.text.bert.vocabulary:,}: that of BERT-base-cased"
        )
    return words.encode
