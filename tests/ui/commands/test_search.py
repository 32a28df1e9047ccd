"""`vidi search` as it is typed: examples, kept searches, and what is shown of words and folded pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retrieval import library as library_module
from retrieval.search.results import Hit, Reason, SearchResult
from retrieval.store.catalog import Catalog
from retrieval.types import MediaKind
from ui.command_line import main


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What reaches the library's search, which finds one picture."""
    calls: list[dict[str, Any]] = []

    def search(_library: object, **arguments: Any) -> SearchResult:
        calls.append(arguments)
        why = (Reason("speech", 1.0, "happy birthday", 7.5, 9.0), Reason("frames", 0.0))
        hit = Hit(Path("/media/cat.jpg"), (), MediaKind.PICTURE, 0.9, True, why=why, folded=3)
        return SearchResult(arguments["query"], "starter", True, (hit,), as_of="1.2.3")

    monkeypatch.setattr(library_module.Library, "search", search)
    return calls


@pytest.fixture
def vidi(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    Catalog(tmp_path / "library", create=True).close()

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["--library", str(tmp_path / "library"), "search", *words])
        return code, *capsys.readouterr()

    return run


def test_words_said_and_pictures_folded_are_shown(vidi: Any, asked: Any) -> None:
    code, out, _ = vidi("birthday")
    assert code == 0
    assert out.splitlines()[1:] == [
        "90 %  /media/cat.jpg",
        "      and 3 like it",
        "      “happy birthday” (said at 0:07, by a machine's transcript)",
    ]


def test_all_pictures_reach_the_search(vidi: Any, asked: Any) -> None:
    vidi("--image", "a.jpg", "--image", "b.jpg")
    assert asked[0]["image"] == ["a.jpg", "b.jpg"]


def test_examples_and_states_reach_the_search(vidi: Any, asked: Any) -> None:
    vidi("beach", "--like", "a.jpg", "--like", "b.jpg", "--unlike", "c.jpg", "--unfolded", "--as-of", "1.2.3", "--json")
    (call,) = asked
    page = {"top": 20, "offset": 0, "as_of": "1.2.3", "anyway": False}
    assert call == {"query": "beach", "like": ["a.jpg", "b.jpg"], "unlike": ["c.jpg"], "unfolded": True, **page}


def test_a_search_is_kept_answered_listed_and_removed(vidi: Any, asked: Any, tmp_path: Path) -> None:
    assert vidi("--list-saved")[1] == "No search is kept yet. Keep one with --save NAME.\n"
    code, _, told = vidi("--save", "beach days", "beach", "-people", "--kind", "picture", "--tag", "dog", "--unfolded")
    assert (code, told) == (0, "vidi: kept as beach days\n")
    assert vidi("--list-saved")[1] == "beach days\tbeach -people --kind picture --tag dog --unfolded\n"
    (listed,) = json.loads(vidi("--list-saved", "--json")[1])
    assert (listed["name"], listed["query"], listed["tags"]) == ("beach days", "beach -people", ["dog"])
    vidi("--saved", "beach days", "at", "noon", "--kind", "video")
    assert (asked[-1]["query"], asked[-1]["kind"], asked[-1]["tags"]) == ("beach -people at noon", "video", ["dog"])
    assert vidi("--unsave", "beach days")[1] == "The search beach days is no longer kept.\n"
    code, _, told = vidi("--saved", "beach days")
    assert (code, told) == (1, "vidi: no search is saved as 'beach days'; none is saved yet\n")


def test_a_search_that_is_kept_and_one_that_is_answered_exclude_each_other(vidi: Any) -> None:
    with pytest.raises(SystemExit, match="2"):
        vidi("--save", "a", "--saved", "b")
