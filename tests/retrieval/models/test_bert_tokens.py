from __future__ import annotations

from pathlib import Path

import pytest
from transformers import BertTokenizer

from retrieval.errors import WeightsError
from retrieval.models.bert_tokens import BertTokens

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", "!", "a", "dog", "run", "##s", "cafe", "Dog", ","]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(WORDS) + "\n")
    return path


@pytest.mark.parametrize("text", ["a dog runs.", "A DOG, runs?", "café!", "cats .", "a  dog\truns ."])
def test_ids_equal_those_of_transformers(vocabulary: Path, text: str) -> None:
    theirs = BertTokenizer(str(vocabulary), do_lower_case=True)

    (ids,) = BertTokens(vocabulary, most=30).encode([text])

    assert ids.tolist() == theirs(text)["input_ids"]


def test_a_full_stop_is_added_where_the_sentence_has_no_end(vocabulary: Path) -> None:
    plain, stopped, asked = BertTokens(vocabulary, most=30).encode(["a dog", "a dog.", "a dog?"])

    assert plain.tolist() == stopped.tolist()
    assert asked[-2] == WORDS.index("?")


def test_the_last_of_too_many_tokens_is_the_separator(vocabulary: Path) -> None:
    (ids,) = BertTokens(vocabulary, most=6).encode(["a dog runs a dog runs"])

    assert len(ids) == 6
    assert ids[0] == WORDS.index("[CLS]")
    assert ids[-1] == WORDS.index("[SEP]")


@pytest.mark.parametrize("content", [b"", b"a\nb\n", b"\xff\xfe\x00"])
def test_another_file_is_no_vocabulary(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)

    with pytest.raises(WeightsError, match=r"vocab\.txt is no vocabulary of BERT"):
        BertTokens(path, most=30)
