"""Published weights as a classifier: ImageNet's 1,000 classes, in the one order that all who publish them share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from torch import nn

from retrieval.errors import ModelError, WeightsError
from retrieval.models.classifier_files import PictureInput, PixelClassifier
from retrieval.models.named import MODEL_NAMES, build_model, config_of
from retrieval.models.published import PUBLISHED, fetch_published, load_any_names

__all__ = ["PublishedClassifier", "is_published", "open_published"]

_CLASSES: Final = 1000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PublishedClassifier:
    """Weights in a file on this machine, and the model that they belong to. The file is opened by :meth:`model`."""

    name: str
    """As a person gives it, without the file."""
    path: Path
    sha256: str
    """Of the file, whatever brought it here."""
    architecture: str
    """A name of :mod:`retrieval.models.named`."""
    picture_input: PictureInput
    temperature: float = 1.0

    def model(self) -> nn.Module:
        """The model with its weights, on the CPU, in evaluation mode: from what ``picture_input`` normalises to logits
        [n, 1000].

        Raises:
            WeightsError: the file can't be read, or is of another model.
        """
        model = build_model(config_of(self.architecture, classes=_CLASSES, picture_size=self.picture_input.size))
        load_any_names(model, self.path)
        return model.eval()

    def on_pixels(self, *, device: str = "cpu") -> PixelClassifier:
        """The model ready to be called on pixels again and again.

        Raises: as :meth:`model`.
        """
        return PixelClassifier(self.model().to(device), self.picture_input, self.temperature, device)

    def __repr__(self) -> str:
        return f"PublishedClassifier({self.name!r}, {self.path.name})"


def is_published(name: str) -> bool:
    """Whether ``name`` speaks of published weights: a name of theirs, or ``MODEL=FILE``."""
    return _own_name(name) in PUBLISHED or "=" in name


def open_published(name: str) -> PublishedClassifier:
    """The classifier of published weights.

    ``name`` is one of :data:`~retrieval.models.published.PUBLISHED`, or the one by which timm or the hub know the same
    weights: their file is in the hub's cache on this machine, or comes from the hub. Or it is ``MODEL=FILE``, such as
    ``cpvt_s=weights.pth``, for a file that is here already: then MODEL is such a name too, or a size of
    :mod:`retrieval.models.named`.

    Raises:
        ModelError: no weights and no model have that name.
        WeightsError: the weights are not here and can't be fetched, or the file can't be read.
    """
    given, _, file = name.partition("=")
    own = _own_name(given)
    if file and own not in PUBLISHED and own not in MODEL_NAMES:
        near = get_close_matches(own, [*PUBLISHED, *MODEL_NAMES], n=1)
        hint = f"did you mean {near[0]}={file}?" if near else f"expected one of {', '.join(MODEL_NAMES)}"
        raise ModelError(f"no model is called {own!r}, as {name} would have it; {hint}")
    path = Path(file).expanduser() if file else fetch_published(own)
    architecture, picture_input = _known(own)
    return PublishedClassifier(own, path, _digest(path), architecture, picture_input)


def _own_name(name: str) -> str:
    """vidi's name of the weights ``name``, where it has one."""
    repositories = {entry.repository: ours for ours, entry in PUBLISHED.items()}
    without_owner = {repository.partition("/")[2]: ours for repository, ours in repositories.items()}
    return repositories.get(name) or without_owner.get(name) or name


def _known(name: str) -> tuple[str, PictureInput]:
    """The model of that name, and how it reads pixels: as the published weights of this size do."""
    if name in PUBLISHED:
        return PUBLISHED[name].model, PUBLISHED[name].picture_input
    size = config_of(name, classes=_CLASSES).picture_size
    same = (entry.picture_input for entry in PUBLISHED.values() if entry.model == name)
    return name, next((found for found in same if found.size == size), PictureInput(size))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror}; give a file of weights") from error
