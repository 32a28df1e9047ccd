from __future__ import annotations

import pytest

from retrieval.evaluation.tag_judgement import BY_SENSE, BY_THE_RULE, TagJudge

WORDS = {"dog": {"names": ["dog", "domestic dog"], "above": ["canine", "animal"], "below": ["poodle"]}}


@pytest.mark.parametrize(
    ("caption", "by_rule", "by_sense"),
    [
        ("A dog runs .", True, True),
        ("two dogs", True, True),
        ("a DOG-sled", True, True),
        ("an animal in the snow", True, False),
        ("animals", True, False),
        ("a poodle", False, True),
        ("a domestic dog sleeps", True, True),
        ("a hot meal", False, False),
        ("dogma", False, False),
    ],
)
def test_what_makes_a_tag_right(caption: str, by_rule: bool, by_sense: bool) -> None:
    assert TagJudge(BY_THE_RULE, WORDS).is_right("dog", ["nothing", caption]) is by_rule
    assert TagJudge(BY_SENSE, WORDS).is_right("dog", [caption]) is by_sense


def test_a_tag_without_words_is_right_where_it_stands() -> None:
    judge = TagJudge(BY_THE_RULE, {})
    assert judge.right(["group photo", "menu"], ["A group photo of five ."]) == [True, False]


@pytest.mark.parametrize(
    ("tag", "caption", "is_right"),
    [
        ("running", "a boy ran home", True),
        ("child", "children play", True),
        ("Golden Retriever", "a dog", True),
        ("beach", "a view of the area", False),  # too wide to say anything
        ("dog", "a poodle", False),
        ("man", "a woman", False),
        ("person", "people walk", True),
    ],
)
def test_the_table_that_ships(tag: str, caption: str, is_right: bool) -> None:
    assert TagJudge().is_right(tag, [caption]) is is_right
