"""Model cards: the facts of each model, told without loading any."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import WeightsError
from retrieval.models.bert import MINILM_WEIGHTS, minilm_l6
from retrieval.models.clip.facts import ClipFacts, kept_facts
from retrieval.models.efficientnet_lite import LITE0_WEIGHTS, efficientnet_lite0
from retrieval.models.mmt_folder import WEIGHTS_FILE, read_mmt_folder
from retrieval.models.packaged import PackagedFile
from retrieval.models.rapid_ocr import OCR_WEIGHTS
from retrieval.models.whisper import SILERO_WEIGHTS, STATE_WIDTH, WHISPER_WEIGHTS
from retrieval.spaces.mmt import FAMILY, MMT_STARTER, MmtSpace
from retrieval.spaces.starter import STARTER_WEIGHTS, StarterSpace

__all__ = ["ModelCard", "model_cards"]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a person should know of a model before using it."""

    name: str
    task: str
    dim: int | None
    """Width of its vectors; None where that can't be told without its file."""
    source: str
    """The package and version that bring the weights."""
    sha256: str | None
    """Of the weights; None where they are known only by the file, and it is absent."""
    licence: str
    size_bytes: int
    languages: tuple[str, ...]
    """ISO 639-1 codes of the languages that it reads; none where it reads no text."""
    available: bool
    """Whether the weights are on this machine. Their digest is another matter: see :meth:`verify`."""
    path: str | None
    """Where they lie on this machine."""

    def verify(self) -> None:
        """Reads the weights and compares their digest.

        Raises:
            WeightsError: they are absent, can't be read, or differ.
        """
        if self.path is None:
            raise WeightsError(f"{self.name} is not on this machine: expected {self.source}, found no file; install it")
        try:
            found = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
        except OSError as error:
            raise WeightsError(
                f"{self.path} can't be read: expected a readable file, found: {error.strerror}; check its permissions"
            ) from error
        if found != self.sha256:
            raise WeightsError(
                f"{self.path} is not {self.name}: expected sha256 {self.sha256}, found {found}; "
                f"install {self.source} again"
            )


def model_cards() -> list[ModelCard]:
    """The cards of all models that come with this version, and of those of open_clip that were used on this machine.

    Reads a few megabytes at most, and asks no hub.
    """
    return [
        _packaged_card(
            "efficientnet-lite0",
            task="picture features and ImageNet-1k classes",
            dim=efficientnet_lite0().features,
            file=LITE0_WEIGHTS,
        ),
        _packaged_card(
            "all-MiniLM-L6-v2", task="sentence vectors", dim=minilm_l6().hidden, file=MINILM_WEIGHTS, languages=("en",)
        ),
        _packaged_card(
            "whisper-tiny.en",
            task="how video and sound sound, and what is said in them",
            dim=STATE_WIDTH,
            file=WHISPER_WEIGHTS,
            languages=("en",),
            licence="MIT",
        ),
        _packaged_card("silero-vad", task="where voices are", dim=None, file=SILERO_WEIGHTS, licence="MIT"),
        _packaged_card("PP-OCRv4-det", task="where text is on the screen", dim=None, file=OCR_WEIGHTS[0]),
        _packaged_card("PP-OCRv4-rec", task="what it says", dim=None, file=OCR_WEIGHTS[1], languages=("en", "zh")),
        _starter_card(STARTER_WEIGHTS / "heads.safetensors"),
        *([_mmt_card(MMT_STARTER)] if (MMT_STARTER / WEIGHTS_FILE).is_file() else []),
        *map(_clip_card, kept_facts()),
    ]


def _clip_card(facts: ClipFacts) -> ModelCard:
    here = Path(facts.path).is_file()
    return ModelCard(
        name=facts.name,
        task="one space for text and pictures, by open_clip",
        dim=facts.dim,
        source="open_clip's hub" if facts.is_published else facts.path,
        sha256=facts.sha256,
        licence="the publisher's own",
        size_bytes=facts.size_bytes,
        languages=facts.languages,
        available=here,
        path=facts.path if here else None,
    )


def _packaged_card(
    name: str,
    *,
    task: str,
    dim: int | None,
    file: PackagedFile,
    languages: tuple[str, ...] = (),
    licence: str = "Apache-2.0",
) -> ModelCard:
    path = file.find()
    return ModelCard(
        name=name,
        task=task,
        dim=dim,
        source=file.distribution,
        sha256=file.sha256,
        licence=licence,
        size_bytes=file.size_bytes,
        languages=languages,
        available=path is not None,
        path=str(path) if path else None,
    )


def _mmt_card(folder: Path) -> ModelCard:
    weights = folder / WEIGHTS_FILE
    return ModelCard(
        name=f"{FAMILY}/starter",
        task="one space for sentences and windows of video, upon the starter and experts over time",
        dim=read_mmt_folder(folder).config.dim,
        source="vidi",
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        licence="Apache-2.0",
        size_bytes=weights.stat().st_size,
        languages=MmtSpace.languages,
        available=True,
        path=str(weights),
    )


def _starter_card(heads: Path) -> ModelCard:
    here = heads.is_file()
    return ModelCard(
        name=StarterSpace.name,
        task="one space for text and pictures: heads on the two models above",
        dim=StarterSpace(heads.parent).dim if here else None,
        source="vidi",
        sha256=hashlib.sha256(heads.read_bytes()).hexdigest() if here else None,
        licence="Apache-2.0",
        size_bytes=heads.stat().st_size if here else 0,
        languages=StarterSpace.languages,
        available=here,
        path=str(heads) if here else None,
    )
