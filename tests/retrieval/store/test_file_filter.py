"""Trees of conditions against a plain reading of the same rules, row by row."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.store.bitmaps import Bitmaps
from retrieval.store.descriptions import fill_text_index, write_descriptions
from retrieval.store.file_filter import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Bears,
    Below,
    Camera,
    Compared,
    Depicts,
    FileFilter,
    FileName,
    HasPlace,
    HasSound,
    InFolder,
    Lens,
    Near,
    Not,
    OfKind,
    Quantity,
    Says,
    Sign,
    Suffix,
    Taken,
    all_of,
    any_of,
    demands,
    leaves_of,
    without_not,
)
from retrieval.store.lookup import Lookup
from retrieval.types import MediaKind, Words

_DAYS = st.integers(0, 4).map(lambda day: datetime(2024, 1, 1 + day))


@dataclass(frozen=True)
class Content:
    """An asset as a test describes it."""

    kind: str
    taken_at: datetime | None
    camera: str | None
    width: int | None
    place: tuple[float, float] | None
    keyword: str | None
    rating: int | None
    sound: bool
    files: tuple[tuple[str, datetime, bool], ...]
    """Name, time modified, present."""


_CONTENTS = st.builds(
    Content,
    kind=st.sampled_from(["picture", "video"]),
    taken_at=st.none() | _DAYS,
    camera=st.sampled_from([None, "NIKON D850", "Canon_5%"]),
    width=st.sampled_from([None, 800, 1920]),
    place=st.sampled_from([None, (48.86, 2.35), (0.0, 179.99), (89.9, 10.0)]),
    keyword=st.sampled_from([None, "dog", "Red Car"]),
    rating=st.sampled_from([None, 0, 5]),
    sound=st.booleans(),
    files=st.lists(
        st.tuples(st.sampled_from(["/m/Holidays/a", "/m/b_1", "/holidays2/A.b"]), _DAYS, st.booleans()),
        min_size=1,
        max_size=3,
    ).map(tuple),
)

_LEAVES = st.one_of(
    st.sampled_from([OfKind(MediaKind.PICTURE), OfKind(MediaKind.VIDEO), HasSound(), HasPlace()]),
    st.sampled_from(["dog", "red car", "DOG"]).map(Bears),
    st.sampled_from(["nikon", "5%", "_", "d"]).map(Camera),
    st.builds(Compared, st.just(Quantity.WIDTH), st.sampled_from(Sign), st.sampled_from([800.0, 1000.0])),
    st.builds(Compared, st.just(Quantity.RATING), st.sampled_from(Sign), st.sampled_from([0.0, 4.0])),
    st.builds(Near, st.sampled_from([48.85, 0.0, 90.0]), st.sampled_from([2.35, -179.99]), st.sampled_from([2e3, 3e4])),
    st.sampled_from([b"/m", b"/m/Holidays", b"/"]).map(Below),
    st.sampled_from(["holidays", "m/holidays", "m"]).map(InFolder),
    st.sampled_from(["a", "_1", "b*0", "m"]).map(FileName),
    st.sampled_from(["b", "jpg"]).map(Suffix),
    st.builds(Taken, st.none() | _DAYS, st.none() | _DAYS),
)
_FILTERS = st.recursive(
    _LEAVES,
    lambda parts: st.one_of(
        parts.map(Not),
        st.lists(parts, max_size=3).map(lambda each: AllOf(tuple(each))),
        st.lists(parts, max_size=3).map(lambda each: AnyOf(tuple(each))),
    ),
    max_leaves=6,
)


def meets(wanted: FileFilter, content: Content, path: str, modified: datetime) -> bool:
    """The rules in plain Python."""
    match wanted:
        case AllOf(parts):
            return all(meets(part, content, path, modified) for part in parts)
        case AnyOf(parts):
            return any(meets(part, content, path, modified) for part in parts)
        case Not(part):
            return not meets(part, content, path, modified)
        case OfKind(kind):
            return content.kind == kind
        case HasSound():
            return content.sound
        case HasPlace():
            return content.place is not None
        case Bears(tag):
            return content.keyword is not None and content.keyword.lower() == tag.lower()
        case Camera(text):
            return content.camera is not None and text.lower() in content.camera.lower()
        case Compared(quantity, sign, number):
            value = content.width if quantity is Quantity.WIDTH else content.rating
            return value is not None and eval(f"{value} {sign} {number}")
        case Near(latitude, longitude, radius):
            return content.place is not None and distance(content.place, (latitude, longitude)) <= radius
        case Below(folder):
            return f"{path}/".startswith(folder.decode().rstrip("/") + "/")
        case InFolder(name):
            return f"/{name}/" in path.lower()
        case FileName(text):
            own = path.lower().rpartition("/")[2]
            first, _, last = text.partition("*")
            return first in own and last in own[own.index(first) + len(first) :]
        case Suffix(suffix):
            return path.lower().endswith(f".{suffix}")
        case Taken(after, before):
            time = content.taken_at or modified
            return (after is None or time >= after) and (before is None or time < before)
    raise AssertionError(wanted)


def distance(one: tuple[float, float], two: tuple[float, float]) -> float:
    """By vectors in space, not by the haversine formula."""

    def point(place: tuple[float, float]) -> Any:
        latitude, longitude = map(math.radians, place)
        flat = math.cos(latitude)
        return np.array([flat * math.cos(longitude), flat * math.sin(longitude), math.sin(latitude)])

    return 2 * 6_371_009 * math.asin(min(1.0, float(np.linalg.norm(point(one) - point(two))) / 2))


def add(library: Any, content: Content, number: int) -> tuple[int, dict[bytes, datetime]]:
    """The content's id, and its present files."""
    (name, modified, present), *others = [(f"{name}{number}{place}.b", *rest) for place, (name, *rest) in
                                          enumerate(content.files)]  # fmt: skip
    asset = library.asset(name, kind=content.kind, taken_at=content.taken_at, modified=modified, present=present)
    for other, at, there in others:
        library.file(other, asset, kind=content.kind, modified=at, present=there)
    latitude, longitude = content.place or (None, None)
    library.execute(
        "UPDATE asset SET camera = :camera, width = :width, latitude = :latitude, longitude = :longitude, "
        "has_sound = :sound WHERE id = :id",
        camera=content.camera, width=content.width, latitude=latitude, longitude=longitude, sound=content.sound,
        id=asset,
    )  # fmt: skip
    with library.catalog.engine.begin() as connection:
        keywords = (content.keyword,) if content.keyword else ()
        write_descriptions(connection, {asset: Words(rating=content.rating, keywords=keywords)})
    everything = [(name, modified, present), *others]
    return asset, {path.encode(): at for path, at, there in everything if there}


