"""What search reads: filters against a plain reading of the same rules, live files, segments, tracks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from retrieval.store import filter_conditions
from retrieval.store.file_filter import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Bears,
    Camera,
    FileFilter,
    FileName,
    InFolder,
    Lens,
    Near,
    Not,
    OfKind,
    Taken,
    file_filter,
)
from retrieval.store.filter_conditions import assets_meeting
from retrieval.store.lookup import LiveAsset, Lookup
from retrieval.types import MediaKind


def test_spaces_come_newest_first_and_only_with_results(library: Any) -> None:
    old, new, _empty = library.space(), library.space(version="2"), library.space(version="3")
    for number in range(2):
        asset = library.asset(f"/{number}.jpg")
        library.embed(asset, old, np.ones((1, 4)))
        if number:
            library.embed(asset, new, np.ones((1, 4)))
    lookup = Lookup(library.catalog)
    assert [space.version for space in lookup.spaces("starter")] == ["2", "1"]
    assert lookup.spaces("unknown") == []
    assert len(lookup.spaces()) == 2


def test_a_sample_is_of_its_own_space_however_few_its_vectors_are_among_others(library: Any) -> None:
    """A large library, and a small folder tried in a second space: evenly over all ids there would be none."""
    large, small = library.space(), library.space(name="other")
    for number in range(40):
        library.embed(library.asset(f"/{number}.jpg"), large, [[number, 0, 0, 0]])
    library.embed(library.asset("/tried.mp4", kind="video"), small, [[0, one, 0, 0] for one in range(3)])
    for number in range(40, 80):
        library.embed(library.asset(f"/{number}.jpg"), large, [[number, 0, 0, 0]])
    lookup = Lookup(library.catalog)
    assert lookup.sample(small, 4)[:, 1].tolist() == [0, 1, 2]
    (far, *_, near) = lookup.sample(large, 8)[:, 0]
    assert (far, near) == (0, 79)
    assert len(lookup.sample(large, 8)) <= 8
    assert lookup.sample(library.space(name="empty"), 8).shape == (0, 4)


def test_a_sample_of_a_space_whose_ids_are_far_apart_is_not_empty(library: Any) -> None:
    large, small = library.space(), library.space(name="other")
    for number in range(60):
        space = small if number in {0, 31, 58} else large
        library.embed(library.asset(f"/{number}.jpg"), space, [[number, 0, 0, 0]])
    assert Lookup(library.catalog).sample(small, 30)[:, 0].tolist() == [0, 31, 58]


@pytest.mark.parametrize(
    ("under", "expected"),
    [
        (b"/media/a", {b"/media/a/1.jpg", b"/media/a/b/2.jpg"}),
        (b"/media/a/", {b"/media/a/1.jpg", b"/media/a/b/2.jpg"}),
        (b"/media", {b"/media/a/1.jpg", b"/media/a/b/2.jpg", b"/media/a.jpg", b"/media/ab/3.jpg", b"/media/a0.jpg"}),
        (b"/media/a.jpg", {b"/media/a.jpg"}),
        (b"/media/\xff", set()),
        (b"/other\xff", {b"/other\xff/4.jpg"}),
        (b"/me", set()),
        (b"/MEDIA", set()),
    ],
)
def test_under_is_a_folder_or_the_file_itself(library: Any, under: bytes, expected: set[bytes]) -> None:
    paths = [
        b"/media/a/1.jpg",
        b"/media/a/b/2.jpg",
        b"/media/a.jpg",
        b"/media/ab/3.jpg",
        b"/media/a0.jpg",
        b"/other\xff/4.jpg",
    ]
    assets = [library.asset(path) for path in paths]
    live = Lookup(library.catalog).live_assets(assets, file_filter(under=under))
    assert {path for asset in live.values() for path in asset.paths} == expected
    everything = Lookup(library.catalog).live_assets(assets, file_filter(under=b"/"))
    assert len(everything) == len(paths)


def test_time_taken_counts_before_time_modified_and_ranges_are_half_open(library: Any) -> None:
    noon = datetime(2024, 6, 1, 12)
    taken = library.asset("/taken.jpg", taken_at=noon, modified=datetime(2030, 1, 1))
    modified = library.asset("/modified.jpg", modified=noon)

    def live(**wanted: datetime) -> set[int]:
        return set(Lookup(library.catalog).live_assets([taken, modified], file_filter(**wanted)))

    second = timedelta(seconds=1)
    assert live(after=noon) == {taken, modified}
    assert live(after=noon + second) == set()
    assert live(before=noon) == set()
    assert live(before=noon + second) == {taken, modified}
    assert live(after=noon, before=noon + second) == {taken, modified}


def test_an_asset_without_a_present_file_never_shows(library: Any) -> None:
    space = library.space()
    gone = library.asset("/gone.jpg", present=False)
    library.embed(gone, space, np.ones((1, 4)))
    lookup = Lookup(library.catalog)
    assert lookup.live_assets([gone], file_filter()) == {}
    assert lookup.vector_ids(space, file_filter()).tolist() == []


def test_copies_are_the_other_files_that_meet_the_filter(library: Any) -> None:
    asset = library.asset("/b/1.jpg", copies=["/a/1.jpg", "/a/2.jpg"])
    library.file("/a/0.jpg", asset, present=False)
    lookup = Lookup(library.catalog)
    assert lookup.live_assets([asset], file_filter())[asset].paths == (b"/a/1.jpg", b"/a/2.jpg", b"/b/1.jpg")
    assert lookup.live_assets([asset], file_filter(under=b"/b"))[asset].paths == (b"/b/1.jpg",)


def test_kind_is_what_the_content_is(library: Any) -> None:
    video = library.asset("/named.jpg", kind="video")
    lookup = Lookup(library.catalog)
    assert lookup.live_assets([video], file_filter(kind=MediaKind.PICTURE)) == {}
    assert lookup.live_assets([video], file_filter(kind=MediaKind.VIDEO))[video].kind is MediaKind.VIDEO


_TIMES = st.integers(0, 6).map(lambda day: datetime(2024, 1, 1 + day))
_FILES = st.fixed_dictionaries(
    {
        "folder": st.sampled_from(["/m", "/m/a", "/m/a/b", "/ma"]),
        "kind": st.sampled_from(["picture", "video"]),
        "taken_at": st.one_of(st.none(), _TIMES),
        "modified": _TIMES,
        "present": st.booleans(),
    }
)


@given(
    files=st.lists(_FILES, max_size=8),
    kind=st.one_of(st.none(), st.sampled_from([MediaKind.PICTURE, MediaKind.VIDEO])),
    under=st.sampled_from([None, "/m", "/m/a", "/ma"]),
    after=st.one_of(st.none(), _TIMES),
    before=st.one_of(st.none(), _TIMES),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_filters_agree_with_a_plain_reading(
    make_library: Callable[..., Any],
    files: list[dict[str, Any]],
    kind: MediaKind | None,
    under: str | None,
    after: datetime | None,
    before: datetime | None,
) -> None:
    library = make_library(f"library-{np.random.default_rng().integers(2**60)}")
    space = library.space()
    expected = []
    for number, values in enumerate(files):
        values = dict(values)
        folder = values.pop("folder")
        asset = library.asset(f"{folder}/{number}.x", **values)
        ids = library.embed(asset, space, np.ones((2, 4)))
        time = values["taken_at"] or values["modified"]
        if (
            values["present"]
            and kind in (None, values["kind"])
            and (under is None or f"{folder}/".startswith(f"{under}/"))
            and (after is None or time >= after)
            and (before is None or time < before)
        ):
            expected += ids
    wanted = file_filter(kind, under.encode() if under else None, after, before)
    assert sorted(Lookup(library.catalog).vector_ids(space, wanted).tolist()) == expected


def test_vector_ids_are_those_of_one_space_and_never_twice(library: Any) -> None:
    one, two = library.space(), library.space(version="2")
    asset = library.asset("/1.jpg", copies=["/2.jpg"])
    library.embed(asset, one, np.ones((1, 4)))
    ids = library.embed(asset, two, np.ones((3, 4)))
    assert Lookup(library.catalog).vector_ids(two, file_filter(under=b"/")).tolist() == ids


def test_many_ids_are_asked_for_in_parts(library: Any) -> None:
    space = library.space()
    asset = library.asset("/video.mp4", kind="video")
    ids = library.embed(asset, space, np.ones((30, 4)), [(second, second + 1) for second in range(30)])
    live = Lookup(library.catalog).live_by_vector([*ids, *range(10_000, 45_000)], EVERYTHING)
    assert live == dict.fromkeys(ids, LiveAsset(asset, MediaKind.VIDEO, (b"/video.mp4",)))


def test_segments_hold_vectors_and_times_in_order(library: Any) -> None:
    space, other = library.space(), library.space(version="2")
    video, picture = library.asset("/video.mp4", kind="video"), library.asset("/1.jpg")
    vectors = np.arange(12).reshape(3, 4)
    library.embed(video, space, vectors, [(0, 1.5), (1.5, 2), (2, 4)])
    library.embed(video, other, -vectors, [(0, 1.5), (1.5, 2), (2, 4)])
    library.embed(picture, space, np.ones((1, 4)))
    found = Lookup(library.catalog).segments(space, [picture, video])
    np.testing.assert_array_equal(found[video].vectors, vectors)
    assert found[video].times is not None
    assert found[video].times.tolist() == [[0, 1.5], [1.5, 2], [2, 4]]
    assert found[picture].times is None


def test_a_damaged_vector_is_left_out_of_the_segments(library: Any) -> None:
    space = library.space()
    video = library.asset("/video.mp4", kind="video")
    library.embed(video, space, np.ones((2, 4)), [(0, 1), (1, 2)])
    library.execute("UPDATE embedding SET vector = :short WHERE vector_id = 1", short=b"x")
    assert Lookup(library.catalog).segments(space, [video])[video].vectors.shape == (1, 4)


def test_the_newest_track_of_an_expert_is_read(library: Any) -> None:
    asset = library.asset("/1.jpg")
    library.track(asset, "classes", [[0, 0]], [[1, 2]], version="1")
    library.track(asset, "classes", [[0, 0]], [[3, 4]], version="2")
    library.track(asset, "other", [[0, 0]], [[5, 6]])
    tracks = Lookup(library.catalog).tracks([asset, 77], "classes")
    assert {key: track.features.tolist() for key, track in tracks.items()} == {asset: [[3, 4]]}


def test_a_track_that_can_not_be_read_is_left_out_with_a_line(library: Any) -> None:
    whole, damaged, lost = (library.asset(f"/{name}.jpg") for name in ("whole", "damaged", "lost"))
    for asset in (whole, damaged, lost):
        library.track(asset, "classes", [[0, 0]], [[1, 2]])
    library.execute("UPDATE track SET features = x'00' WHERE asset_id = :asset", asset=damaged)
    library.execute(
        "UPDATE track SET features = NULL, times = NULL, path = 'tracks/ab/x.safetensors' WHERE asset_id = :asset",
        asset=lost,
    )
    lines: list[str] = []
    assert list(Lookup(library.catalog).tracks([whole, damaged, lost], "classes", lines.append)) == [whole]
    assert ["can't be read" in line or "is damaged" in line for line in lines] == [True, True]


@pytest.mark.parametrize(
    "wanted",
    [
        OfKind(MediaKind.VIDEO),
        Camera("nikon"),
        Lens("50mm"),
        Near(48.85, 2.35, 1e4),
        Bears("dog"),
        file_filter(under=b"/media"),
        InFolder("media"),
        AllOf((InFolder("media"), Taken(datetime(2024, 1, 1)))),
        file_filter(after=datetime(2024, 1, 1), before=datetime(2024, 2, 1)),
    ],
    ids=lambda wanted: type(wanted).__name__,
)
def test_a_filter_is_answered_by_an_index(library: Any, wanted: FileFilter) -> None:
    library.asset("/media/1.jpg")
    with library.catalog.engine.connect() as connection:
        wanted_ids = assets_meeting(wanted, connection).compile(
            library.catalog.engine, compile_kwargs={"literal_binds": True}
        )
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {wanted_ids}")]
    assert not [step for step in plan if step in ("SCAN file", "SCAN asset", "SCAN tag")], plan


@pytest.mark.parametrize("folders_most", [10_000, 1], ids=["by folders", "of so many folders"])
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (InFolder("Holidays"), [0, 1]),
        (InFolder("holidays/june/"), [1]),
        (InFolder("olidays"), []),
        (InFolder("x.jpg"), []),
        (AllOf((InFolder("m"), InFolder("june"))), [1]),
        (AllOf((InFolder("holidays"), FileName("x"))), [1]),
        (Not(InFolder("holidays")), [2]),
        (AnyOf((InFolder("june"), InFolder("100%"))), [1, 2]),
    ],
    ids=str,
)
def test_a_folder_is_named_by_the_end_of_its_path(
    library: Any, monkeypatch: pytest.MonkeyPatch, wanted: FileFilter, expected: list[int], folders_most: int
) -> None:
    monkeypatch.setattr(filter_conditions, "_FOLDERS_MOST", folders_most)
    ids = [library.asset(path) for path in ("/m/Holidays/a.jpg", "/m/Holidays/June/x.jpg", "/m/100%/Holidays.jpg")]
    library.asset("/m/Holidays/gone.jpg", present=False)
    assert Lookup(library.catalog).asset_ids(wanted).tolist() == [ids[place] for place in expected]


@pytest.mark.parametrize(
    "wanted",
    [OfKind(MediaKind.VIDEO), Camera("nikon"), Bears("dog"), file_filter(under=b"/media")],
    ids=lambda wanted: type(wanted).__name__,
)
def test_what_is_asked_of_few_ids_begins_with_them(library: Any, wanted: FileFilter) -> None:
    asset, asked = library.asset("/media/1.mp4", kind="video"), []
    event.listen(library.catalog.engine, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
    lookup = Lookup(library.catalog)
    lookup.live_assets([asset], wanted)
    lookup.live_by_vector([1], wanted)
    statements = [each for each in asked if "file.path" in each[0]]
    assert len(statements) == 2
    with library.catalog.engine.connect() as connection:
        for statement, values in statements:
            (first, *_) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            assert first[3].startswith(("SEARCH asset USING INTEGER", "SEARCH embedding USING INTEGER")), first
