"""The folders that may be indexed from the page and the API."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retrieval.errors import AccessError, UsageError
from ui.trust.roots import AllowedRoots


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("home/pictures", "elsewhere", "home-of-another"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("named", ["home", "home/", "home/pictures", "home/./pictures/../pictures", "home/not yet"])
def test_what_lies_at_or_below_a_root_is_allowed(folders: Path, named: str) -> None:
    assert AllowedRoots([folders / "home"]).check(f"{folders}/{named}") == os.path.normpath(f"{folders}/{named}")


@pytest.mark.parametrize(
    "named", ["elsewhere", "home-of-another", "home/../elsewhere", "home/pictures/../../elsewhere", "", "not there"]
)
def test_all_else_is_refused_alike(folders: Path, named: str) -> None:
    with pytest.raises(AccessError, match=r"may not be indexed from here; expected a folder at or below: .*/home; "):
        AllowedRoots([folders / "home"]).check(f"{folders}/{named}")


def test_links_are_followed(folders: Path) -> None:
    (folders / "home/out").symlink_to(folders / "elsewhere")
    (folders / "elsewhere/in").symlink_to(folders / "home/pictures")
    roots = AllowedRoots([folders / "home"])
    with pytest.raises(AccessError, match="may not be indexed"):
        roots.check(f"{folders}/home/out")
    with pytest.raises(AccessError, match="may not be indexed"):
        roots.check(f"{folders}/home/out/deeper")
    assert roots.check(f"{folders}/elsewhere/in") == f"{folders}/home/pictures"


def test_a_root_may_be_a_link_itself(folders: Path) -> None:
    (folders / "link").symlink_to(folders / "home")
    assert AllowedRoots([folders / "link"]).check(f"{folders}/home/pictures") == f"{folders}/home/pictures"


def test_what_is_indexed_keeps_the_name_under_which_it_is(folders: Path) -> None:
    (folders / "link").symlink_to(folders / "home")
    roots = AllowedRoots([], [os.fsencode(folders / "link")])
    assert roots.check(f"{folders}/link/pictures") == f"{folders}/link/pictures"


def test_an_indexed_link_that_leads_elsewhere_by_now_allows_nothing_new(folders: Path) -> None:
    link = folders / "link"
    link.symlink_to(folders / "home")
    roots = AllowedRoots([], [os.fsencode(link)])
    link.unlink()
    link.symlink_to(folders / "elsewhere")
    with pytest.raises(AccessError, match="may not be indexed"):
        roots.check(str(link))


@pytest.mark.parametrize("named", ["pictures", "", ".", "file:///home"])
def test_relative_paths_mean_nothing(named: str) -> None:
    with pytest.raises(UsageError, match="is no absolute path; give one such as"):
        AllowedRoots([Path.home()]).check(named)


def test_nul(folders: Path) -> None:
    with pytest.raises(UsageError, match="holds no NUL"):
        AllowedRoots([folders]).check(f"{folders}/home\0/x")


@pytest.mark.parametrize("code", [0xD800, 0xDC80])
def test_halves_of_signs(folders: Path, code: int) -> None:
    with pytest.raises(UsageError, match="is no text; give the path of a folder"):
        AllowedRoots([folders]).check(f"{folders}/home/{chr(code)}")


def test_the_home_may_be_named_as_on_a_shell(monkeypatch: pytest.MonkeyPatch, folders: Path) -> None:
    monkeypatch.setenv("HOME", str(folders / "home"))
    assert AllowedRoots([folders / "home"]).check("~/pictures") == f"{folders}/home/pictures"


def test_nothing_is_allowed_without_roots(folders: Path) -> None:
    with pytest.raises(AccessError, match="expected a folder at or below: none"):
        AllowedRoots([]).check(str(folders))


def test_only_folders_are_named_and_none_below_another(folders: Path) -> None:
    files = [folders / "elsewhere" / f"{number}.jpg" for number in range(39)]
    for file in files:
        file.touch()
    indexed = [*files, folders / "home/pictures", folders / "home-of-another"]
    roots = AllowedRoots([folders / "home"], map(os.fsencode, indexed))
    assert str(roots) == f"{folders}/home, {folders}/home-of-another"
    assert roots.check(str(files[0])) == str(files[0])


def test_of_many_folders_the_first_are_named(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / str(number)).mkdir()
    named = str(AllowedRoots(sorted(tmp_path.iterdir())))
    assert named == ", ".join(f"{tmp_path}/{number}" for number in range(5)) + " and 3 more"


def test_the_whole_disk_may_be_a_root(folders: Path) -> None:
    assert AllowedRoots(["/"]).check(str(folders)) == str(folders)
