"""Train the starter's heads over frozen towers: CLIP's symmetric contrastive loss, and names beside it.

Photographs and their captions teach the MLP parts by InfoNCE (Radford et al. 2021, fig. 3). The frozen classifier
teaches names, as soft labels: its posterior over real and made features says how well each word fits. Then the kernel
parts are fitted in closed form (:mod:`retrieval.training.kernel_cca`) and both are joined.

Shapes: v views of n pictures · m captions · i picture inputs · d the space.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.spaces.heads import CLASSES, SENTENCE, Head, KernelPart, MlpPart, PictureInput, StarterHeads, posterior
from retrieval.training.kernel_cca import KernelConfig, Pairs, fit_kernels, landmarks_of
from retrieval.training.names import WordGroup
from retrieval.training.prototypes import Classifier, make_prototypes
from retrieval.types import Float32Array

__all__ = ["Captions", "ContrastiveConfig", "Names", "Pictures", "train_contrastive"]

Progress = Callable[[str, float], None]

_REDUCED: Final = 512
_GATE_DECAY: Final = 3e-6
_NAMED_PAIRS: Final = 20_000
_SENTENCE_SCALE: Final = 10.0  # a sentence vector has length 1: this brings its numbers near those of the pictures


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the picture tower gives: features [v, n, 1280] and logits [v, n, 1000]; view 0 is the picture itself."""

    features: NDArray[np.float16]
    logits: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Captions:
    """Sentence vectors [m, 384], and the picture, 0 to n − 1, of each, owners [m]. Each picture has one or more."""

    vectors: Float32Array
    owners: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Names:
    """Names of classes, wider and narrower words, and the classifier; ``unseen`` [1000] classes have no name here."""

    names: WordGroup
    words: WordGroup
    classifier: Classifier
    unseen: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(CLASSES, np.bool_))


@dataclass(frozen=True, slots=True)
class ContrastiveConfig:
    """The shipped recipe.

    Attributes:
        dim: width of the MLP part.
        picture_hidden, text_hidden: widths of the hidden layers.
        dropout: of the hidden layers; half of it of what is read.
        epochs, batch, rate, decay: of AdamW with a cosine (Loshchilov & Hutter 2019).
        average: of the weights' running mean, which is kept.
        blend: share of texts that are a mixture of two captions of one picture.
        named: pictures in a batch of names, half real, half made.
        sharpen: power of the classifier's posterior.
        name_weight, word_weight: of these losses beside the captions'.
        prototypes: made features for each class.
        words_a_step: words drawn in a step.
        picture_landmarks, text_landmarks: of photographs and captions; a fifth and a third more are of names.
        pair_weights: of names and words in the kernel part, beside the captions' 1.
        picture_share: length of the kernel part of pictures, beside the MLP part's 1.
        text_shares: the same for texts, of a bare name and of a whole sentence.
        seed: of every draw.
    """

    dim: int = 256
    picture_hidden: int = 384
    text_hidden: int = 512
    dropout: float = 0.3
    epochs: int = 40
    batch: int = 1000
    rate: float = 2e-3
    decay: float = 0.1
    average: float = 0.98
    blend: float = 0.3
    named: int = 600
    sharpen: float = 1.5
    name_weight: float = 2.0
    word_weight: float = 0.5
    prototypes: int = 10
    words_a_step: int = 600
    picture_landmarks: int = 1000
    text_landmarks: int = 1100
    pair_weights: tuple[float, float] = (0.03, 0.03)
    picture_share: float = 0.9
    text_shares: tuple[float, float] = (0.15, 1.2)
    kernel: KernelConfig = field(default_factory=KernelConfig)
    seed: int = 0


