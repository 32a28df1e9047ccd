"""Train the starter's heads over frozen towers: CLIP's symmetric contrastive loss, and names beside it.

Photographs and their captions teach the MLP parts by InfoNCE (Radford et al. 2021, fig. 3). The frozen classifier
teaches names, as soft labels: its posterior over real and made features says how well each word fits. Then the kernel
parts are fitted in closed form (:mod:`retrieval.training.kernel_cca`) and both are joined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retrieval.spaces.heads import Head, MlpPart, StarterHeads
from retrieval.training.contrastive_data import Captions, Names, Pictures, TrainingData
from retrieval.training.dual_mlp import DualMlp, cosine_schedule
from retrieval.training.joining import HubConfig, fit_gate, fit_hubs, fit_kernel_parts
from retrieval.training.kernel_cca import KernelConfig
from retrieval.training.losses import clip_loss, soft_choice

__all__ = ["ContrastiveConfig", "Progress", "train_contrastive"]

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class ContrastiveConfig:
    """The shipped recipe.

    Attributes:
        dim: width of the MLP part.
        picture_hidden, text_hidden: widths of the hidden layers.
        dropout: of the hidden layers; half of it of what is read.
        epochs, batch, rate, decay: of AdamW with a cosine.
        average: of the weights' running mean, which is kept.
        blend: share of texts that are a mixture of two captions of one picture.
        named: pictures in a batch of names, half real, half made.
        sharpen: power of the classifier's posterior.
        name_weight, word_weight: of these losses beside the captions'.
        prototypes: made features for each class.
        words_a_step: words drawn in a step.
        picture_share: length of the kernel part of pictures, beside the MLP part's 1.
        text_shares: the same for texts, of a bare name and of a whole sentence.
        kernel: of the kernel parts.
        hubs: of what is taken off for lying near all texts.
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
    picture_share: float = 0.9
    text_shares: tuple[float, float] = (0.15, 1.2)
    kernel: KernelConfig = field(default_factory=KernelConfig)
    hubs: HubConfig = field(default_factory=HubConfig)
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
    data = TrainingData.prepare(
        pictures, captions, names, prototypes=config.prototypes, sharpen=config.sharpen, rng=rng
    )
    picture, text = _train_mlps(data, config, rng, progress)
    progress("kernels", 1.0)
    return _join(data, picture, text, config)


def _train_mlps(
    data: TrainingData, config: ContrastiveConfig, rng: np.random.Generator, progress: Progress
) -> tuple[MlpPart, MlpPart]:
    model = _build(data, config)
    averaging = torch.optim.swa_utils.get_ema_multi_avg_fn(config.average)  # type: ignore[no-untyped-call]  # torch's
    mean = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=averaging)
    optimizer = model.optimizer(rate=config.rate, decay=config.decay)
    batch = min(config.batch, data.count)
    a_turn = data.count // batch
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, cosine_schedule(config.epochs * a_turn))
    for epoch in range(config.epochs):
        order = rng.permutation(data.count)
        for rows in np.split(order[: a_turn * batch], a_turn):
            loss = _loss(model, data, rows, config, rng)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimizer.step()
            schedule.step()
            mean.update_parameters(model)
        progress(f"epoch {epoch + 1} of {config.epochs}, loss {loss.item():.2f}", (epoch + 1) / config.epochs)
    kept = mean.module
    assert isinstance(kept, DualMlp)
    return kept.picture.part(), kept.text.part()


def _build(data: TrainingData, config: ContrastiveConfig) -> DualMlp:
    return DualMlp(
        inputs=data.views.shape[-1],
        picture_hidden=config.picture_hidden,
        text_hidden=config.text_hidden,
        dim=config.dim,
        dropout=config.dropout,
    )


def _loss(
    model: DualMlp, data: TrainingData, rows: NDArray[np.int64], config: ContrastiveConfig, rng: np.random.Generator
) -> Tensor:
    """Of one step: captions of the pictures ``rows`` one to one, then names and words by the classifier's chances."""
    shown = data.view_of(rows, rng)
    x, chances = data.named_pictures(config.named, rng)
    names, words = data.names.names, data.names.words
    name_rows, word_rows = names.one_a_class(rng), rng.permutation(len(words.vectors))[: config.words_a_step]
    parts = [data.caption_of(rows, config.blend, rng), names.worded(name_rows, rng), words.worded(word_rows, rng)]
    captioned, named = model.picture(torch.from_numpy(np.concatenate([shown, x]))).split([len(shown), len(x)])
    caption, name, word = model.text(torch.from_numpy(np.concatenate(parts))).split([len(part) for part in parts])
    by_name, by_word = model.name_scores(named, name), model.name_scores(named, word)
    fits = words.fits(word_rows, chances)
    name_loss = soft_choice(by_name, names.fits(name_rows, chances))
    word_loss = soft_choice(by_word, fits) + soft_choice(by_word.T, fits.T)
    caption_loss = clip_loss(model.caption_scores(caption, captioned))
    return caption_loss + config.name_weight * name_loss + config.word_weight * word_loss


def _join(data: TrainingData, picture: MlpPart, text: MlpPart, config: ContrastiveConfig) -> StarterHeads:
    """The trained MLPs with what is fitted in closed form."""
    rng = np.random.default_rng([config.seed, 1])
    picture_kernel, text_kernel = fit_kernel_parts(data, config.kernel, rng)
    gate, gate_bias = fit_gate(data, rng)
    shut = np.zeros(len(picture.linear), np.float32), np.zeros(1, np.float32)
    picture_head = Head(picture, picture_kernel, *shut, np.full(2, config.picture_share, np.float32))
    text_head = Head(text, text_kernel, gate, gate_bias, np.array(config.text_shares, np.float32))
    hubs = fit_hubs(data, picture_head, text_head, config.hubs, rng)
    return StarterHeads(data.read, picture_head, text_head, hubs)
