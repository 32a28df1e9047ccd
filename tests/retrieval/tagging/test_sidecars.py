from __future__ import annotations

import os
from pathlib import Path

import pytest

from retrieval.tagging.sidecars import SidecarNaming, sidecar_paths, update_sidecars
from retrieval.tagging.xmp import SidecarTags

DOG = SidecarTags(("dog",))


def test_names_and_places(tmp_path: Path) -> None:
    pictures = [tmp_path / "a" / "x.jpg", tmp_path / "a" / "x.nef", tmp_path / "b" / "x.jpg"]
    appended = sidecar_paths(pictures, SidecarNaming.APPENDED)
    assert list(appended) == [tmp_path / "a" / "x.jpg.xmp", tmp_path / "a" / "x.nef.xmp", tmp_path / "b" / "x.jpg.xmp"]
    replaced = sidecar_paths(pictures, SidecarNaming.REPLACED)
    assert replaced == {tmp_path / "a" / "x.xmp": pictures[:2], tmp_path / "b" / "x.xmp": pictures[2:]}


def test_elsewhere_a_picture_has_one_place_whatever_is_asked_for_beside_it(tmp_path: Path) -> None:
    first, second = Path("/media/a/x.jpg"), Path("/media/b/x.jpg")
    both = sidecar_paths([first, second], SidecarNaming.APPENDED, tmp_path)
    alone = [sidecar_paths([picture], SidecarNaming.APPENDED, tmp_path) for picture in (first, second)]
    assert both == alone[0] | alone[1]
    assert list(both) == [tmp_path / "media" / "a" / "x.jpg.xmp", tmp_path / "media" / "b" / "x.jpg.xmp"]


def test_without_write_nothing_is_written(tmp_path: Path) -> None:
    report = update_sidecars({tmp_path / "a.xmp": DOG}, write=False)
    assert report.created == [tmp_path / "a.xmp"]
    assert list(tmp_path.iterdir()) == []


def test_made_then_unchanged_then_changed_with_one_backup(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "a.xmp"
    assert update_sidecars({path: DOG}, write=True).created == [path]
    first = path.read_bytes()
    assert update_sidecars({path: DOG}, write=True).unchanged == [path]
    assert update_sidecars({path: SidecarTags(("cat",))}, write=True).changed == [path]
    assert update_sidecars({path: SidecarTags(("bird",))}, write=True).changed == [path]
    assert path.with_name("a.xmp.bak").read_bytes() == first  # the oldest is kept
    assert {each.name for each in path.parent.iterdir()} == {"a.xmp", "a.xmp.bak"}


FOREIGN = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description/></rdf:RDF>"""


def test_a_backup_of_another_program_is_not_taken_for_ours(tmp_path: Path) -> None:
    path, theirs = tmp_path / "a.xmp", tmp_path / "a.xmp.bak"
    path.write_bytes(FOREIGN)
    theirs.write_text("of another program")
    for label in ("dog", "cat", "bird"):
        assert update_sidecars({path: SidecarTags((label,))}, write=True).changed == [path]
    assert theirs.read_text() == "of another program"
    assert (tmp_path / "a.xmp.vidi.bak").read_bytes() == FOREIGN
    assert len(list(tmp_path.iterdir())) == 3


def test_a_sidecar_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    path, link = tmp_path / "a.xmp", tmp_path / "link.xmp"
    update_sidecars({path: DOG}, write=True)
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o664)
    link.symlink_to(path)
    update_sidecars({link: SidecarTags(("cat",))}, write=True)
    assert link.is_symlink()
    assert b"cat" in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o664


def test_one_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    broken, folder, fine = tmp_path / "broken.xmp", tmp_path / "folder.xmp", tmp_path / "fine.xmp"
    broken.write_text("<x")
    folder.mkdir()
    report = update_sidecars(dict.fromkeys((broken, folder, fine), DOG), write=True)
    assert [path for path, _ in report.left_alone] == [broken, folder]
    assert "no XML that can be read" in report.left_alone[0][1]
    assert broken.read_text() == "<x"
    assert report.created == [fine]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_one_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    report = update_sidecars({tmp_path / "a.xmp": DOG}, write=True)
    tmp_path.chmod(0o700)
    assert "it can't be written" in report.left_alone[0][1]


def test_no_tags_make_no_sidecar(tmp_path: Path) -> None:
    report = update_sidecars({tmp_path / "a.xmp": SidecarTags(())}, write=True)
    assert (report.created, report.changed, list(tmp_path.iterdir())) == ([], [], [])
