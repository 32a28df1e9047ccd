"""What the page's script writes of assets to be more, or less, like."""

from __future__ import annotations

import pytest

from ui.page.likes import Likes, parse_likes


@pytest.mark.parametrize(
    ("text", "likes"),
    [
        ("", Likes()),
        ("12 40", Likes(more=(12, 40))),
        ("12 -40", Likes(more=(12,), less=(40,))),
        ("all", Likes(unfolded=True)),
        ("12@3.5 -40@0", Likes(more=((12, 3.5),), less=((40, 0.0),))),
        ("a -b 1.5 3@ 4@x ١٢ 9999999999999999999 7", Likes(more=(7,))),
    ],
)
def test_numbers_are_taken_and_the_rest_passed_over(text: str, likes: Likes) -> None:
    assert parse_likes(text) == likes


def test_there_are_not_endlessly_many() -> None:
    assert len(parse_likes(" ".join(map(str, range(1000)))).more) == 20


def test_none_is_false() -> None:
    assert not Likes()
    assert not Likes(unfolded=True)
    assert Likes(less=(1,))