@given(contents=st.lists(_CONTENTS, min_size=1, max_size=4), filters=st.lists(_FILTERS, min_size=8, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_tree_agrees_with_a_plain_reading(
    make_library: Callable[..., Any], contents: list[Content], filters: list[FileFilter]
) -> None:
    library = make_library(f"library-{np.random.default_rng().integers(2**60)}")
    space = library.space()
    assets = [(content, *add(library, content, number)) for number, content in enumerate(contents)]
    vectors = {asset: library.embed(asset, space, np.ones((2, 4))) for _, asset, _ in assets}
    lookup = Lookup(library.catalog)
    bitmaps = Bitmaps(library.catalog, lookup)
    for wanted in filters:
        expected = {
            asset: tuple(sorted(path for path, at in files.items() if meets(wanted, content, path.decode(), at)))
            for content, asset, files in assets
        }
        expected = {asset: paths for asset, paths in expected.items() if paths}
        live = lookup.live_assets(list(vectors), wanted)
        assert {asset: found.paths for asset, found in live.items()} == expected
        ids = sorted(vector for asset in expected for vector in vectors[asset])
        assert bitmaps.of(space, wanted).ids().tolist() == ids
        assert sorted(lookup.newest(wanted, 10)) == sorted(expected)


@given(_FILTERS)
def test_a_not_is_pushed_to_the_leaves(wanted: FileFilter) -> None:
    def check(each: FileFilter) -> None:
        if isinstance(each, Not):
            assert not isinstance(each.part, AllOf | AnyOf | Not)
        for part in getattr(each, "parts", ()):
            check(part)

    check(without_not(wanted))
    assert set(leaves_of(without_not(wanted))) == set(leaves_of(wanted))
    assert without_not(Not(Not(wanted))) == without_not(wanted)


def test_filters_are_keys_and_flat() -> None:
    dog, video = Bears("dog"), OfKind(MediaKind.VIDEO)
    assert all_of() == EVERYTHING
    assert all_of(EVERYTHING, dog) == dog
    assert all_of(dog, AllOf((video, dog))) == AllOf((dog, video))
    assert any_of(dog, AnyOf((video, dog))) == AnyOf((dog, video))
    assert {all_of(dog, video): 1}[AllOf((Bears("dog"), video))] == 1
    assert not EVERYTHING
    assert AnyOf(())
    assert Not(EVERYTHING)
    assert demands(AllOf((dog, video)), video)
    assert not demands(Not(video), video)


@pytest.fixture
def told(library: Any) -> Any:
    """Three pictures of which people wrote something."""
    library.ids = [library.asset(path) for path in ("/exit/one.jpg", "/b/The EXIT sign.jpg", "/b/three.jpg")]
    fill_text_index(library.catalog)
    words = [Words(caption="the exit of the cave"), Words(people=("Anna Schmidt", "Bert")), Words(title="Anna's cave")]
    with library.catalog.engine.begin() as connection:
        write_descriptions(connection, dict(zip(library.ids, words, strict=True)))
    return library


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Says("exit"), [0, 1]),
        (Says("the cave"), [0]),
        (Says("exit cave"), []),
        (Says('"'), []),
        (Says("exit) OR (three"), []),
        (Not(Says("exit")), [2]),
        (Depicts("anna"), [1]),
        (Depicts("Anna Schmidt"), [1]),
        (Depicts("Schmidt Anna"), []),
        (Depicts("exit"), []),
        (AnyOf((Depicts("bert"), Says("three"))), [1, 2]),
    ],
)
def test_words_are_people_s_words_in_their_order_or_a_file_s_name(
    told: Any, wanted: FileFilter, expected: list[int]
) -> None:
    live = Lookup(told.catalog).live_assets(told.ids, wanted)
    assert sorted(live) == [told.ids[place] for place in expected]


