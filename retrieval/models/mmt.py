"""MMT: experts of a video talk to each other over time, and a text weighs what they come to.

Gabeur et al. 2020, "Multi-modal Transformer for Video Retrieval". Section 3: each expert's features F, one
aggregated over time first, their expert embedding E and temporal embedding T are summed and read by a transformer;
what it makes of the aggregated tokens is the video, ψ_i. A text tower gives h; a gated unit for each expert makes
φ_i of it, and a softmax over linear maps of h the weights w_i. Then

    s(text, video) = Σ_i w_i(text) ⟨φ_i, ψ_i⟩          (2)

which is one inner product, of [w_i φ_i] joined and [ψ_i] joined: an exact inner-product index is exact for it.
A configuration may add entries of its own to the sum: a frame term, and aligned terms (retrieval.models.mmt_aligned).

Shapes: n windows · q texts · e experts · k slots of an expert · t tokens · d width · f width of the frame term.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.layers.gated import CollaborativeGating, GatedEmbeddingUnit
from retrieval.layers.initial import initialise
from retrieval.layers.post_norm import post_norm_blocks
from retrieval.models.bert_tower import BertTower
from retrieval.models.mmt_aligned import AlignedTexts, AlignedVideos, PictureText
from retrieval.models.mmt_config import (
    BertText,
    Missing,
    Mixture,
    MmtConfig,
    TokenText,
    UnitLength,
    VideoEncoder,
)
from retrieval.models.mmt_inputs import ExpertBatch, TextBatch, VideoBatch

__all__ = ["Mmt", "TextVectors", "VideoVectors", "texts_to_torch", "videos_to_torch"]

_DEVIATION = 0.02  # of the embeddings when training starts


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VideoVectors:
    """The video side: ``experts`` [n, e, d], each of length 1; ``frames`` [n, f] or None; ``present`` [n, e].

    ``aligned``: [n, a_i] of each aligned term, of length 1, or zeros where its expert is missing.
    """

    experts: Tensor
    frames: Tensor | None
    present: Tensor
    aligned: tuple[Tensor, ...] = ()

    def joined(self) -> Tensor:
        """[n, e·d + Σ a_i + f]: what is stored and compared by inner product with :meth:`TextVectors.joined`."""
        frames = () if self.frames is None else (self.frames,)
        return torch.cat([self.experts.flatten(1), *self.aligned, *frames], dim=1)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TextVectors:
    """The text side: ``experts`` [q, e, d], each of length 1; ``frames`` [q, f] or None; ``weights`` [q, e + a (+ 1)].

    ``aligned``: [q, a_i] of each of the a aligned terms, of length 1. The weights sum to 1; first stand those of the
    experts, then those of the aligned terms; the last is the frame term's, where there is one.
    """

    experts: Tensor
    frames: Tensor | None
    weights: Tensor
    aligned: tuple[Tensor, ...] = ()

    def joined(self) -> Tensor:
        """[q, e·d + Σ a_i + f], its parts scaled by their weights."""
        count = self.experts.shape[1]
        experts = (self.weights[:, :count, None] * self.experts).flatten(1)
        others = (*self.aligned, *(() if self.frames is None else (self.frames,)))
        weighed = [self.weights[:, count + row, None] * vectors for row, vectors in enumerate(others)]
        return torch.cat([experts, *weighed], dim=1)


# ------------------------------------------------------------------------------------------------------------ parts


class FeatureProjection(nn.Module):
    """The features of one expert into the common width: F in section 3.1."""

    def __init__(self, inputs: int, width: int, unit_length: UnitLength) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, width)
        self.axis = 1 if unit_length is UnitLength.SLOTS else -1

    def forward(self, features: Tensor) -> Tensor:
        """[n, k, inputs] to [n, k, d], or [n, inputs] to [n, d]: scaled to length 1 along the axis chosen."""
        return F.normalize(self.linear(features), dim=self.axis)


class VideoTransformer(nn.Module):
    """From projected features to one vector for each expert (section 3.1, figure 3)."""

    def __init__(self, config: MmtConfig) -> None:
        super().__init__()
        self.config = config
        self.positions = nn.Embedding(config.max_position, config.width)
        self.types = nn.Embedding(config.type_rows, config.width)
        self.norm = nn.LayerNorm(config.width, config.norm_epsilon)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = post_norm_blocks(
            config.layers,
            width=config.width,
            heads=config.heads,
            hidden=config.feed_forward,
            dropout=config.dropout,
            norm_epsilon=config.norm_epsilon,
        )
        self.pooler = nn.Linear(config.width, config.width) if config.unread_poolers else None
        for table in (self.positions, self.types):
            nn.init.normal_(table.weight, std=_DEVIATION)

    def forward(
        self, pooled: list[Tensor], features: list[Tensor], batches: list[ExpertBatch[Tensor]]
    ) -> tuple[Tensor, list[Tensor]]:
        """``pooled`` [n, d] and ``features`` [n, k, d] of each expert, projected, to [n, e, d], and what became of the
        features: [n, k, d] of each.

        The sequence is [CLS], then for each expert its aggregated token and its features. Tokens of missing experts
        and of padding are asked by none; the aggregated token of a missing expert still asks the others.
        """
        rows, width = pooled[0].shape
        device = pooled[0].device
        tokens = [self._embedded(pooled[0].new_zeros(rows, 1, width), 0, None)]
        masks = [torch.ones(rows, 1, dtype=torch.bool, device=device)]
        places, place = [], 1
        for expert, aggregated, those, batch in zip(self.config.experts, pooled, features, batches, strict=True):
            tokens.append(self._embedded(aggregated[:, None], expert.type_id, None))
            tokens.append(self._embedded(those, expert.type_id, batch.positions))
            masks += [batch.present[:, None], batch.mask]
            places.append(place)
            place += 1 + those.shape[1]
        states = self.dropout(self.norm(torch.cat(tokens, dim=1)))  # [n, t, d]
        mask = torch.cat(masks, dim=1)  # [n, t]
        for block in self.blocks:
            states = block(states, mask)
        of_features = [
            states[:, place + 1 : place + 1 + part.shape[1]] for place, part in zip(places, features, strict=True)
        ]
        return states[:, places], of_features

    def _embedded(self, features: Tensor, type_id: int, positions: Tensor | None) -> Tensor:
        """F + E + T: ``features`` [n, k, d] to the same shape. Without positions it is row 0, which tells no time."""
        times = self.positions.weight[0] if positions is None else self.positions(positions)
        return features + self.types.weight[type_id] + times


class VideoTower(nn.Module):
    """From what experts say of windows to :class:`VideoVectors`."""

    def __init__(self, config: MmtConfig) -> None:
        super().__init__()
        self.config = config
        self.projections = nn.ModuleDict(
            {expert.name: FeatureProjection(expert.dim, config.width, config.unit_length) for expert in config.experts}
        )
        self.transformer = VideoTransformer(config) if config.encoder is VideoEncoder.TRANSFORMER else None
        gated = config.encoder is VideoEncoder.GATING
        self.gating = CollaborativeGating(width=config.width, dropout=config.dropout) if gated else None
        self.aligned = AlignedVideos(config) if config.aligned else None

    def forward(self, batch: VideoBatch[Tensor]) -> VideoVectors:
        """The vectors of n windows."""
        names = self.config.names
        batches = [batch.experts[name] for name in names]
        pooled = [self.projections[name](one.pooled) for name, one in zip(names, batches, strict=True)]
        present = torch.stack([one.present for one in batches], dim=1)  # [n, e]
        if self.transformer is not None:
            features = [self.projections[name](one.features) for name, one in zip(names, batches, strict=True)]
            experts, states = self.transformer(pooled, features, batches)
        else:
            assert self.gating is not None
            experts, states = self.gating(torch.stack(pooled, dim=1), present), []
        vectors = F.normalize(experts, dim=-1)
        if self.config.missing is not Missing.SCORED:
            vectors = vectors * present[..., None]
        aligned = self.aligned(states, batches) if self.aligned is not None else ()
        return VideoVectors(vectors, batch.frames, present, aligned)


class UpperLayers(nn.Module):
    """The small text tower: a transformer upon frozen token states, led by a token that starts as their mean."""

    def __init__(self, config: TokenText) -> None:
        super().__init__()
        self.blocks = post_norm_blocks(
            config.layers,
            width=config.dim,
            heads=config.heads,
            hidden=config.feed_forward,
            dropout=config.dropout,
            norm_epsilon=config.norm_epsilon,
        )

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """``tokens`` [q, t, d] states, ``mask`` [q, t] true where there is one, to [q, d] and [q, t, d]."""
        counted = mask[..., None].to(tokens.dtype)
        mean = (tokens * counted).sum(dim=1, keepdim=True) / counted.sum(dim=1, keepdim=True)  # [q, 1, d]
        states = torch.cat([mean, tokens], dim=1)
        mask = F.pad(mask, (1, 0), value=True)
        for block in self.blocks:
            states = block(states, mask)
        return states[:, 0], states[:, 1:]


class TextTower(nn.Module):
    """From tokens to :class:`TextVectors` (section 3.2)."""

    def __init__(self, config: MmtConfig, picture_text: PictureText | None) -> None:
        super().__init__()
        self.config = config
        text = config.text
        self.encoder: nn.Module = (
            BertTower(text.bert, dropout=text.dropout, unread_pooler=config.unread_poolers)
            if isinstance(text, BertText)
            else UpperLayers(text)
        )
        self.units = nn.ModuleDict(
            {name: GatedEmbeddingUnit(inputs=text.dim, width=config.width) for name in config.names}
        )
        self.dropout = nn.Dropout(text.dropout)
        weighed = config.mixture is Mixture.TEXT
        self.weights = nn.ModuleDict({name: nn.Linear(text.dim, 1) for name in config.names} if weighed else {})
        self.aligned = AlignedTexts(config, picture_text) if config.aligned else None
        self.aligned_weights = nn.ModuleList(nn.Linear(text.dim, 1) for _ in (config.aligned if weighed else ()))
        self.frame_weight = nn.Linear(text.dim, 1) if weighed and config.frames else None

    def forward(self, batch: TextBatch[Tensor]) -> TextVectors:
        """The vectors of q texts."""
        read = self.encoder(batch.tokens, batch.mask)
        states, of_tokens = read if isinstance(read, tuple) else (read, None)  # [q, d], [q, t, d]
        experts = torch.stack([self.units[name](states) for name in self.config.names], dim=1)
        aligned = self.aligned(of_tokens, batch) if self.aligned is not None else ()
        return TextVectors(experts, batch.frames, self._mixture(states), aligned)

    def _mixture(self, states: Tensor) -> Tensor:
        """Equation 3, and the even mixture: [q, e + a (+ 1)]."""
        count = len(self.config.experts) + len(self.config.aligned) + (self.config.frames is not None)
        if self.config.mixture is Mixture.EVEN:
            return states.new_full((len(states), count), 1 / count)
        states = self.dropout(states)
        logits = [self.weights[name](states) for name in self.config.names]
        logits += [weight(states) for weight in self.aligned_weights]
        if self.frame_weight is not None:
            logits.append(self.frame_weight(states))
        return torch.cat(logits, dim=1).softmax(dim=1)


# --------------------------------------------------------------------------------------------------------- assembly


class Mmt(nn.Module):
    """The whole model: texts and windows in, similarities out."""

    def __init__(self, config: MmtConfig, *, picture_text: PictureText | None = None) -> None:
        """``picture_text``: the picture space's own text head, where an aligned term asks for it."""
        super().__init__()
        self.config = config
        self.video = VideoTower(config)
        self.text = TextTower(config, picture_text)
        self._start_layers()
        if self.text.aligned_weights:
            for term, weight in zip(config.aligned, self.text.aligned_weights, strict=True):
                nn.init.constant_(weight.get_parameter("bias"), term.start)
        if self.text.frame_weight is not None and config.frames is not None:
            nn.init.constant_(self.text.frame_weight.bias, config.frames.start)

    def _start_layers(self) -> None:
        """Transformers start from deviation 0.02, as BERT does; all other layers as torch starts them, as the authors'.

        The biases of projections must not be zero: an absent expert's features are, and at zero the gradient of a
        scaling to length 1 has no bound.
        """
        for part in (self.video.transformer, self.text.encoder):
            if part is not None:
                initialise(part)

    def embed_videos(self, batch: VideoBatch[Tensor]) -> VideoVectors:
        """The vectors of n windows."""
        vectors: VideoVectors = self.video(batch)
        return vectors

    def embed_texts(self, batch: TextBatch[Tensor]) -> TextVectors:
        """The vectors of q texts."""
        vectors: TextVectors = self.text(batch)
        return vectors

    def similarity(self, texts: TextVectors, videos: VideoVectors) -> Tensor:
        """Equation 2 for every pair: [q, n]."""
        products = texts.joined() @ videos.joined().T
        if self.config.missing is not Missing.RENORMALISED:
            return products
        count = videos.present.shape[1]
        held = texts.weights[:, :count] @ videos.present.to(products.dtype).T  # [q, n]
        if videos.frames is not None:
            held = held + texts.weights[:, count:] * (videos.frames != 0).any(dim=1)
        return products / held.clamp(min=1e-5)

    def forward(self, texts: TextBatch[Tensor], videos: VideoBatch[Tensor]) -> Tensor:
        """Similarities of all q texts with all n windows: [q, n]."""
        return self.similarity(self.embed_texts(texts), self.embed_videos(videos))


def videos_to_torch(batch: VideoBatch[NDArray[Any]], device: str | torch.device = "cpu") -> VideoBatch[Tensor]:
    """The batch as tensors on ``device``."""
    return batch.map(lambda array: torch.from_numpy(array).to(device, non_blocking=True))


def texts_to_torch(batch: TextBatch[NDArray[Any]], device: str | torch.device = "cpu") -> TextBatch[Tensor]:
    """The batch as tensors on ``device``."""
    return batch.map(lambda array: torch.from_numpy(array).to(device, non_blocking=True))
