"""Labels as vectors: CLIP's prompt ensembles (Radford et al. 2021, section 3.1.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.spaces.space import Space
from retrieval.tagging.templates import TEMPLATES
from retrieval.types import Float32Array

__all__ = ["class_vectors"]

_PROMPTS_PER_BATCH = 640


def class_vectors(
    space: Space, labels: Sequence[Sequence[str] | str], templates: Sequence[str] = TEMPLATES
) -> Float32Array:
    """``[labels, d]``: for each label, a text or several wordings, the mean of its prompts' vectors.

    Each prompt's vector is brought to length 1 before, and the mean after.
    """
    wordings = [[label] if isinstance(label, str) else list(label) for label in labels]
    owners = [row for row, words in enumerate(wordings) for _ in words for _ in templates]
    prompts = [template.format(word) for words in wordings for word in words for template in templates]
    sums = np.zeros((len(wordings), space.dim), np.float32)
    for start in range(0, len(prompts), _PROMPTS_PER_BATCH):
        batch = slice(start, start + _PROMPTS_PER_BATCH)
        np.add.at(sums, owners[batch], _unit(space.embed_text(prompts[batch])))
    return _unit(sums)


def _unit(vectors: Float32Array) -> Float32Array:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)
