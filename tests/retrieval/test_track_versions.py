from __future__ import annotations

import pytest

from retrieval.track_versions import are_read_alike


@pytest.mark.parametrize(
    ("expert", "known", "version", "is_read"),
    [
        ("speech", "whisper-tiny-en-1-2+minilm-5", "whisper-tiny-en-1-2+minilm-5", True),
        ("speech", "whisper-tiny-en-1-2+minilm-5", "whisper-9-3+minilm-5", True),
        ("speech", "whisper-tiny-en-1-2+minilm-5", "whisper-9-3+minilm-6", False),
        ("ocr", "ppocr4-1+minilm-5", "other-2+minilm-5", True),
        ("motion", "a+minilm-5", "b+minilm-5", False),
        ("speech", "1", "2", False),
        ("speech", "", "1", False),
    ],
)
def test_what_matters_of_words_is_what_makes_vectors_of_them(
    expert: str, known: str, version: str, is_read: bool
) -> None:
    assert are_read_alike(expert, known, version) is is_read
