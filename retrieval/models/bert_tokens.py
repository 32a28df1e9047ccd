"""Ids of words for BERT as MMT's authors make them: the vocabulary of BERT-base-cased, read in lower case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import WeightsError
from retrieval.models.hub import cached_file, fetch_file, reason_of

__all__ = ["BertTokens", "find_vocabulary"]

_REPOSITORIES: Final = ("google-bert/bert-base-cased", "bert-base-cased")  # the hub moved it
_FILE: Final = "vocab.txt"
_ENDS: Final = (".", "?", "!")


class BertTokens:
    """From sentences to ids: lower case, with a full stop, [CLS] … [SEP]; of ``most`` tokens the last is [SEP]."""

    def __init__(self, vocabulary: Path, *, most: int) -> None:
        """
        Raises:
            WeightsError: the file is no vocabulary of BERT.
        """
        from tokenizers.implementations import BertWordPieceTokenizer  # here, since only this should pay for it

        try:
            words = vocabulary.read_text("utf-8").splitlines()
            self._tokenizer = BertWordPieceTokenizer(
                vocab={word: row for row, word in enumerate(words)}, lowercase=True
            )
        except (OSError, UnicodeDecodeError, TypeError) as error:
            raise WeightsError(f"{vocabulary} is no vocabulary of BERT ({error}); expected a word a line") from error
        self._most = most
        self.size = len(words)

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Ids of each text, [t_i]."""
        return [self._ids(text) for text in texts]

    def _ids(self, text: str) -> NDArray[np.int64]:
        text = text.strip()
        ids = self._tokenizer.encode(text if text.endswith(_ENDS) else f"{text}.").ids
        return np.array([*ids[: self._most - 1], ids[-1]] if len(ids) > self._most else ids, np.int64)


def find_vocabulary(near: Path) -> Path:
    """``vocab.txt`` in the folder ``near``, else from the hub's cache on this machine, else from the hub.

    Raises:
        WeightsError: it is nowhere.
    """
    if (near / _FILE).is_file():
        return near / _FILE
    for repository in _REPOSITORIES:
        if found := cached_file(repository, [_FILE]):
            return found
    try:
        return fetch_file(_REPOSITORIES[0], [_FILE])
    except Exception as error:  # the hub's client raises errors of every library beneath it
        raise WeightsError(
            "the vocabulary of BERT-base-cased is not on this machine, and its hub can't be reached "
            f"({reason_of(error)}): put its {_FILE} into {near}"
        ) from error
