from __future__ import annotations

import pytest

from retrieval.spaces.language import looks_foreign


@pytest.mark.parametrize(
    "text", ["собака прыгает", "一只狗在海滩上奔跑", "كلب يركض", "σκύλος στην παραλία", "강아지 사진", "犬" * 100_000]
)
def test_other_scripts_are_told(text: str) -> None:
    assert looks_foreign(text)


@pytest.mark.parametrize("text", ["a dog", "", "  ", "1234 !?", "🐕🐕", "naïve café", "Ein Hund läuft", "the letter α"])
def test_latin_letters_or_none_are_not(text: str) -> None:
    assert not looks_foreign(text)
