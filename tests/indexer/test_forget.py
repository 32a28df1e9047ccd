"""What is forgotten is gone from everywhere, and nothing else is."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, insert, select, text

from indexer import index
from indexer.forget import Selection, forget, plan_forgetting
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.descriptions import write_descriptions
from retrieval.store.faiss_index import open_index
from retrieval.store.schema import Asset, Embedding, File, Label, Root, Segment, Setting, Tag, Tagger, Track, Trouble
from retrieval.store.sidecars import SidecarRecord, Sidecars
from retrieval.store.text_index import find_assets
from retrieval.types import Words
from ui.command_line import main

WriteFile = Callable[..., None]


@pytest.fixture
def tree(tmp_path: Path, write_file: WriteFile) -> Path:
    for number in range(10):
        write_file(tmp_path / "tree" / f"{number}.jpg", f"the content of {number}".encode())
    write_file(tmp_path / "tree" / "copies" / "of 0.jpg", b"the content of 0")
    return tmp_path / "tree"


@pytest.fixture
def filled(plain_work: Any, tree: Path, library: Path, empty_library: Path) -> Path:
    shutil.copytree(empty_library, library)
    index([tree], library)
    return library


def _count(library: Path, table: Any) -> int:
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def _forget(library: Path, *paths: Path, missing: bool = False) -> int:
    selection = Selection.of(paths, missing=missing)
    return forget(library, selection, plan_forgetting(library, selection))


def _hash_of(library: Path, path: Path) -> bytes:
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        return connection.execute(
            select(Asset.content_hash).join(File, File.asset_id == Asset.id).where(File.path == os.fsencode(path))
        ).scalar_one()


def _tag(library: Path, path: Path, *names: str) -> None:
    with Catalog(library) as catalog, catalog.engine.begin() as connection:
        asset = connection.scalar(select(File.asset_id).where(File.path == os.fsencode(path)))
        tagger = connection.scalar(select(Tagger.id).where(Tagger.name == "people"))
        if tagger is None:
            tagger = connection.execute(insert(Tagger).values(name="people", version="1").returning(Tagger.id)).scalar()
        for name in names:
            label = connection.scalar(select(Label.id).where(Label.name == name))
            if label is None:
                label = connection.execute(insert(Label).values(name=name).returning(Label.id)).scalar()
            connection.execute(
                insert(Tag).values(asset_id=asset, tagger_id=tagger, label_id=label, score=1, refused=False)
            )


def test_all_that_is_known_of_a_content_goes_with_its_last_file(filled: Path, tree: Path) -> None:
    _tag(filled, tree / "3.jpg", "uncle robert", "beach")
    _tag(filled, tree / "4.jpg", "beach")
    content = _hash_of(filled, tree / "3.jpg")
    name = content.hex()
    thumbnail = filled / "thumbnails" / name[:2] / f"{name}-480.jpg"
    orphan = filled / "tracks" / name[:2] / f"{name}-appearance-v1.safetensors"
    preview = filled / "previews" / name[:2] / f"{name}-0-30.mp4"
    heat = filled / "heat" / name[:2] / f"{name}-0a.jpg"
    for path in (thumbnail, preview, heat, orphan):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"features")
    with Catalog(filled) as catalog, catalog.engine.begin() as connection:
        asset = connection.scalar(select(File.asset_id).where(File.path == os.fsencode(tree / "3.jpg")))
        values = {"asset_id": asset, "expert": "appearance", "version": "v1", "count": 1, "dim": 1}
        connection.execute(insert(Track).values(**values, path=str(orphan.relative_to(filled))))
    plan = plan_forgetting(filled, Selection.of([tree / "3.jpg"], missing=False))
    assert (plan.contents, plan.copies, plan.vectors, plan.tags_of_people) == (1, 0, 1, 2)
    assert plan.examples == (os.fsencode(tree / "3.jpg"),)
    assert _forget(filled, tree / "3.jpg") == 1
    assert [_count(filled, table) for table in (File, Asset, Embedding, Segment, Track, Tag)] == [10, 9, 9, 9, 0, 1]
    with Catalog(filled) as catalog, catalog.engine.connect() as connection:
        assert connection.scalars(select(Label.name)).all() == ["beach"]
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    assert not thumbnail.exists()
    assert not preview.exists()
    assert not orphan.exists()
    everything = b"".join(path.read_bytes() for path in filled.rglob("*") if path.is_file())
    for forgotten in (content, b"uncle robert", os.fsencode(tree / "3.jpg")):
        assert forgotten not in everything


def test_a_content_with_a_copy_elsewhere_stays(filled: Path, tree: Path) -> None:
    plan = plan_forgetting(filled, Selection.of([tree / "copies"], missing=False))
    assert (plan.contents, plan.copies, plan.vectors) == (0, 1, 0)
    assert _forget(filled, tree / "copies") == 1
    assert (_count(filled, Asset), _count(filled, File)) == (10, 10)
    assert _forget(filled, tree / "0.jpg") == 1
    assert (_count(filled, Asset), _count(filled, File)) == (9, 9)


def test_an_open_index_and_a_saved_one_never_show_what_was_forgotten(filled: Path, tree: Path) -> None:
    with Catalog(filled) as catalog, catalog.engine.connect() as connection:
        row = SpaceRow(*connection.execute(text("SELECT id, name, version, dim, normalized FROM space")).one())
        gone = connection.scalars(select(Embedding.vector_id).order_by(Embedding.vector_id)).first()
    with Catalog(filled) as catalog:
        opened = open_index(catalog, row)
        old_file = {path: path.read_bytes() for path in (filled / "vectors").iterdir()}
        assert len(opened) == 10
        assert _forget(filled, tree / "0.jpg", tree / "copies") == 2
        opened.refresh()
        query = np.ones((1, 4), np.float32)
        assert gone not in opened.search(query, 10)[1]
        assert gone not in open_index(catalog, row).search(query, 10)[1]
        notices: list[str] = []
        for path, content in old_file.items():  # as a search of before would have saved it
            path.with_suffix(".old").write_bytes(content)
            path.with_suffix(".old").replace(path)
        assert gone not in open_index(catalog, row, notice=notices.append).search(query, 10)[1]
        assert notices == []  # it is not made anew: what went is taken out


def test_an_index_of_before_is_not_saved_after(filled: Path, tree: Path) -> None:
    with Catalog(filled) as catalog, catalog.engine.connect() as connection:
        row = SpaceRow(*connection.execute(text("SELECT id, name, version, dim, normalized FROM space")).one())
    with Catalog(filled) as catalog:
        opened = open_index(catalog, row)
        _forget(filled, tree / "5.jpg")
        now = {path: path.read_bytes() for path in (filled / "vectors").iterdir()}
        opened.save()
        assert {path: path.read_bytes() for path in (filled / "vectors").iterdir()} == now


def test_missing_alone_means_what_is_marked_and_with_a_path_what_is_gone(filled: Path, tree: Path) -> None:
    (tree / "1.jpg").unlink()
    index([tree], filled)
    for number in (2, 3, 4, 5):  # too many to be marked
        (tree / f"{number}.jpg").unlink()
    index([tree], filled)
    assert _forget(filled, missing=True) == 1
    assert _forget(filled, tree, missing=True) == 4
    assert _count(filled, File) == 6
    assert _count(filled, Root) == 1


def test_a_forgotten_root_is_asked_for_no_more(filled: Path, tree: Path, tmp_path: Path) -> None:
    (tree / "self").symlink_to(tree / "self")
    index([tree], filled)
    assert _count(filled, Trouble) == 1
    _forget(filled, tree)
    assert [_count(filled, table) for table in (File, Asset, Root, Trouble, Embedding)] == [0] * 5
    assert list((filled / "vectors").iterdir()) == []
    assert index([tree], filled).new == 11


@pytest.mark.parametrize("batches_before", [0, 1, 2])
def test_a_kill_between_batches_leaves_every_file_known_or_forgotten(
    filled: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, batches_before: int
) -> None:
    from retrieval.store import forget as store

    monkeypatch.setattr(store, "_FILES_PER_BATCH", 3)
    real, done = store._forget_assets, []

    def power_fails(connection: Any, asset_ids: Any) -> None:
        if len(done) == batches_before:
            raise OSError("power fails")
        done.append(asset_ids)
        real(connection, asset_ids)

    monkeypatch.setattr(store, "_forget_assets", power_fails)
    with pytest.raises(OSError, match="power fails"):
        _forget(filled, tree)
    monkeypatch.undo()
    assert _count(filled, File) == 11 - 3 * batches_before
    with Catalog(filled) as catalog, catalog.engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        owned = select(func.count(func.distinct(File.asset_id)))
        assert connection.scalar(owned) == connection.scalar(select(func.count()).select_from(Asset))
    assert _forget(filled, tree) == 11 - 3 * batches_before


def test_deletions_of_two_states_of_a_catalog_are_never_equal(filled: Path, tree: Path) -> None:
    backup = filled.with_name("backup")
    shutil.copytree(filled, backup)
    _forget(filled, tree / "1.jpg")
    _forget(backup, tree / "2.jpg")
    counts = []
    for library in (filled, backup):
        with Catalog(library) as catalog, catalog.engine.connect() as connection:
            counts.append(connection.scalar(select(Setting.value).where(Setting.key == "deletions")))
    assert counts[0] != counts[1]


def test_the_command_lists_and_refuses_without_consent(
    filled: Path, tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    command = ["--library", str(filled), "forget"]
    assert main([*command, str(tree)]) == 1
    told = capsys.readouterr()
    assert "To be forgotten: 11 files (10 contents with 10 vectors)" in told.out
    assert "and 6 more" in told.out
    assert "comes back at its next `vidi index`" in told.out
    assert told.err == "vidi: nothing was forgotten: nobody can be asked here; add --yes to consent\n"
    assert _count(filled, File) == 11
    assert main([*command, "--missing"]) == 0
    assert "No file is missing" in capsys.readouterr().out
    assert main(command) == 2
    assert main([*command, "--yes", str(tree / "nothing.jpg")]) == 1
    assert main([*command, "--yes", str(tree)]) == 0
    assert capsys.readouterr().out.endswith("Forgotten: 11 files.\n")
    assert _count(filled, File) == 0


def _say(library: Path, path: Path, caption: str, *, beside: bool = False) -> None:
    """As a run takes in what stands in a file, or in its sidecar."""
    words = Words(caption=caption, keywords=(caption.split()[0],))
    with Catalog(library) as catalog:
        with catalog.engine.connect() as connection:
            row = connection.execute(select(File.id, File.asset_id).where(File.path == os.fsencode(path))).one()
        if beside:
            Sidecars(catalog).write([SidecarRecord(row.id, os.fsencode(path) + b".xmp", 1, 1, words)])
        else:
            with catalog.engine.begin() as connection:
                write_descriptions(connection, {row.asset_id: words})


def _everything(library: Path) -> bytes:
    return b"".join(path.read_bytes() for path in library.rglob("*") if path.is_file())


def test_words_are_gone_from_the_text_index_too(filled: Path, tree: Path) -> None:
    for number, word in enumerate(("aardvark", "quagmire", "zymurgy", "vuvuzela")):
        _say(filled, tree / f"{number + 1}.jpg", f"{word} at dusk")
    assert all(word in _everything(filled) for word in (b"quagmir", b"zymurgi"))
    _forget(filled, tree / "2.jpg", tree / "3.jpg")
    left = _everything(filled)
    assert [word for word in (b"quagmir", b"zymurg", b"uagmir", b"ymurg") if word in left] == []
    with Catalog(filled) as catalog, catalog.engine.connect() as connection:
        assert find_assets(connection, ["quagmire"]) == []
        assert len(find_assets(connection, ["aardvark"])) == 1


def test_what_a_forgotten_copys_sidecar_said_goes_though_its_content_stays(filled: Path, tree: Path) -> None:
    _say(filled, tree / "0.jpg", "harbour at dawn")
    _say(filled, tree / "copies" / "of 0.jpg", "quagmire at dusk", beside=True)
    assert _forget(filled, tree / "copies") == 1
    assert b"uagmir" not in _everything(filled)
    with Catalog(filled) as catalog, catalog.engine.connect() as connection:
        assert find_assets(connection, ["quagmire"]) == []
        assert len(find_assets(connection, ["harbour"])) == 1
        assert connection.scalars(select(Label.name).join(Tag)).all() == ["harbour"]


def test_running_again_clears_what_a_killed_run_left_of_words(
    filled: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retrieval.store import forget as store

    for number, word in enumerate(("aardvark", "quagmire", "vuvuzela")):
        _say(filled, tree / f"{number + 1}.jpg", f"{word} at dusk")

    def power_fails(_connection: Any) -> None:
        raise OSError("power fails")

    monkeypatch.setattr(store, "compact_text_index", power_fails)
    with pytest.raises(OSError, match="power fails"):
        _forget(filled, tree / "2.jpg")
    monkeypatch.undo()
    assert _forget(filled, tree / "2.jpg") == 0
    assert b"uagmir" not in _everything(filled)
