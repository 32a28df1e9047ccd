from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retrieval.errors import QueryError
from retrieval.store.file_filter import file_filter
from retrieval.store.labels import KEYWORDS_TAGGER, label_ids, tagger_id
from retrieval.store.lookup import Lookup
from retrieval.store.tag_work import AssetTags, TagWork, TrackSource
from retrieval.store.tags import ShownTag, Tags

SOURCE = TrackSource("classes", 2, "1")
Say = Callable[..., None]


@pytest.fixture
def say(library: Any) -> Say:
    """A machine says tags of an asset."""

    def write(asset: int, *, by: str = "machine", version: str = "1", **tags: float) -> None:
        TagWork(library.catalog, by, version, SOURCE).write([AssetTags(asset, dict(tags))])

    return write


@pytest.fixture
def tags(library: Any) -> Tags:
    return Tags(library.catalog)


def keyword(library: Any, asset: int, name: str) -> None:
    with library.catalog.engine.begin() as connection:
        label = label_ids(connection, [name])[name]
        tagger = tagger_id(connection, *KEYWORDS_TAGGER)
    library.execute(
        "INSERT INTO tag (asset_id, tagger_id, label_id, score, refused) VALUES (:a, :t, :l, 1, 0)",
        a=asset, t=tagger, l=label,
    )  # fmt: skip


def test_people_first_then_the_surest(library: Any, tags: Tags, say: Say) -> None:
    asset = library.asset("/a.jpg")
    say(asset, beach=0.8, dog=0.9)
    say(asset, by="other", Beach=0.95)
    tags.add(["Anna"], [asset])
    keyword(library, asset, "holiday")
    assert tags.of([asset])[asset] == [
        ShownTag("Anna", 1.0, "people"),
        ShownTag("holiday", 1.0, "people"),
        ShownTag("Beach", 0.95, "other"),
        ShownTag("dog", 0.9, "machine"),
    ]


def test_what_a_person_refused_is_hidden_whoever_says_it(library: Any, tags: Tags, say: Say) -> None:
    asset = library.asset("/a.jpg")
    say(asset, dog=0.9)
    keyword(library, asset, "Dog")
    tags.remove(["DOG"], [asset])
    assert tags.of([asset]) == {asset: []}
    say(asset, by="machine", version="2", dog=0.99, cat=0.8)  # it survives that a machine says so again
    assert [tag.label for tag in tags.of([asset])[asset]] == ["cat"]
    tags.add(["dog"], [asset])
    assert ShownTag("dog", 1.0, "people") in [
        ShownTag(tag.label.lower(), tag.score, tag.source) for tag in tags.of([asset])[asset]
    ]


def test_a_newer_version_takes_the_place_of_the_older(library: Any, tags: Tags, say: Say) -> None:
    first, second = library.asset("/a.jpg"), library.asset("/b.jpg")
    say(first, dog=0.9)
    say(second, dog=0.9)
    say(first, version="2", cat=0.8)
    assert [tag.label for tag in tags.of([first])[first]] == ["cat"]
    assert [tag.label for tag in tags.of([second])[second]] == ["dog"]  # the newer has not seen it yet


def test_never_tagged_is_not_nothing_fits(library: Any, tags: Tags, say: Say) -> None:
    tagged, never = library.asset("/a.jpg"), library.asset("/b.jpg")
    say(tagged)
    assert tags.of([tagged, never]) == {tagged: []}


def test_filters_want_all_tags_in_any_case(library: Any, tags: Tags, say: Say) -> None:
    space = library.space()
    assets = [library.asset(f"/{name}.jpg") for name in "abc"]
    ids = [library.embed(asset, space, [[1, 0, 0, 0]])[0] for asset in assets]
    say(assets[0], dog=0.9, beach=0.8)
    say(assets[1], dog=0.9)
    tags.add(["Ängste"], [assets[0]])
    lookup = Lookup(library.catalog)

    def found(*names: str) -> list[int]:
        return lookup.vector_ids(space, file_filter(tags=names)).tolist()

    assert found("dog") == ids[:2]
    assert found("Dog", "BEACH") == ids[:1]
    assert found("ängste") == ids[:1]
    tags.remove(["dog"], [assets[1]])
    assert found("dog") == ids[:1]
    assert set(lookup.live_assets(assets, file_filter(tags=("dog",)))) == {assets[0]}


@pytest.mark.parametrize(
    ("name", "told"),
    [("dgo", "nothing has the tag 'dgo'; did you mean dog"), ("xyz", "`vidi tag` shows"), (" ", "the tag is empty")],
)
def test_a_tag_that_nothing_has(library: Any, tags: Tags, say: Say, name: str, told: str) -> None:
    say(library.asset("/a.jpg"), dog=0.9)
    tags.check(["Dog"])
    with pytest.raises(QueryError, match=told):
        tags.check([name])


def test_a_refused_typo_is_no_tag_and_no_hint(library: Any, tags: Tags, say: Say) -> None:
    asset = library.asset("/a.jpg")
    say(asset, dog=0.9)
    assert tags.not_borne(["dgo", "Dog"], [asset]) == ["dgo"]
    tags.remove(["dgo"], [asset])
    for name in ("dgo", "dgog"):
        with pytest.raises(QueryError, match=f"nothing has the tag '{name}'; did you mean dog\\?"):
            tags.check([name])


def test_nothing_tagged_yet(tags: Tags) -> None:
    with pytest.raises(QueryError, match="nothing has been tagged yet: run `vidi tag`"):
        tags.check(["dog"])


def test_counts_are_of_what_is_shown(library: Any, tags: Tags, say: Say) -> None:
    assets = [library.asset(f"/{name}.jpg") for name in "abc"]
    for asset in assets:
        say(asset, dog=0.9)
    say(assets[0], by="other", dog=0.8, cat=0.9)
    tags.remove(["dog"], assets[2:])
    assert tags.counts(assets) == [("dog", 2), ("cat", 1)]


def test_a_tag_is_counted_once_however_it_is_spelt(library: Any, tags: Tags, say: Say) -> None:
    assets = [library.asset(f"/{name}.jpg") for name in "abcd"]
    say(assets[0], by="other", dog=0.9)
    for asset in assets[1:3]:
        say(asset, Dog=0.9)
    say(assets[3], cat=0.9)
    assert tags.counts(assets) == [("Dog", 3), ("cat", 1)]


def test_files_that_are_present_and_read(library: Any, tags: Tags) -> None:
    asset = library.asset("/x/a.jpg", copies=["/y/a.jpg"])
    library.asset("/x/gone.jpg", present=False)
    library.file("/x/unread.jpg", None)
    assert [file.path for file in tags.files()] == [b"/x/a.jpg", b"/y/a.jpg"]
    assert [(file.path, file.asset_id) for file in tags.files([b"/y"])] == [(b"/y/a.jpg", asset)]


def test_who_gave_a_file_a_tag_the_surest_first_and_no_people(library: Any, tags: Tags, say: Say) -> None:
    asset = library.asset("/m/a.jpg", copies=["/m/b.jpg"])
    say(asset, by="unsure", Dog=0.7)
    say(asset, by="sure", dog=0.9, cat=0.8)
    tags.add(["dog"], [asset])
    keyword(library, asset, "dog")
    for path in (b"/m/a.jpg", b"/m/b.jpg"):
        assert tags.taggers_of(path, "DOG") == ["sure", "unsure"]
    assert tags.taggers_of(b"/m/a.jpg", "bird") == tags.taggers_of(b"/m/c.jpg", "dog") == []
