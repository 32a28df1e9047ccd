"""Runs over sidecars and pairs: what is read, what is left alone, and that nothing is decoded or embedded for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select

from indexer import IndexReport, index, run
from retrieval.experts.appearance import Appearance
from retrieval.experts.expert import Rows
from retrieval.store.catalog import Catalog
from retrieval.store.census import Census, take_census
from retrieval.store.schema import Description, Embedding, File, Label, Part, Sidecar, Tag
from retrieval.types import Float32Array

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="{title}">'
    "<dc:subject><rdf:Bag><rdf:li>{keyword}</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
)


class SliceSpace:
    """A space whose vector is the first few features."""

    name, version, dim, normalized, fits_from = "starter", "v1", 6, False, 0.5
    needs, languages = ("appearance",), ("en",)

    def embed_segments(self, rows: Rows) -> Float32Array:
        return rows["appearance"][:, : self.dim]


Index = Callable[..., IndexReport]


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    picture(folder / "a.jpg", 1)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def run_index(media: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    monkeypatch.setattr(run, "get_space", lambda _name: SliceSpace())
    return lambda **options: index([media], library, **options)


@pytest.fixture
def nothing_is_embedded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(Appearance, "encode", None)


def picture(path: Path, seed: int, **options: Any) -> None:
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC).save(path, **options)


def clip(path: Path, seconds: float) -> None:
    with av.open(str(path), "w") as target:
        stream = target.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(round(seconds * 5)):
            target.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        target.mux(stream.encode())


def xmp(path: Path, title: str = "", keyword: str = "") -> None:
    path.write_text(XMP.format(title=title, keyword=keyword))


def rows(library: Path, *columns: Any) -> list[Any]:
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]


def tags(library: Path) -> list[str]:
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        return sorted(connection.scalars(select(Label.name).join(Tag, Tag.label_id == Label.id)))


def count(library: Path, table: type) -> int:
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def census(library: Path) -> Census:
    with Catalog(library) as catalog:
        return take_census(catalog)


# -- sidecars --------------------------------------------------------------------------------------------------


def test_a_sidecar_that_comes_changes_and_goes_never_touches_its_media(
    run_index: Index, media: Path, library: Path, nothing_is_embedded: Callable[[], None]
) -> None:
    xmp(media / "a.jpg.xmp", "First", "dog")
    report = run_index()
    assert (report.indexed, report.sidecars, tags(library)) == (1, 1, ["dog"])
    nothing_is_embedded()
    again = run_index()
    assert (again.sidecars, again.has_news) == (0, False)
    xmp(media / "a.jpg.xmp", "Second title", "cat")
    xmp(media / "A.XMP", "", "sand")
    report = run_index()
    assert (report.indexed, report.sidecars, report.failed) == (0, 2, 0)
    assert tags(library) == ["cat", "sand"]
    (media / "a.jpg.xmp").unlink()
    report = run_index()
    assert (report.sidecars_gone, tags(library), count(library, Sidecar)) == (1, ["sand"], 1)


def test_a_sidecar_that_is_refused_has_its_reason_and_its_media_is_indexed(
    run_index: Index, media: Path, library: Path
) -> None:
    (media / "a.xmp").write_text("no XML")
    (media / "a.jpg.xmp").write_text('<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>')
    report = run_index()
    assert (report.indexed, report.failed, report.sidecars, report.sidecars_refused) == (1, 0, 0, 2)
    assert sum("does not count" in line for line in report.notices) == 2
    reasons = [(failed.display.rsplit("/", 1)[1], failed.reason[:17]) for failed in census(library).failed_sidecars]
    assert reasons == [("a.jpg.xmp", "it declares entit"), ("a.xmp", "it is not XML (sy")]
    assert run_index().sidecars_refused == 0  # they did not change
    assert run_index(retry_failed=True).sidecars_refused == 2
    xmp(media / "a.xmp", "Sound", "dog")
    (media / "a.jpg.xmp").unlink()
    assert (run_index().sidecars, tags(library), census(library).failed_sidecars) == (1, ["dog"], ())


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_sidecar_that_may_not_be_read_just_now_is_tried_again(run_index: Index, media: Path, library: Path) -> None:
    xmp(media / "a.xmp", "Sound", "dog")
    (media / "a.xmp").chmod(0)
    assert run_index().sidecars_refused == 1
    assert run_index().sidecars_refused == 1
    (media / "a.xmp").chmod(0o600)
    assert (run_index().sidecars, tags(library)) == (1, ["dog"])


def test_words_go_with_a_file_that_moves_with_its_sidecar(run_index: Index, media: Path, library: Path) -> None:
    xmp(media / "a.jpg.xmp", "", "dog")
    run_index()
    (media / "there").mkdir()
    for name in ("a.jpg", "a.jpg.xmp"):
        (media / name).rename(media / "there" / name)
    report = run_index()
    assert (report.moved, report.indexed, tags(library)) == (1, 0, ["dog"])


def test_content_that_was_indexed_without_words_is_described_without_decoding(
    run_index: Index, media: Path, library: Path, nothing_is_embedded: Callable[[], None]
) -> None:
    picture(media / "b.jpg", 2, xmp=XMP.format(title="Within", keyword="dog").encode())
    clip(media / "c.mp4", 1)
    run_index()
    expected = rows(library, Description.title)
    with Catalog(library) as catalog, catalog.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM description")
        connection.exec_driver_sql("DELETE FROM tag")
    nothing_is_embedded()
    report = run_index()
    assert (report.described, report.indexed, report.failed) == (3, 0, 0)
    assert (rows(library, Description.title), tags(library)) == (expected, ["dog"])
    assert run_index().described == 0


# -- pairs -----------------------------------------------------------------------------------------------------


def accounted(report: IndexReport) -> tuple[int, int, int, int]:
    assert report.accounts.adds_up
    return report.accounts.found, report.accounts.indexed, report.accounts.parts, report.accounts.failed


def test_a_raw_beside_its_jpeg_is_a_part_and_is_not_decoded(run_index: Index, media: Path, library: Path) -> None:
    (media / "A.CR2").write_bytes(b"II*\0 a raw that nobody opens")
    assert accounted(run_index()) == (2, 1, 1, 0)
    assert (census(library).files_parts, census(library).files_waiting) == (1, 0)
    report = run_index(rehash=True)
    assert (report.indexed, report.failed, accounted(report)) == (0, 0, (2, 1, 1, 0))


def test_a_part_whose_main_file_fails_is_work_for_itself(run_index: Index, media: Path, library: Path) -> None:
    picture(media / "b.tif", 2)
    (media / "b.tif").rename(media / "b.dng")  # what a DNG is read as where its decoder is away matters not here
    (media / "b.jpg").write_bytes(b"\xff\xd8\xff broken")
    report = run_index()
    assert (report.accounts.found, report.accounts.parts) == (3, 0)
    assert report.indexed + report.failed == 3  # the raw was tried in this very run
    picture(media / "b.jpg", 3)
    assert run_index().accounts.parts == 1
    (media / "b.jpg").unlink()
    run_index()
    assert count(library, Part) == 0


def test_a_short_clip_is_part_of_its_photograph_and_a_long_one_is_not(
    run_index: Index, media: Path, library: Path
) -> None:
    clip(media / "a.mov", 2)
    picture(media / "b.jpg", 2)
    clip(media / "b.mov", 8)
    picture(media / "c.jpg", 3)
    (media / "c.mov").write_bytes(b"no video")
    assert accounted(run_index()) == (6, 4, 1, 1)
    assert rows(library, Part.role) == [("motion",)]
    embeddings = count(library, Embedding)
    run_index()
    assert count(library, Embedding) == embeddings
    clip(media / "a.mov", 9)  # another clip, under the same name
    assert accounted(run_index()) == (6, 5, 0, 1)


def test_what_was_indexed_for_itself_becomes_a_part_when_its_main_file_comes(
    run_index: Index, media: Path, library: Path, nothing_is_embedded: Callable[[], None]
) -> None:
    (media / "a.jpg").rename(media / "kept.jpg")
    clip(media / "a.mov", 2)
    assert accounted(run_index()) == (2, 2, 0, 0)
    nothing_is_embedded()
    (media / "kept.jpg").rename(media / "a.jpg")
    assert accounted(run_index()) == (2, 1, 1, 0)


def test_a_moved_pair_is_moved(run_index: Index, media: Path, library: Path) -> None:
    for number in range(4):
        picture(media / f"{number}.jpg", number + 5)
        (media / f"{number}.cr2").write_bytes(b"II*\0 raw %d" % number)
    run_index()
    (media / "there").mkdir()
    for number in range(4):
        for suffix in ("jpg", "cr2"):
            (media / f"{number}.{suffix}").rename(media / "there" / f"{number}.{suffix}")
    shutil.copy(media / "a.jpg", media / "a copy.jpg")
    report = run_index()
    assert (report.moved, report.missing, report.indexed, report.new, report.copied) == (8, 0, 0, 1, 1)
    assert (accounted(report), census(library).files_missing) == ((10, 6, 4, 0), 8)
    assert rows(library, File.present)[-1] == (True,)


# -- while watching --------------------------------------------------------------------------------------------


@pytest.fixture
def look(run_index: Index, media: Path, library: Path) -> Callable[..., IndexReport]:
    """After a whole run, a run over what changed, as watching does it."""
    run_index()
    session = run.Session(library)
    session.run([os.fsencode(media)])
    return lambda *names: session.run_places([os.fsencode(media)], [os.fsencode(media / name) for name in names])


def test_a_part_stands_for_itself_as_soon_as_its_main_file_goes(
    run_index: Index, media: Path, library: Path, look: Callable[..., IndexReport]
) -> None:
    for number in range(9):
        picture(media / f"{number}.jpg", 10 + number)
    clip(media / "3.mov", 2)
    assert accounted(run_index())[2] == 1
    (media / "3.jpg").unlink()
    report = look("3.jpg")
    assert (report.indexed, report.missing, count(library, Part)) == (1, 1, 0)


def test_a_part_is_tried_as_soon_as_its_main_file_breaks(
    run_index: Index, media: Path, library: Path, look: Callable[..., IndexReport]
) -> None:
    clip(media / "a.mov", 2)
    assert accounted(run_index()) == (2, 1, 1, 0)
    (media / "a.jpg").write_bytes(b"\xff\xd8\xff broken")
    report = look("a.jpg")
    assert (report.indexed, report.failed, census(library).files_parts) == (1, 1, 0)


def test_the_files_of_a_pair_may_come_one_after_the_other(
    run_index: Index, media: Path, library: Path, look: Callable[..., IndexReport]
) -> None:
    clip(media / "b.mov", 2)
    assert look("b.mov").indexed == 1
    picture(media / "b.jpg", 2)
    assert look("b.jpg").indexed == 1
    assert (rows(library, Part.role), census(library).files_parts) == ([("motion",)], 1)


def test_a_sidecar_is_read_alone_whatever_its_capitals(
    media: Path, library: Path, look: Callable[..., IndexReport], nothing_is_embedded: Callable[[], None]
) -> None:
    nothing_is_embedded()
    xmp(media / "A.XMP", "", "dog")
    report = look("A.XMP")
    assert (report.sidecars, report.failed, tags(library)) == (1, 0, ["dog"])
    (media / "A.XMP").unlink()
    assert (look("A.XMP").sidecars_gone, tags(library)) == (1, [])


def test_another_inode_costs_no_decoding(
    run_index: Index, media: Path, library: Path, nothing_is_embedded: Callable[[], None]
) -> None:
    clip(media / "a.mov", 2)
    xmp(media / "a.xmp", "", "dog")
    run_index()
    nothing_is_embedded()
    for path in list(media.iterdir()):  # as a drive that is mounted again may show its files
        again = path.with_suffix(".again")
        shutil.copy2(path, again)
        again.replace(path)
    report = run_index()
    assert (report.changed, report.indexed, report.failed, report.copied) == (2, 0, 0, 0)
    assert (accounted(report), tags(library)) == ((2, 1, 1, 0), ["dog"])
