"""Checkpoints of MMT's authors: what they hold, and the names of their weights.

A checkpoint is a training run's: the state dict lies beside objects of the authors' own classes, which are passed over
(:mod:`retrieval.models.torch_pickle`). The proportions are read off the shapes of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from numpy.typing import NDArray

from retrieval.errors import WeightsError
from retrieval.models.bert_tower import BERT_NAMES
from retrieval.models.checkpoints import load_weights
from retrieval.models.mmt import Mmt
from retrieval.models.mmt_config import (
    PAPERS_TYPES,
    BertText,
    ExpertInput,
    MmtConfig,
    UnitLength,
    mmt_activitynet,
    mmt_msrvtt,
)
from retrieval.models.torch_pickle import read_torch_checkpoint
from retrieval.models.weight_names import NameTable

__all__ = ["authors_config", "authors_names", "load_authors_checkpoint", "read_authors_checkpoint"]

_POSITION_IDS: Final = "txt_bert.embeddings.position_ids"  # 0, 1, 2 …: no weight
_LATER_NAME: Final = "text_gu."  # by the code that they published; the files that they published have the earlier
_EARLIER_NAME: Final = "text_GU."


def authors_names(experts: tuple[str, ...]) -> NameTable:
    """Ours to the authors', for a model over these experts."""
    pairs = dict(_VIDEO_NAMES)
    for name in experts:
        pairs |= {
            f"video.projections.{name}.linear": f"video_dim_reduce.{name}.fc",
            f"text.units.{name}.projection": f"text_GU.{name}.fc",
            f"text.units.{name}.gate": f"text_GU.{name}.cg.fc",
            f"text.units.{name}.gate_norm": f"text_GU.{name}.cg.batch_norm",
            f"text.weights.{name}": f"moe_fc_txt.{name}",
        }
    pairs |= {f"text.encoder.{ours}": f"txt_bert.{theirs}" for ours, theirs in BERT_NAMES.pairs.items()}
    return NameTable(pairs)


def authors_config(state: Mapping[str, NDArray[Any]], source: str) -> MmtConfig:
    """The configuration of a model with the weights ``state``, by the authors' names. Heads are the paper's, four.

    Raises:
        WeightsError: they are not an MMT's weights; ``source`` is named.
    """
    try:
        return _config(state)
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{source} is no checkpoint of MMT's authors ({error}): expected weights such as {_POSITIONS}"
        ) from error


def _config(state: Mapping[str, NDArray[Any]]) -> MmtConfig:
    positions, types = state[_POSITIONS], state["vid_bert.embeddings.token_type_embeddings.weight"]
    paper = mmt_activitynet() if len(positions) == mmt_activitynet().max_position else mmt_msrvtt()
    text = paper.text
    assert isinstance(text, BertText)
    words = state["txt_bert.embeddings.word_embeddings.weight"]
    bert = replace(
        text.bert,
        vocabulary=len(words),
        hidden=words.shape[1],
        layers=_layers(state, "txt_bert"),
        intermediate=len(state["txt_bert.encoder.layer.0.intermediate.dense.weight"]),
    )
    prefix, suffix = "video_dim_reduce.", ".fc.weight"
    dims = {
        name[len(prefix) : -len(suffix)]: weight.shape[1]
        for name, weight in state.items()
        if name.startswith(prefix) and name.endswith(suffix)
    }
    return replace(
        paper,
        experts=tuple(ExpertInput(name=name, dim=dims[name], type_id=PAPERS_TYPES[name]) for name in sorted(dims)),
        text=replace(text, bert=bert),
        width=positions.shape[1],
        layers=_layers(state, "vid_bert"),
        feed_forward=len(state["vid_bert.encoder.layer.0.intermediate.dense.weight"]),
        max_position=len(positions),
        type_rows=len(types),
        unit_length=UnitLength.SLOTS,
    )


def _layers(state: Mapping[str, NDArray[Any]], tower: str) -> int:
    prefix = f"{tower}.encoder.layer."
    return 1 + max(int(name[len(prefix) :].partition(".")[0]) for name in state if name.startswith(prefix))


def read_authors_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """The state dict of a checkpoint, by the names of the files that the authors published.

    Raises:
        WeightsError: the file can't be read, is no checkpoint, or calls anything foreign.
    """
    state = read_torch_checkpoint(path)
    return {_file_name(name): weight for name, weight in state.items() if name != _POSITION_IDS}


def _file_name(name: str) -> str:
    return _EARLIER_NAME + name.removeprefix(_LATER_NAME) if name.startswith(_LATER_NAME) else name


def load_authors_checkpoint(path: Path) -> Mmt:
    """The model of a checkpoint, on the CPU, in evaluation mode.

    Raises:
        WeightsError: as :func:`read_authors_checkpoint`; or its weights are of another model.
    """
    state = read_authors_checkpoint(path)
    config = authors_config(state, str(path))
    model = Mmt(config)
    tensors = {name: torch.tensor(weight) for name, weight in state.items()}
    load_weights(model, tensors, authors_names(config.names), source=str(path))
    return model.eval()


# ----------------------------------------------------------------------------------------------------- weight names

_POSITIONS: Final = "vid_bert.embeddings.position_embeddings.weight"
_VIDEO_NAMES: Final = {
    "video.transformer.positions": "vid_bert.embeddings.position_embeddings",
    "video.transformer.types": "vid_bert.embeddings.token_type_embeddings",
    "video.transformer.norm": "vid_bert.embeddings.layer_norm",
    "video.transformer.blocks.*.attention.query": "vid_bert.encoder.layer.*.attention.self.query",
    "video.transformer.blocks.*.attention.key": "vid_bert.encoder.layer.*.attention.self.key",
    "video.transformer.blocks.*.attention.value": "vid_bert.encoder.layer.*.attention.self.value",
    "video.transformer.blocks.*.attention.output": "vid_bert.encoder.layer.*.attention.output.dense",
    "video.transformer.blocks.*.attention_norm": "vid_bert.encoder.layer.*.attention.output.layer_norm",
    "video.transformer.blocks.*.mlp.widen": "vid_bert.encoder.layer.*.intermediate.dense",
    "video.transformer.blocks.*.mlp.narrow": "vid_bert.encoder.layer.*.output.dense",
    "video.transformer.blocks.*.mlp_norm": "vid_bert.encoder.layer.*.output.layer_norm",
    "video.transformer.pooler": "vid_bert.pooler.dense",
}
