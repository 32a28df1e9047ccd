"""A folder in WordNet's own format, of a few animals."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.errors import DatasetError
from retrieval.tagging.wordnet import WordNet

DATA = """  1 the licence
00000001 03 n 02 animal 0 beast 0 000 | lives
00000002 05 n 01 dog 0 001 @ 00000001 n 0000 | barks
00000003 05 n 01 poodle 0 002 @ 00000002 n 0000 + 00000009 v 0101 | curly
00000004 18 n 01 Fido 0 001 @i 00000002 n 0000 | one of them
00000005 18 n 01 poodle 0 000 | something else
"""
INDEX = """  1 the licence
animal n 1 1 ~ 1 1 00000001
beast n 1 1 ~ 1 0 00000001
dog n 1 2 @ ~ 1 1 00000002
fido n 1 1 @i 1 0 00000004
poodle n 2 1 @ 2 0 00000003 00000005
"""


@pytest.fixture
def net(tmp_path: Path) -> WordNet:
    for name, text in {
        "data.noun": DATA,
        "index.noun": INDEX,
        "index.verb": "run v 1 0 1 0 00000009\n",
        "noun.exc": "geese goose\n",
        "verb.exc": "ran run\n",
    }.items():
        (tmp_path / name).write_text(text)
    return WordNet(tmp_path)


def test_what_lies_above_and_below(net: WordNet) -> None:
    assert net.above(3) == [3, 2, 1]
    assert net.below(1) == {1, 2, 3}  # Fido is no kind of dog
    assert net[1].words == ("animal", "beast")


def test_senses_and_forms(net: WordNet) -> None:
    assert net.senses("Poodle") == [3, 5]
    assert net.senses("unicorn") == []
    assert net.is_common("dog")
    assert not net.is_common("poodle")
    assert net.plurals == {"geese": "goose"}
    assert net.verb_forms == [("ran", "run")]
    assert net.verbs == {"run"}


def test_another_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"can't be read as WordNet .*wordnet-base"):
        WordNet(tmp_path / "nowhere")