def train_contrastive(
    pictures: Pictures, captions: Captions, names: Names, config: ContrastiveConfig, progress: Progress
) -> StarterHeads:
    """Both heads, the same for the same seed, data and machine.

    Args:
        pictures: features and logits of the training pictures, in one view or more.
        captions: of these pictures.
        names: what the classifier teaches.
        config: the recipe.
        progress: told (what is done, share done 0 to 1) now and then.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    data = _Data.prepare(pictures, captions, names, config, rng)
    picture, text = _train_mlps(data, config, rng, progress)
    progress("kernels", 1.0)
    return _join(data, picture, text, config)


def _join(data: _Data, picture: MlpPart, text: MlpPart, config: ContrastiveConfig) -> StarterHeads:
    """The trained MLPs with kernels and the gate, which are fitted in closed form."""
    rng = np.random.default_rng([config.seed, 1])
    picture_kernel, text_kernel = _fit_kernels(data, config, rng)
    gate, gate_bias = _fit_gate(data, rng)
    shut = np.zeros(len(picture.linear), np.float32), np.zeros(1, np.float32)
    picture_shares = np.full(2, config.picture_share, np.float32)
    text_shares = np.array(config.text_shares, np.float32)
    return StarterHeads(
        data.read,
        Head(picture, picture_kernel, *shut, picture_shares),
        Head(text, text_kernel, gate, gate_bias, text_shares),
    )


def _fit_gate(data: _Data, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
    """A logistic [384], [1] that tells captions (1) from names and words (0), both kinds weighing the same."""
    groups = data.names.names, data.names.words
    bare = np.concatenate([_worded(group, np.arange(len(group.vectors)), rng) for group in groups])
    whole = _some(data.captions.vectors, len(bare), rng)
    x = torch.from_numpy(np.concatenate([whole, bare]))
    y = torch.cat([torch.ones(len(whole)), torch.zeros(len(bare))])
    gate = nn.Linear(SENTENCE, 1)
    optimizer = torch.optim.LBFGS(gate.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(gate(x)[:, 0], y) + _GATE_DECAY * gate.weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return gate.weight.detach().numpy()[0], gate.bias.detach().numpy()


@dataclass(frozen=True, slots=True)
class _Data:
    """Everything as the heads read it: views [v, n, i], chances [v, n, 1000], made [k, i], made_chances [k, 1000]."""

    read: PictureInput
    views: Float32Array
    chances: Float32Array
    made: Float32Array
    made_chances: Float32Array
    captions: Captions
    by_picture: list[NDArray[np.int64]]
    names: Names

    @classmethod
    def prepare(
        cls, pictures: Pictures, captions: Captions, names: Names, config: ContrastiveConfig, rng: np.random.Generator
    ) -> _Data:
        first = pictures.features[0].astype(np.float32)
        read = _principal(first)
        made, made_logits = make_prototypes(first, names.classifier, rounds=config.prototypes, rng=rng)
        real_chances = np.stack(
            [_taught(view.astype(np.float32), names.unseen, config.sharpen) for view in pictures.logits]
        )
        order = np.argsort(captions.owners, kind="stable")
        bounds = np.searchsorted(captions.owners[order], np.arange(1, len(first)))
        return cls(
            read=read,
            views=np.stack([_read(read, f, g) for f, g in zip(pictures.features, pictures.logits, strict=True)]),
            chances=real_chances,
            made=_read(read, made, made_logits),
            made_chances=_taught(made_logits, names.unseen, config.sharpen),
            captions=captions,
            by_picture=np.split(order, bounds),
            names=names,
        )


def _read(read: PictureInput, features: NDArray[np.floating], logits: NDArray[np.floating]) -> Float32Array:
    return read(features.astype(np.float32), logits.astype(np.float32))


def _taught(logits: Float32Array, unseen: NDArray[np.bool_], power: float) -> Float32Array:
    """The sharpened posterior [n, 1000] over the classes that have names; zeros where the first choice has none."""
    chances = posterior(power * np.where(unseen, -np.inf, logits).astype(np.float32))
    chances[unseen[logits.argmax(axis=1)]] = 0
    return chances


def _principal(features: Float32Array) -> PictureInput:
    roots = np.sqrt(np.maximum(features, 0))
    mean = roots.mean(axis=0)
    vectors = np.linalg.eigh((roots - mean).T @ (roots - mean))[1]
    basis = vectors[:, ::-1][:, :_REDUCED]
    return PictureInput(mean.astype(np.float16).astype(np.float32), basis.astype(np.float16).astype(np.float32))


class _Mlp(nn.Module):
    """:class:`retrieval.spaces.heads.MlpPart` with dropout, to be trained."""

    def __init__(self, inputs: int, hidden: int, dim: int, dropout: float, scale: float) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, dim)
        self.hidden = nn.Linear(inputs, hidden)
        self.out = nn.Linear(hidden, dim, bias=False)
        self.drop_input, self.drop_hidden = nn.Dropout(dropout / 2), nn.Dropout(dropout)
        self._scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """x [n, i] → [n, d], rows of length 1."""
        x = self.drop_input(x * self._scale)
        hidden = self.drop_hidden(F.gelu(self.hidden(x), approximate="tanh"))
        return F.normalize(self.linear(x) + self.out(hidden), dim=-1)

    def part(self) -> MlpPart:
        """The same in numpy."""
        linear, hidden, out = (layer.weight.detach().numpy().T for layer in (self.linear, self.hidden, self.out))
        biases = self.linear.bias.detach().numpy(), self.hidden.bias.detach().numpy()
        scale = np.float32(self._scale)
        return MlpPart(linear * scale, biases[0], hidden * scale, biases[1], out)


class _Model(nn.Module):
    """Both MLPs and the logarithms of two inverse temperatures, of captions and of names."""

    def __init__(self, inputs: int, config: ContrastiveConfig) -> None:
        super().__init__()
        self.picture = _Mlp(inputs, config.picture_hidden, config.dim, config.dropout, 1.0)
        self.text = _Mlp(SENTENCE, config.text_hidden, config.dim, config.dropout, _SENTENCE_SCALE)
        self.caption_heat = nn.Parameter(torch.tensor(math.log(20.0)))
        self.name_heat = nn.Parameter(torch.tensor(math.log(30.0)))


def _train_mlps(
    data: _Data, config: ContrastiveConfig, rng: np.random.Generator, progress: Progress
) -> tuple[MlpPart, MlpPart]:
    model = _Model(data.views.shape[-1], config)
    averaging = torch.optim.swa_utils.get_ema_multi_avg_fn(config.average)  # type: ignore[no-untyped-call]  # torch's
    mean = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=averaging)
    optimizer = _optimizer(model, config)
    batch = min(config.batch, data.views.shape[1])
    a_turn = data.views.shape[1] // batch
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _cosine(config.epochs * a_turn))
    for epoch in range(config.epochs):
        order = rng.permutation(data.views.shape[1])
        for rows in np.split(order[: a_turn * batch], a_turn):
            loss = _caption_and_name_loss(model, data, rows, config, rng)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimizer.step()
            schedule.step()
            mean.update_parameters(model)
        progress(f"epoch {epoch + 1} of {config.epochs}, loss {loss.item():.2f}", (epoch + 1) / config.epochs)
    kept = mean.module
    assert isinstance(kept, _Model)
    return kept.picture.part(), kept.text.part()


def _optimizer(model: _Model, config: ContrastiveConfig) -> torch.optim.Optimizer:
    heats = [model.caption_heat, model.name_heat]
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    biases = [weight for weight in model.parameters() if weight.ndim == 1]
    groups = [
        {"params": matrices, "weight_decay": config.decay, "lr": config.rate},
        {"params": biases, "weight_decay": 0.0, "lr": config.rate},
        {"params": heats, "weight_decay": 0.0, "lr": 10 * config.rate},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98))


def _cosine(steps: int) -> Callable[[int], float]:
    return lambda step: min(1.0, (step + 1) / 20) * (0.5 + 0.5 * math.cos(math.pi * step / steps) + 0.01)


def _caption_and_name_loss(
    model: _Model, data: _Data, rows: NDArray[np.int64], config: ContrastiveConfig, rng: np.random.Generator
) -> Tensor:
    view = rng.integers(len(data.views))
    x, chances = _named_pictures(data, config.named, rng)
    names, words = data.names.names, data.names.words
    name_rows, word_rows = _one_name_a_class(names, rng), rng.permutation(len(words.vectors))[: config.words_a_step]
    pictures = model.picture(torch.from_numpy(np.concatenate([data.views[view][rows], x])))
    texts = [
        _caption_texts(data, rows, config.blend, rng),
        _worded(names, name_rows, rng),
        _worded(words, word_rows, rng),
    ]
    text = model.text(torch.from_numpy(np.concatenate(texts)))
    caption, name, word = text.split([len(part) for part in texts])
    loss = _clip_loss(model.caption_heat, pictures[: len(rows)], caption)
    scores = model.name_heat.exp().clamp(max=100) * pictures[len(rows) :]
    loss = loss + config.name_weight * _soft_choice(scores @ name.T, chances @ _cover(names, name_rows).T)
    fits = chances @ _cover(words, word_rows).T
    return loss + config.word_weight * (_soft_choice(scores @ word.T, fits) + _soft_choice(word @ scores.T, fits.T))


def _cover(group: WordGroup, rows: NDArray[np.int64]) -> Float32Array:
    return group.covers[rows].astype(np.float32)


def _named_pictures(data: _Data, count: int, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
    """Inputs [count, i] and chances [count, 1000], half of real pictures, half made."""
    view = rng.integers(len(data.views))
    real = rng.integers(data.views.shape[1], size=count // 2)
    made = rng.integers(len(data.made), size=count - count // 2)
    x = np.concatenate([data.views[view][real], data.made[made]])
    return x, np.concatenate([data.chances[view][real], data.made_chances[made]])


def _one_name_a_class(names: WordGroup, rng: np.random.Generator) -> NDArray[np.int64]:
    """A row of ``names`` for each class that has one, drawn evenly."""
    draw = np.where(names.covers, rng.random(names.covers.shape, dtype=np.float32), -1)
    return np.unique(draw.argmax(axis=0)[names.covers.any(axis=0)])


def _worded(group: WordGroup, rows: NDArray[np.int64], rng: np.random.Generator) -> Float32Array:
    return group.vectors[rows, rng.integers(group.vectors.shape[1], size=len(rows))]


def _caption_texts(data: _Data, rows: NDArray[np.int64], blend: float, rng: np.random.Generator) -> Float32Array:
    """A caption of each picture, or a mixture of two of its captions: [n, 384]."""
    drawn = [rng.choice(data.by_picture[row], 2) for row in rows]
    first, second = data.captions.vectors[np.array(drawn)].transpose(1, 0, 2)
    part = (rng.random((len(rows), 1)) < blend) * rng.random((len(rows), 1))
    mixed = first * (1 - part) + second * part
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)


def _clip_loss(heat: Tensor, pictures: Tensor, texts: Tensor) -> Tensor:
    """Radford et al. 2021, fig. 3, the sum of both ways. pictures [n, d], texts [n, d]."""
    scores = heat.exp().clamp(max=100) * (texts @ pictures.T)
    target = torch.arange(len(scores))
    return F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)


def _soft_choice(scores: Tensor, fits: Float32Array) -> Tensor:
    """Cross entropy of scores [n, k] with soft labels in proportion to fits [n, k]; rows that nothing fits count 0."""
    target = torch.from_numpy(np.ascontiguousarray(fits / np.maximum(fits.sum(axis=1, keepdims=True), 1e-6)))
    sure = torch.from_numpy(np.ascontiguousarray(fits.max(axis=1) > 0.05)).float()
    return -(sure * (target * scores.log_softmax(dim=-1)).sum(dim=-1)).sum() / sure.sum().clamp(min=1)


def _fit_kernels(data: _Data, config: ContrastiveConfig, rng: np.random.Generator) -> tuple[KernelPart, KernelPart]:
    """Both kernel parts, over captions and, lighter, over names and words."""
    name_weight, word_weight = config.pair_weights
    x, chances = _named_pictures(data, _NAMED_PAIRS, rng)
    x, chances = x[chances.any(axis=1)], chances[chances.any(axis=1)]
    drawn = _draw_class(chances, rng)
    names, words = (_text_of_class(group, drawn, rng) for group in (data.names.names, data.names.words))
    owned = data.captions
    pairs = chain(_caption_pairs(data, rng), [Pairs(x, names, name_weight), Pairs(x, words, word_weight)])
    picture = _some(data.views[0], config.picture_landmarks, rng), _some(data.made, config.picture_landmarks // 5, rng)
    text = (
        _some(owned.vectors, config.text_landmarks, rng),
        _some(np.concatenate([names, words]), config.text_landmarks // 3, rng),
    )
    return fit_kernels(
        pairs, landmarks_of(np.concatenate(picture), rng), landmarks_of(np.concatenate(text), rng), config.kernel
    )


def _caption_pairs(data: _Data, rng: np.random.Generator) -> Iterator[Pairs]:
    """Each caption with two views of its picture (with the one, where there is but one)."""
    turns = min(2, len(data.views))
    for _ in range(turns):
        view = rng.integers(len(data.views), size=len(data.captions.owners))
        yield Pairs(data.views[view, data.captions.owners], data.captions.vectors, 1 / turns)


def _some(rows: Float32Array, count: int, rng: np.random.Generator) -> Float32Array:
    return rows[rng.permutation(len(rows))[:count]]


def _draw_class(chances: Float32Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """A class for each row of chances [n, 1000], drawn by them."""
    passed = chances.cumsum(axis=1) > rng.random((len(chances), 1)) * chances.sum(axis=1, keepdims=True)
    return np.asarray(passed.argmax(axis=1), np.int64)


def _text_of_class(group: WordGroup, classes: NDArray[np.int64], rng: np.random.Generator) -> Float32Array:
    """For each class a text of a word that covers it, narrow words first: [n, 384]."""
    width = group.covers.sum(axis=1)
    texts = np.empty((len(classes), group.vectors.shape[2]), np.float32)
    for chosen in np.unique(classes):
        rows, words = np.flatnonzero(classes == chosen), np.flatnonzero(group.covers[:, chosen])
        if len(words) == 0:
            words, odds = np.arange(len(width)), None
        else:
            odds = 1 / width[words] ** 0.5
            odds /= odds.sum()
        texts[rows] = _worded(group, rng.choice(words, len(rows), p=odds), rng)
    return texts
