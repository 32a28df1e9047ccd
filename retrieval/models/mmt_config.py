"""The proportions of an MMT and its variants, without torch, since a search reads them too.

Gabeur et al. 2020, "Multi-modal Transformer for Video Retrieval". :mod:`retrieval.models.mmt` is the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final

from retrieval.models.bert import BertConfig

__all__ = [
    "PAPERS_TYPES",
    "AlignedTerm",
    "AlignedText",
    "BertText",
    "ExpertInput",
    "FeatureTokens",
    "FrameTerm",
    "Missing",
    "Mixture",
    "MmtConfig",
    "TokenText",
    "UnitLength",
    "VideoEncoder",
    "mmt_activitynet",
    "mmt_howto100m",
    "mmt_lsmdc",
    "mmt_msrvtt",
    "mmt_small",
]


class VideoEncoder(StrEnum):
    """What brings the experts of a video together."""

    TRANSFORMER = "transformer"
    GATING = "gating"
    """Collaborative gating over max-pooled experts (COLL), the paper's baseline; it reads no feature tokens."""


class FeatureTokens(StrEnum):
    """Which features stand beside the aggregated one, and whether their times are told (the paper's table 1)."""

    ORDERED = "ordered"
    SHUFFLED = "shuffled"
    """Times are dealt out among an expert's features at random."""
    UNTIMED = "untimed"
    """All times are unknown."""
    POOLED = "pooled"
    """None: the transformer reads the max-pooled features alone."""


class Missing(StrEnum):
    """What an expert adds to the similarity where it had nothing to say."""

    SCORED = "scored"
    """What the transformer makes of its empty token: as in the paper."""
    ZERO = "zero"
    """Nothing; the other terms stay as they are. Not in the paper; still one inner product."""
    RENORMALISED = "renormalised"
    """Nothing, and the weights of the others are made to sum to one, for each pair: not one inner product."""


class Mixture(StrEnum):
    """What weighs the experts."""

    TEXT = "text"
    """The text, by a softmax (the paper's equation 3)."""
    EVEN = "even"
    """All alike."""


class UnitLength(StrEnum):
    """What is scaled to length 1 after features are projected."""

    FEATURES = "features"
    """Each feature."""
    SLOTS = "slots"
    """Each channel over an expert's slots, padding included: what the authors' code does, by the default axis of
    ``torch.nn.functional.normalize``. Their checkpoints were trained so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertInput:
    """One expert as the transformer reads it."""

    name: str
    dim: int
    """Width of its features."""
    type_id: int
    """Row of the table of expert embeddings; row 0 is the class token's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BertText:
    """The paper's text tower: BERT, fine-tuned."""

    bert: BertConfig
    dropout: float = 0.1

    @property
    def dim(self) -> int:
        """Width of what it gives."""
        return self.bert.hidden

    @property
    def most_tokens(self) -> int:
        """Tokens that it reads, with [CLS] and [SEP]."""
        return self.bert.most_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenText:
    """The small text tower: trained layers upon the frozen token states of all-MiniLM-L6-v2."""

    dim: int = 384
    layers: int = 2
    """With none, the mean of the token states is what it gives: the sentence vector, but for its length."""
    heads: int = 6
    feed_forward: int = 768
    most_tokens: int = 64
    dropout: float = 0.1
    norm_epsilon: float = 1e-12

    def __post_init__(self) -> None:
        _check_heads(self.dim, self.heads)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTerm:
    """One more entry of the mixture: a picture space's own vector of the text, against the mean of its frames'.

    Nothing of it is learned but its weight, so that frames pooled by their mean are a special case of the model.
    """

    space: str
    """Name of the picture space, such as ``starter``."""
    dim: int
    start: float = 3.0
    """Bias of its weight before the softmax when training starts: with 3 and five experts it has four fifths."""


