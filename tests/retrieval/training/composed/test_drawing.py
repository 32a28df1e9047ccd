"""Parts and clips are the same for a seed, in the proportions told, and pairs differ in what their captions tell."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from retrieval.evaluation.captions import CaptionedItem
from retrieval.training.composed.drawing import Parts, draw_benchmark, draw_parts, draw_training
from retrieval.training.composed.parts import Clip, Event, Kind, NamedSound


@pytest.fixture
def parts(photographs: list[CaptionedItem], sounds: list[NamedSound]) -> Parts:
    return draw_parts(photographs, sounds, noises=9, sayings=12, seed=3, all_twice=True)


def by_group(clips: list[Clip]) -> list[list[Clip]]:
    groups = defaultdict(list)
    for clip in clips:
        groups[clip.group].append(clip)
    return list(groups.values())


def test_the_same_seed_draws_the_same(parts: Parts, photographs: list[CaptionedItem], sounds: list[NamedSound]) -> None:
    again = draw_parts(photographs, sounds, noises=9, sayings=12, seed=3, all_twice=True)
    assert again == parts
    assert draw_benchmark(parts, 40, 1) == draw_benchmark(again, 40, 1)
    assert draw_benchmark(parts, 40, 1) != draw_benchmark(parts, 40, 2)
    assert list(draw_training(parts, 50, 1)) == list(draw_training(again, 50, 1))


def test_a_benchmark_has_equal_parts_and_no_photograph_in_two_groups(parts: Parts) -> None:
    clips = draw_benchmark(parts, 40, 0)
    assert Counter(clip.kind for clip in clips) == dict.fromkeys(Kind, 5)
    owners: dict[object, set[int]] = defaultdict(set)
    for clip in clips:
        for event in clip.events:
            owners[event.shot.photograph].add(clip.group)
    assert all(len(groups) == 1 for groups in owners.values())


def test_too_few_photographs_are_refused(parts: Parts) -> None:
    with pytest.raises(ValueError, match=r"60 photographs are too few for 1000 clips"):
        draw_benchmark(parts, 1000, 0)


def test_pairs_have_the_same_photographs_and_differ_in_what_is_told(parts: Parts) -> None:
    told = {
        Kind.CAMERA: lambda event: event.shot.move,
        Kind.SOUND: lambda event: event.noise.sound.subject,
        Kind.SPEECH: lambda event: event.saying.text,
        Kind.WORDS: lambda event: event.shot.words,
    }
    seen: Counter[Kind] = Counter()
    for pair in by_group(list(draw_training(parts, 400, 5))):
        if len(pair) < 2:
            assert pair[0].kind is Kind.ONE
            continue
        first, second = pair
        assert {e.shot.photograph for e in first.events} == {e.shot.photograph for e in second.events}
        assert first.caption != second.caption
        if first.kind in told:
            assert told[first.kind](first.events[0]) != told[first.kind](second.events[0])
        else:
            assert [e.shot for e in first.events] != [e.shot for e in second.events]
            assert sorted(map(repr, first.events)) == sorted(map(repr, second.events))
        seen[first.kind] += 1
    assert set(seen) == set(Kind) - {Kind.ONE}


def test_without_sounds_and_sayings_nothing_tells_of_them(photographs: list[CaptionedItem]) -> None:
    parts = draw_parts(photographs, [], noises=0, sayings=0, seed=0)
    clips = list(draw_training(parts, 200, 0))
    assert {clip.kind for clip in clips} <= {Kind.ONE, Kind.TWO, Kind.THREE, Kind.CAMERA, Kind.WORDS}
    assert not any(event.noise or event.saying for clip in clips for event in clip.events)


def test_an_event_has_whole_seconds_and_one_thing_to_hear(parts: Parts) -> None:
    shot = parts.shots[0]
    with pytest.raises(ValueError, match="an event lasts 1 to 4 whole seconds, got 5"):
        Event(shot, 5)
    with pytest.raises(ValueError, match="a noise or a saying, got both"):
        Event(shot, 2, parts.noises[0], parts.sayings[0])
