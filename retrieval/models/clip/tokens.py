"""Texts to token ids, by tokenizers alone: open_clip's own tokenizers load torch, or transformers, or both."""

from __future__ import annotations

import gzip
import html
import string
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["BackendTokens", "ClipTokens", "OpenClipTokens", "Tokens", "is_plain"]

_VOCABULARY: Final = "bpe_simple_vocab_16e6.txt.gz"
_MERGES: Final = slice(1, 49152 - 256 - 2 + 1)
_START, _END = "<start_of_text>", "<end_of_text>"
_PIECES: Final = rf"{_START}|{_END}|'s|'t|'re|'ve|'m|'ll|'d|[\p{{L}}]+|[\p{{N}}]|[^\s\p{{L}}\p{{N}}]+"


class Tokens(Protocol):
    """One model's tokenizer."""

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Token ids ``[n, context]``; what is longer is cut."""

    def is_cut(self, text: str) -> bool:
        """Whether ``text`` is longer than the model reads."""


def is_plain(settings: Mapping[str, Any], model: str) -> bool:
    """Whether a model's text ``settings`` ask for CLIP's own tokenizer, as :class:`ClipTokens` has it."""
    options = settings.get("tokenizer_kwargs", {})
    names_another = settings.get("hf_tokenizer_name") or "siglip" in model.lower()
    return not names_another and set(options) <= {"clean"} and options.get("clean", "lower") in _CLEANERS


class ClipTokens:
    """CLIP's byte-pair tokenizer (Radford et al. 2021, after Sennrich et al. 2016), with open_clip's vocabulary."""

    def __init__(self, context_length: int, clean: str = "lower") -> None:
        self._context = context_length
        self._clean = _CLEANERS[clean]
        self._backend = _clip_backend()
        self._start, self._end = (self._backend.get_vocab()[word] for word in (_START, _END))

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        tokens = np.zeros((len(texts), self._context), np.int64)
        for row, text in zip(tokens, texts, strict=True):
            ids = [self._start, *self._ids(text), self._end][: self._context]
            ids[-1] = self._end
            row[: len(ids)] = ids
        return tokens

    def is_cut(self, text: str) -> bool:
        return len(self._ids(text)) + 2 > self._context

    def _ids(self, text: str) -> list[int]:
        # By the library that open_clip splits with: another knows other signs as letters.
        pieces = _pattern().findall(self._clean(text))
        return list(self._backend.encode(pieces, is_pretokenized=True, add_special_tokens=False).ids)


class BackendTokens:
    """A tokenizer of the hub as one file; cutting and padding are in it."""

    def __init__(self, file: Path, settings: Mapping[str, Any]) -> None:
        """``settings`` are what :meth:`OpenClipTokens.to_backend` gave."""
        from tokenizers import Tokenizer  # here, since only a process that encodes should pay for it

        self._backend = Tokenizer.from_file(str(file))
        self._clean = _CLEANERS[settings["clean"]]
        self._stripped = settings["stripped"]

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        encodings = self._backend.encode_batch([self._clean(text) for text in texts])
        tokens = np.array([encoding.ids for encoding in encodings], np.int64)
        return tokens if self._stripped is None else np.where(tokens == self._stripped, 0, tokens)

    def is_cut(self, text: str) -> bool:
        return bool(self._backend.encode(self._clean(text)).overflowing)


class OpenClipTokens:
    """open_clip's own tokenizer, where no other way gives the same ids."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return np.asarray(self._tokenizer(list(texts)).numpy(), np.int64)

    def is_cut(self, text: str) -> bool:
        context = self._tokenizer.context_length
        longer = self._tokenizer([text], context_length=2 * context).numpy()[0]
        padding = self._tokenizer([""], context_length=2 * context).numpy()[0][-1]
        return bool((longer != padding).sum() > context)

    def to_backend(self) -> tuple[str, dict[str, Any]] | None:
        """The file and the settings that :class:`BackendTokens` takes; None for a kind that can't be kept so.

        The tokenizer must have been called before: then cutting and padding are part of the file.
        """
        inner = getattr(self._tokenizer, "tokenizer", None)
        backend = getattr(inner, "backend_tokenizer", None)
        if inner is None or backend is None or getattr(self._tokenizer, "tokenizer_mode", "") == "clips":
            return None
        clean = getattr(self._tokenizer, "clean_fn", None)
        name = getattr(clean, "__name__", "_clean_canonicalize").removeprefix("_clean_")
        stripped = inner.sep_token_id if getattr(self._tokenizer, "strip_sep_token", False) else None
        return (backend.to_str(), {"clean": name, "stripped": stripped}) if name in _CLEANERS else None


def _basic(text: str) -> str:
    import ftfy  # a tenth of a second, for those that read text

    return html.unescape(html.unescape(ftfy.fix_text(text))).strip()


def _whitespace(text: str) -> str:
    return " ".join(_basic(text).split())


def _lower(text: str) -> str:
    return _whitespace(text).lower()


def _canonical(text: str) -> str:
    """As big_vision cleans a prompt: no punctuation, lower case."""
    plain = _basic(text).replace("_", " ").translate(str.maketrans("", "", string.punctuation))
    return " ".join(plain.lower().split())


_CLEANERS: Final[dict[str, Callable[[str], str]]] = {
    "lower": _lower,
    "whitespace": _whitespace,
    "canonicalize": _canonical,
}


@cache
def _clip_backend() -> Tokenizer:
    from tokenizers import AddedToken, Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel

    lines = gzip.decompress(_vocabulary_file().read_bytes()).decode("utf-8").split("\n")[_MERGES]
    merges = [(first, second) for first, second in (line.split() for line in lines)]
    letters = _byte_letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges), _START, _END]
    vocabulary = {word: number for number, word in enumerate(words)}
    backend = Tokenizer(BPE(vocabulary, merges, end_of_word_suffix="</w>"))
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    backend.add_special_tokens([AddedToken(word, normalized=False) for word in (_START, _END)])
    return backend


@cache
def _pattern() -> Any:
    import regex

    return regex.compile(_PIECES, regex.IGNORECASE)


def _byte_letters() -> list[str]:
    """A visible letter for each byte, in the order of the vocabulary: those that print, then the others from 256 up."""
    printing = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = 256 - len(printing)
    return [chr(byte) for byte in printing] + [chr(256 + number) for number in range(hidden)]


def _vocabulary_file() -> Path:
    spec = find_spec("open_clip")  # finds, and does not import
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("open_clip is not installed; install vidi again")
    return Path(next(iter(spec.submodule_search_locations))) / _VOCABULARY