class AlignedText(StrEnum):
    """Into which space an aligned term brings its part of the text."""

    PICTURES = "pictures"
    """The picture space of the frame term: for experts whose features are that space's vectors."""
    SENTENCES = "sentences"
    """That of sentence vectors, where the states of tokens lie: for experts whose features are such vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedTerm:
    """One more entry of the mixture, for an expert whose features can be compared with texts as they are.

    A part of the text, drawn together by attention over its tokens, against a part of the video, drawn together by
    attention over the expert's features. Where to look is learned, by the text's upper layers and by the video
    transformer; what is seen and read there is not: the features, and a space that knows texts already. So "a dog runs,
    then a man sings" can be held against early and late frames apart. Not in the paper.
    """

    name: str
    expert: str
    text: AlignedText
    start: float = 0.0
    """Bias of its weight before the softmax when training starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MmtConfig:
    """The proportions of one model. Defaults are the paper's."""

    experts: tuple[ExpertInput, ...]
    """In the order of their names, which is the order of tokens and of the vectors' parts."""
    text: BertText | TokenText
    frames: FrameTerm | None = None
    aligned: tuple[AlignedTerm, ...] = ()
    width: int = 512
    layers: int = 4
    heads: int = 4
    feed_forward: int = 3072
    max_position: int = 32
    """Rows of the table of temporal embeddings: 0 of tokens without a time, 1 of unknown times, then seconds."""
    position_seconds: float = 1.0
    """How long a time one of them stands for."""
    type_rows: int = 19
    """Rows of the table of expert embeddings."""
    most_features: int = 30
    """Feature tokens of an expert; of more, a part is read."""
    dropout: float = 0.1
    norm_epsilon: float = 1e-12
    encoder: VideoEncoder = VideoEncoder.TRANSFORMER
    features: FeatureTokens = FeatureTokens.ORDERED
    missing: Missing = Missing.SCORED
    mixture: Mixture = Mixture.TEXT
    unit_length: UnitLength = UnitLength.FEATURES
    unread_poolers: bool = False
    """Whether BERT's poolers are there, which MMT never reads: the authors' checkpoints hold them."""

    def __post_init__(self) -> None:
        names = [expert.name for expert in self.experts]
        if not names or names != sorted(set(names)) or any("." in name for name in names):
            raise ValueError(f"experts {names}: expected one or more, by name, each once, without dots")
        if bad := [expert for expert in self.experts if not (0 < expert.type_id < self.type_rows and expert.dim > 0)]:
            raise ValueError(f"{bad[0]}: expected a type from 1 to {self.type_rows - 1} and a dim over 0")
        for term in self.aligned:
            self._check_aligned(term)
        if self.aligned and self.missing is Missing.RENORMALISED:
            raise ValueError("weights that are made anew for each pair know no aligned terms: expected one of both")
        _check_heads(self.width, self.heads)
        if self.max_position < 3 or self.position_seconds <= 0 or self.most_features < 1:
            raise ValueError("expected 3 positions or more, of some length, and room for a feature")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the experts, in order."""
        return tuple(expert.name for expert in self.experts)

    def _check_aligned(self, term: AlignedTerm) -> None:
        widths = {expert.name: expert.dim for expert in self.experts}
        pictures = self.frames.dim if self.frames else None
        expected = pictures if term.text is AlignedText.PICTURES else self.text.dim
        if self.encoder is not VideoEncoder.TRANSFORMER or self.features is FeatureTokens.POOLED:
            raise ValueError(
                f"the aligned term {term.name!r} reads what a transformer makes of features: there is none"
            )
        if isinstance(self.text, BertText) or expected is None or widths.get(term.expert) != expected:
            raise ValueError(
                f"the aligned term {term.name!r}: expected an expert of width {expected} and the small text tower, "
                f"got {term.expert} of width {widths.get(term.expert)}"
            )

    def aligned_dim(self, term: AlignedTerm) -> int:
        """Width of an aligned term's vectors."""
        return next(expert.dim for expert in self.experts if expert.name == term.expert)

    @property
    def dim(self) -> int:
        """Width of the vectors whose inner product is the similarity."""
        aligned = sum(self.aligned_dim(term) for term in self.aligned)
        return len(self.experts) * self.width + aligned + (self.frames.dim if self.frames else 0)

    def to_json(self) -> dict[str, Any]:
        """As in ``config.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> MmtConfig:
        """Undoes :meth:`to_json`.

        Raises:
            KeyError, TypeError, ValueError: it is no such configuration.
        """
        values = dict(content)
        values["experts"] = tuple(ExpertInput(**expert) for expert in values["experts"])
        values["text"] = _text_from_json(values["text"])
        values["frames"] = FrameTerm(**values["frames"]) if values.get("frames") else None
        aligned = values.get("aligned", ())
        values["aligned"] = tuple(AlignedTerm(**term | {"text": AlignedText(term["text"])}) for term in aligned)
        for name, kind in _ENUMS.items():
            if name in values:
                values[name] = kind(values[name])
        if unknown := sorted(set(values) - {field.name for field in fields(cls)}):
            raise ValueError(f"unknown entries {', '.join(unknown)}")
        return cls(**values)


_ENUMS: Final[Mapping[str, type[StrEnum]]] = {
    "encoder": VideoEncoder,
    "features": FeatureTokens,
    "missing": Missing,
    "mixture": Mixture,
    "unit_length": UnitLength,
}


def _text_from_json(content: Mapping[str, Any]) -> BertText | TokenText:
    values = dict(content)
    if "bert" in values:
        return BertText(**values | {"bert": BertConfig(**values["bert"])})
    return TokenText(**values)


def _check_heads(width: int, heads: int) -> None:
    if heads < 1 or width % heads:
        raise ValueError(f"a width of {width} in {heads} heads: expected a multiple")


# ------------------------------------------------------------------------------------------------------ named sizes

_PAPERS_EXPERTS: Final = {  # name: width of a feature, row of its embedding
    "face": (512, 3),
    "ocr": (300, 7),
    "rgb": (2048, 5),
    "s3d": (1024, 1),
    "scene": (2208, 9),
    "speech": (300, 6),
    "vggish": (128, 2),
}


PAPERS_TYPES: Final = {name: type_id for name, (_, type_id) in _PAPERS_EXPERTS.items()}
"""Rows of the authors' table of expert embeddings."""


