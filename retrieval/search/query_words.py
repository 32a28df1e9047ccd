"""Which words of a query have to stand in a text that it is found by."""

from __future__ import annotations

import re
from typing import Final

from retrieval.search.query import Query

__all__ = ["WORDS_MOST", "content_words", "sought_words", "spoken_words"]

WORDS_MOST = 32
_FUNCTION_WORDS = frozenset(
    {
        "a",
        "an",
        "the",
        "and",
        "or",
        "of",
        "in",
        "on",
        "at",
        "to",
        "for",
        "from",
        "by",
        "with",
        "without",
        "into",
        "onto",
    }
    | {"is", "are", "was", "were", "be", "it", "its", "this", "that", "these", "those", "some", "any", "over", "under"}
    | {"his", "her", "their", "my", "our", "your", "as", "near", "photo", "photos", "picture", "pictures", "video"}
)
"""Words that a text need not hold: they say how the others go together, or what every asset is."""

_LEAD_IN: Final = re.compile(
    r"\s*(?:"
    r"(?:someone|somebody|people|he|she|they|(?:an?|the|one)\s+(?:man|woman|voice|person|speaker|narrator|boy|girl|child))"
    r"\s+(?:who\s+)?(?:says?|said|(?:(?:is|are|was|were)\s+)?saying)|saying"
    r")\b[\s,:]+(?:(?:that|to)\s+)?",
    re.IGNORECASE,
)
"""What a query wraps spoken words in, and nobody says."""


def content_words(text: str) -> list[str]:
    """The words of a query that its finds must hold; all of them where it has no others. At most 32."""
    words = list(dict.fromkeys(word.casefold() for word in text.split() if any(map(str.isalnum, word))))
    telling = [word for word in words if word.strip(".,;:!?\"'()") not in _FUNCTION_WORDS]
    return (telling or words)[:WORDS_MOST]


def sought_words(query: Query) -> list[str]:
    """The words that finds must hold, and the phrases, which are words of several."""
    return [*content_words(query.text), *query.phrases][:WORDS_MOST]


def spoken_words(query: Query) -> list[str]:
    """As :func:`sought_words`, without "someone says that" and the like before the words themselves."""
    text = query.text[found.end() :] if (found := _LEAD_IN.match(query.text)) else query.text
    return [*(content_words(text) or content_words(query.text)), *query.phrases][:WORDS_MOST]
