"""Words in the catalog: which ones count, and that tags and the text index never fall behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from retrieval.store.descriptions import (
    fill_text_index,
    rebuild_text_index,
    silent_assets,
    words_follow,
    write_descriptions,
)
from retrieval.store.file_filter import file_filter
from retrieval.store.intake import Intake
from retrieval.store.schema import Asset, Description, Label, Tag, Tagger
from retrieval.store.sidecars import SidecarRecord, Sidecars, failed_sidecars
from retrieval.store.text_index import drop_text_index, find_assets, find_some, has_text_index, quotes
from retrieval.store.text_lookup import TextLookup
from retrieval.types import Words


@pytest.fixture
def filled(library: Any) -> Any:
    fill_text_index(library.catalog)
    return library


def describe(library: Any, asset: int, words: Words) -> None:
    with library.catalog.engine.begin() as connection:
        write_descriptions(connection, {asset: words})


def beside(library: Any, file_id: int, name: str, words: Words, reason: str | None = None) -> None:
    Sidecars(library.catalog).write([SidecarRecord(file_id, name.encode(), 10, 20, words, reason)])


def tags(library: Any, asset: int) -> set[str]:
    statement = (
        select(Label.name)
        .join(Tag, Tag.label_id == Label.id)
        .join(Tagger, Tagger.id == Tag.tagger_id)
        .where(Tag.asset_id == asset, Tagger.name == "keywords", Tag.score == 1, ~Tag.refused)
    )
    with library.catalog.engine.connect() as connection:
        return set(connection.scalars(statement))


def found(library: Any, *words: str, all_of_them: bool = True) -> Sequence[int]:
    with library.catalog.engine.connect() as connection:
        if not has_text_index(connection):
            return []
        return find_assets(connection, words) if all_of_them else find_some(connection, words)


def file_of(library: Any, asset: int) -> int:
    with library.catalog.engine.connect() as connection:
        return connection.exec_driver_sql(f"SELECT id FROM file WHERE asset_id = {asset}").scalar_one()


def test_keywords_and_people_are_tags_and_all_words_are_searched(filled: Any) -> None:
    asset = filled.asset("/a.jpg")
    describe(filled, asset, Words("Holiday", "We walked along the beach", 4, ("dog", "Sea"), ("Anna Müller",)))
    assert tags(filled, asset) == {"dog", "Sea", "Anna Müller"}
    for words in (
        ("holiday",),
        ("BEACHES", "walking"),
        ("dogs", "beach"),
        ("sea",),
        ("anna", "muller"),
        ("holiday", "anna"),
    ):
        assert found(filled, *words) == [asset], words
    assert found(filled, "cat") == found(filled, "dog", "cat") == []
    assert found(filled, "dog", "cat", all_of_them=False) == [asset]


def test_words_that_change_leave_nothing_behind(filled: Any) -> None:
    asset = filled.asset("/a.jpg")
    describe(filled, asset, Words(keywords=("dog", "DOG")))
    describe(filled, asset, Words("cat", keywords=("sand",)))
    assert tags(filled, asset) == {"sand"}
    assert (found(filled, "dog"), found(filled, "cat")) == ([], [asset])
    describe(filled, asset, Words())
    assert (tags(filled, asset), found(filled, "cat")) == (set(), [])


def test_a_sidecar_goes_first_and_lists_are_joined(filled: Any) -> None:
    asset = filled.asset("/a.jpg")
    file_id = file_of(filled, asset)
    describe(filled, asset, Words("old title", "embedded", 1, ("dog",)))
    beside(filled, file_id, "/a.xmp", Words(None, "beside", 5, ("beach",), ("Anna",)))
    assert tags(filled, asset) == {"dog", "beach", "Anna"}
    assert found(filled, "beside", "old", "title") == [asset]
    assert found(filled, "embedded") == []
    beside(filled, file_id, "/a.xmp", Words(), "it is not XML")
    assert (tags(filled, asset), found(filled, "embedded")) == ({"dog"}, [asset])
    with filled.catalog.engine.connect() as connection:
        assert [failed.reason for failed in failed_sidecars(connection)] == ["it is not XML"]
    Sidecars(filled.catalog).remove([(file_id, b"/a.xmp")])
    assert Sidecars(filled.catalog).known([file_id]) == {}


def test_a_sidecar_that_could_not_be_read_just_now_looks_changed(filled: Any) -> None:
    file_id = file_of(filled, filled.asset("/a.jpg"))
    record = SidecarRecord(file_id, b"/a.xmp", 10, 20, Words(), "no permission", is_permanent=False)
    Sidecars(filled.catalog).write([record])
    known = Sidecars(filled.catalog).known([file_id])[file_id, b"/a.xmp"]
    assert (known.size_bytes, known.has_failed) == (-1, True)


def test_words_beside_a_copy_count_while_the_copy_is_present(filled: Any) -> None:
    asset = filled.asset("/a.jpg")
    copy = filled.file("/copy.jpg", asset)
    beside(filled, copy, "/copy.xmp", Words(keywords=("dog",)))
    assert tags(filled, asset) == {"dog"}
    intake = Intake(filled.catalog, ("frames", "1"))
    intake.mark_missing([copy])
    assert (tags(filled, asset), found(filled, "dog")) == (set(), [])
    intake.take_in([], [], [copy])
    assert (tags(filled, asset), found(filled, "dog")) == ({"dog"}, [asset])


def test_words_go_with_their_file_to_another_content(filled: Any) -> None:
    first, second = filled.asset("/a.jpg"), filled.asset("/b.jpg")
    file_id = file_of(filled, first)
    beside(filled, file_id, "/a.xmp", Words(keywords=("dog",)))
    Intake(filled.catalog, ("frames", "1")).link([(file_id, second)])
    assert (tags(filled, first), tags(filled, second)) == (set(), {"dog"})
    assert found(filled, "dog") == [second]


def test_a_kept_row_of_an_asset_that_is_forgotten_is_gone(filled: Any) -> None:
    asset = filled.asset("/a.jpg")
    describe(filled, asset, Words("secret"))
    filled.execute("DELETE FROM file")
    with filled.catalog.engine.begin() as connection:
        connection.execute(delete(Tag))
        connection.execute(delete(Asset).where(Asset.id == asset))
    assert found(filled, "secret") == []
    with filled.catalog.engine.connect() as connection:
        assert connection.scalar(select(Description.asset_id)) is None


def test_the_index_is_made_again_from_the_catalog(filled: Any) -> None:
    described, beside_only = filled.asset("/a.jpg"), filled.asset("/b.jpg")
    describe(filled, described, Words("holiday"))
    beside(filled, file_of(filled, beside_only), "/b.xmp", Words("holiday"))
    with filled.catalog.engine.begin() as connection:
        drop_text_index(connection)
        assert not has_text_index(connection)
    assert found(filled, "holiday") == []
    describe(filled, described, Words("holiday"))  # without an index, words are kept all the same
    fill_text_index(filled.catalog)
    assert found(filled, "holiday") == [described, beside_only]
    filled.execute("DELETE FROM text_index_2")
    fill_text_index(filled.catalog)
    assert found(filled, "holiday") == []  # it is there, so it is not looked into
    rebuild_text_index(filled.catalog)
    assert found(filled, "holiday") == [described, beside_only]


def test_the_part_that_holds_the_words_is_quoted(filled: Any) -> None:
    asset = filled.asset("/a.jpg")
    describe(filled, asset, Words("Holiday", "before " * 60 + "the dog\nran " + "after " * 60, None, ("sea",)))
    with filled.catalog.engine.connect() as connection:
        quote = quotes(connection, ["dog", "ran"], [asset, 99])[asset]
        assert quotes(connection, ["sea"], [asset]) == {asset: "sea"}
        assert quotes(connection, ["sea"], []) == quotes(connection, [], [asset]) == {}
    assert "the dog ran" in quote
    assert len(quote) < 300


def test_fewer_words_around_them_rank_higher(filled: Any) -> None:
    long, short = filled.asset("/long.jpg"), filled.asset("/short.jpg")
    describe(filled, long, Words(caption="a dog " + "and more " * 30))
    describe(filled, short, Words(caption="a dog"))
    assert found(filled, "dog") == [short, long]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_no_word_is_syntax(filled: Any, words: list[str]) -> None:
    assert found(filled, *words, all_of_them=False) == []
    assert found(filled, *words) == []


@pytest.mark.parametrize(
    "word", ['"', "dog*", "title:dog", "NEAR(", "AND", "dog -cat", "'", "(", "^dog", "{title}:dog"]
)
def test_signs_of_the_search_language_are_signs(filled: Any, word: str) -> None:
    describe(filled, filled.asset("/a.jpg"), Words("dog title cat"))
    found(filled, word)
    found(filled, word, "dog", all_of_them=False)


def test_assets_without_words_read_are_listed_once(filled: Any) -> None:
    silent = filled.asset("/media/a.jpg", copies=["/media/b.jpg"])
    told = filled.asset("/media/c.jpg")
    describe(filled, told, Words())
    filled.asset("/elsewhere/d.jpg")
    filled.asset("/media/gone.jpg", present=False)
    (asset,) = silent_assets(filled.catalog, [b"/media", b"/media/a.jpg"])
    assert (asset.asset_id, asset.kind) == (silent, "picture")


def test_nothing_is_settled_for_files_without_sidecars(filled: Any) -> None:
    asset = filled.asset("/a.jpg")
    with filled.catalog.engine.begin() as connection:
        with words_follow(connection, [file_of(filled, asset)]):
            pass
        assert connection.scalar(select(Tagger.id)) is None


def test_a_phrase_never_runs_from_one_name_into_the_next(filled: Any) -> None:
    asset = filled.asset("/a.jpg")
    describe(filled, asset, Words(keywords=("red", "car"), people=("Anna Schmidt", "Bert Maier")))
    assert found(filled, "Schmidt Bert") == found(filled, "red car") == []
    assert found(filled, "Anna Schmidt") == found(filled, "bert maier") == found(filled, "schmidt", "bert") == [asset]
    with filled.catalog.engine.connect() as connection:
        assert quotes(connection, ["schmidt"], [asset]) == {asset: "Anna Schmidt · Bert Maier"}


def by_rank(library: Any, matching: str) -> list[int]:
    """What FTS5 itself says, without any bound."""
    ordered = "SELECT rowid FROM text_index_2 WHERE text_index_2 MATCH ? ORDER BY rank, rowid"
    with library.catalog.engine.connect() as connection:
        return list(connection.exec_driver_sql(ordered, (matching,)).scalars())


def test_what_few_assets_hold_is_ranked_as_the_index_ranks_it(filled: Any) -> None:
    random = np.random.default_rng(0)
    for number in range(60):
        words = random.choice(["dog", "cat", "sea", "sun"], random.integers(1, 12))
        describe(filled, filled.asset(f"/{number}.jpg"), Words(caption=" ".join(words)))
    assert found(filled, "dog", "sea") == by_rank(filled, '"dog" AND "sea"')
    assert found(filled, "dog", "sea", all_of_them=False) == by_rank(filled, '"dog" OR "sea"')
    with filled.catalog.engine.connect() as connection:
        assert find_assets(connection, ["dog"], without=[["cat", "sun"], []]) == by_rank(
            filled, '"dog" NOT ("cat" AND "sun")'
        )


def test_of_more_than_can_be_ranked_the_newest_are_and_of_a_filter_those_that_meet_it(
    filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.store.text_index.RANKED_MOST", 3)
    monkeypatch.setattr("retrieval.store.text_lookup.RANKED_MOST", 3)
    assets = [filled.asset(f"/{place}/{place}.jpg") for place in range(6)]
    for asset in assets:
        describe(filled, asset, Words(caption="a holiday" + " by the sea" * (asset == assets[5])))
    texts = TextLookup(filled.catalog, lambda line: None)
    assert texts.holding_all(["holiday"]) == [assets[3], assets[4], assets[5]]
    assert texts.holding_all(["holiday"], up_to=assets[4]) == assets[2:5]  # whatever comes later, pages stay
    assert texts.holding_all(["holiday"], wanted=file_filter(under=b"/0")) == assets[:1]
    assert texts.holding_all(["holiday", "sea"]) == assets[5:]
    assert texts.holding_some(["sea", "holiday"]) == [(asset, 0.5) for asset in assets[3:5]]