def _papers_experts(names: Sequence[str] = tuple(_PAPERS_EXPERTS), **dims: int) -> tuple[ExpertInput, ...]:
    known = {name: _PAPERS_EXPERTS[name] for name in names}
    return tuple(
        ExpertInput(name=name, dim=dims.get(name, dim), type_id=type_id) for name, (dim, type_id) in known.items()
    )


def _papers_text(most_tokens: int = 30) -> BertText:
    """BERT-base with the vocabulary of its cased weights: 108.3 million parameters."""
    bert = BertConfig(layers=12, hidden=768, heads=12, intermediate=3072, vocabulary=28_996, most_tokens=most_tokens)
    return BertText(bert=bert)


def mmt_msrvtt() -> MmtConfig:
    """The paper's model for MSR-VTT: 133,357,063 parameters, 25,046,791 of them outside BERT."""
    return MmtConfig(experts=_papers_experts(), text=_papers_text(), unread_poolers=True)


def mmt_lsmdc() -> MmtConfig:
    """The paper's model for LSMDC, whose faces are 128 wide."""
    return MmtConfig(experts=_papers_experts(face=128), text=_papers_text(), type_rows=10, unread_poolers=True)


def mmt_activitynet() -> MmtConfig:
    """The paper's model for ActivityNet: motion and audio, up to 100 seconds, and paragraphs."""
    return MmtConfig(
        experts=_papers_experts(["s3d", "vggish"]),
        text=_papers_text(most_tokens=100),
        max_position=102,
        most_features=100,
        type_rows=10,
        unread_poolers=True,
    )


def mmt_howto100m() -> MmtConfig:
    """The paper's model for pre-training on HowTo100M: motion and audio."""
    return MmtConfig(experts=_papers_experts(["s3d", "vggish"]), text=_papers_text(), unread_poolers=True)


def mmt_small(
    dims: Mapping[str, int],
    *,
    frames: FrameTerm | None = None,
    aligned: Sequence[AlignedTerm] = (),
    width: int = 256,
    layers: int = 2,
    heads: int = 4,
    feed_forward: int = 512,
    text: TokenText | None = None,
) -> MmtConfig:
    """A model for a CPU over experts by name and width of their features, with the small text tower."""
    experts = tuple(
        ExpertInput(name=name, dim=dims[name], type_id=number) for number, name in enumerate(sorted(dims), start=1)
    )
    return MmtConfig(
        experts=experts,
        text=text or TokenText(),
        frames=frames,
        aligned=tuple(aligned),
        width=width,
        layers=layers,
        heads=heads,
        feed_forward=feed_forward,
        type_rows=len(experts) + 1,
        missing=Missing.ZERO,
    )