def test_without_an_index_of_words_file_names_are_left(told: Any) -> None:
    told.execute("DROP TABLE text_index_2")
    lookup = Lookup(told.catalog)
    assert sorted(lookup.live_assets(told.ids, Says("exit"))) == [told.ids[1]]
    assert lookup.live_assets(told.ids, Depicts("anna")) == {}


def test_a_rating_beside_a_file_goes_before_its_own(library: Any) -> None:
    asset = library.asset("/1.jpg")
    with library.catalog.engine.begin() as connection:
        write_descriptions(connection, {asset: Words(rating=1)})
    lookup = Lookup(library.catalog)
    three = Compared(Quantity.RATING, Sign.AT_LEAST, 3)
    assert lookup.live_assets([asset], three) == {}
    library.execute(
        "INSERT INTO sidecar (file_id, path, size_bytes, modified_ns, rating, keywords, people) "
        "VALUES (1, '/1.jpg.xmp', 1, 1, 4, '[]', '[]')"
    )
    assert list(lookup.live_assets([asset], three)) == [asset]


def test_quantities_and_lenses(library: Any) -> None:
    asset, unknown = library.asset("/1.mp4", kind="video"), library.asset("/2.mp4", kind="video")
    library.execute(
        "UPDATE asset SET duration_seconds = 30.5, width = 4000, height = 3000, lens = 'Nikkor 50mm' WHERE id = 1"
    )
    lookup = Lookup(library.catalog)
    for wanted in (
        Compared(Quantity.DURATION_SECONDS, Sign.ABOVE, 30),
        Compared(Quantity.PIXELS, Sign.AT_LEAST, 12e6),
        Compared(Quantity.HEIGHT, Sign.AT_MOST, 3000),
        Lens("50MM"),
    ):
        assert list(lookup.live_assets([asset, unknown], wanted)) == [asset]
        assert list(lookup.live_assets([asset, unknown], Not(wanted))) == [unknown]


def test_the_newest_come_first_by_time_taken_or_else_modified(library: Any) -> None:
    day = timedelta(days=1)
    base = datetime(2024, 6, 1)
    old = library.asset("/old.jpg", taken_at=base, modified=base + 9 * day)
    modified = library.asset("/modified.jpg", modified=base + 2 * day, copies=["/a.jpg"])
    new = library.asset("/new.jpg", taken_at=base + 3 * day)
    library.asset("/gone.jpg", taken_at=base + 5 * day, present=False)
    lookup = Lookup(library.catalog)
    assert lookup.newest(EVERYTHING, 9) == [new, modified, old]
    assert lookup.newest(EVERYTHING, 2) == [new, modified]
