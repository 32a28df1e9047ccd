from __future__ import annotations

import pytest

from retrieval.errors import UnknownSpaceError
from retrieval.spaces.registry import get_space, space_names
from retrieval.spaces.space import Space


@pytest.mark.parametrize("name", space_names())
def test_every_named_space_is_a_space_of_that_name(name: str) -> None:
    space = get_space(name)

    assert isinstance(space, Space)
    assert space.name == name


def test_an_unknown_name_is_answered_with_the_known_and_the_nearest() -> None:
    with pytest.raises(
        UnknownSpaceError,
        match=r"there is no space 'Startr': expected one of starter, mmt/starter, mmt/FOLDER, open_clip/MODEL/WEIGHTS; "
        r"did you mean starter\?",
    ):
        get_space("Startr")


def test_a_name_like_no_other_is_answered_with_the_command_that_lists_them() -> None:
    with pytest.raises(UnknownSpaceError, match=r"'zzz/x': expected one of starter, .*; `vidi models`"):
        get_space("zzz/x")
