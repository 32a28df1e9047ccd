"""The commands as a person types them: index, index again, search, status, and every kind of slip."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer import index
from retrieval import Library
from ui.command_line import COMMANDS

Vidi = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def indexed(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the tree, shared by tests that only read it."""
    library = tmp_path_factory.mktemp("indexed") / "library"
    command = [sys.executable, "-m", "ui.command_line", "--library", str(library), "index", str(tree), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=True)
    report = json.loads(done.stdout)
    assert (report["new"], report["pictures"], report["videos"], report["failed"]) == (16, 10, 1, 4), report
    assert report["copied"] == 1
    assert done.stderr == ""
    return library


def test_a_second_run_decodes_nothing(vidi: Vidi, tree: Path, indexed: Path) -> None:
    report = json.loads(vidi("index", tree, "--json", library=indexed).stdout)
    assert (report["new"], report["unchanged"], report["indexed"], report["failed"]) == (0, 16, 0, 0)
    assert report["still_failed"] == 4


def test_json_of_a_search_is_the_contract(vidi: Vidi, indexed: Path) -> None:
    done = vidi("search", "coloured", "shapes", "--json", "--anyway", "--top", "3", library=indexed)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {"query", "space", "fits", "hits"} <= set(result)
    assert result["query"] == "coloured shapes"
    assert len(result["hits"]) == 3
    for hit in result["hits"]:
        assert {
            "path",
            "copies",
            "kind",
            "score",
            "fits",
            "start_seconds",
            "end_seconds",
            "moments",
            "tags",
            "why",
        } <= set(hit)
        assert 0 <= hit["score"] <= 1
        assert (hit["start_seconds"] is None) == (hit["kind"] == "picture")


def test_a_picture_finds_itself_and_its_copy(vidi: Vidi, tree: Path, indexed: Path) -> None:
    result = json.loads(vidi("search", "--image", tree / "0.jpg", "--json", "--anyway", library=indexed).stdout)
    best = result["hits"][0]
    assert {best["path"], *best["copies"]} == {str(tree / "0.jpg"), str(tree / "copy of 0.jpg")}


@pytest.mark.parametrize(
    ("words", "start"), [("a cat", 0.0), ("a cup of coffee", 3.0), ("a rocket on its launch pad", 6.0)]
)
def test_words_find_the_moment(vidi: Vidi, indexed: Path, words: str, start: float) -> None:
    done = vidi("search", words, "--kind", "video", "--json", library=indexed)
    (hit,) = json.loads(done.stdout)["hits"]
    assert hit["start_seconds"] == pytest.approx(start, abs=0.5)
    assert hit["end_seconds"] == pytest.approx(start + 3, abs=0.5)


def test_a_query_of_ten_thousand_words_is_answered_with_a_word_of_warning(vidi: Vidi, indexed: Path) -> None:
    done = vidi("search", *["cat"] * 10_000, "--json", library=indexed)
    assert done.returncode == 0
    assert "longer than starter reads" in done.stdout + done.stderr


def test_filters_narrow(vidi: Vidi, tree: Path, indexed: Path) -> None:
    below = json.loads(
        vidi("search", "shapes", "--under", tree / "deeper", "--anyway", "--json", library=indexed).stdout
    )
    assert {Path(hit["path"]).parent.name for hit in below["hits"]} == {"deeper"}
    none = json.loads(vidi("search", "shapes", "--before", "1990", "--anyway", "--json", library=indexed).stdout)
    assert none["hits"] == []


def test_status_adds_up_and_names_every_failure(vidi: Vidi, tree: Path, indexed: Path) -> None:
    status = json.loads(vidi("status", "--json", library=indexed).stdout)
    assert status["files"] == {
        "present": 16,
        "missing": 0,
        "indexed": 12,
        "waiting": 0,
        "failed": 4,
        "parts": 0,
    }
    assert {Path(failure["path"]).name for failure in status["failures"]} == {
        "empty.jpg",
        "text.jpg",
        "cut.jpg",
        "cut.mp4",
    }
    assert all(failure["reason"] and failure["permanent"] for failure in status["failures"])
    listed = vidi("status", "--failed", library=indexed).stdout
    assert "empty.jpg" in listed
    assert "0 bytes" in listed


def test_rebuild_gives_the_same_answers(vidi: Vidi, tree: Path, indexed: Path) -> None:
    before = vidi("search", "shapes", "--json", "--anyway", library=indexed).stdout
    indexes = list((indexed / "vectors").glob("*.faiss"))
    assert len(indexes) == 2  # of frames and pictures, and of windows
    for file in indexes:
        file.write_bytes(file.read_bytes()[:200])
    broken = vidi("search", "shapes", "--json", "--anyway", library=indexed)
    assert broken.stdout == before
    assert "rebuilt" in broken.stderr
    assert vidi("rebuild", library=indexed).returncode == 0
    healed = vidi("search", "shapes", "--json", "--anyway", library=indexed)
    assert (healed.stdout, healed.stderr) == (before, "")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["search", ""], 1, "empty"),
        (["search", "x", "--space", "strater"], 1, "did you mean starter"),
        (["search", "x", "--top", "0"], 2, "--top: expected a whole number from 1 up, got '0'"),
        (["search", "x", "--offset", "-1"], 2, "--offset: expected a whole number from 0 up"),
        (["search", "x", "--after", "yesterday-ish"], 1, "yesterday-ish"),
        (["search", "x", "--image", "/nowhere.jpg"], 1, "/nowhere.jpg"),
        (["index", "/nowhere"], 1, "/nowhere"),
        (["index"], 2, "PATH"),
        (["serach", "x"], 2, "invalid choice"),
        (["eval", "retrieval", "--captions", "/nowhere.csv"], 1, "/nowhere.csv"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_slip_is_a_plain_line(vidi: Vidi, indexed: Path, arguments: list[str], code: int, said: str) -> None:
    done = vidi(*arguments, library=indexed)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_output_that_can_not_be_written_is_a_plain_line(indexed: Path) -> None:
    command = [sys.executable, "-m", "ui.command_line", "--library", str(indexed), "status"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (
        1,
        "vidi: the output, or a file, can't be written (No space left on device)\n",
    )


def test_a_working_folder_that_is_gone_is_a_plain_line(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[2]); os.rmdir(os.getcwd()); from ui.command_line import main; "
        "sys.exit(main(['--library', sys.argv[1], 'search', 'x', '--under', 'here']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(indexed), str(ROOT)],
        capture_output=True,
        text=True,
        cwd=tmp_path / "gone",
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("vidi: the working folder is gone")


def test_pages_end_and_a_kind_that_is_not_there_fits_nothing_in_plain_words(vidi: Vidi, indexed: Path) -> None:
    done = vidi("search", "a cat", "--offset", "500", library=indexed)
    assert (done.returncode, done.stdout) == (0, "No more results.\n")
    done = vidi("search", "a cat", "--kind", "sound", library=indexed)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Nothing fits.")


def test_a_file_that_went_is_not_shown_even_before_the_next_run(vidi: Vidi, tree: Path, tmp_path: Path) -> None:
    picture = tmp_path / "cat.jpg"
    shutil.copy(tree / "0.jpg", picture)
    assert vidi("index", picture).returncode == 0
    picture.unlink()
    result = json.loads(vidi("search", "shapes", "--anyway", "--json").stdout)
    assert result["hits"] == []
    assert "hidden" in result["notices"][0]


def test_an_absent_library_says_how_to_fill_one(vidi: Vidi) -> None:
    for command in (["search", "x"], ["status"], ["rebuild"]):
        done = vidi(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert "vidi index" in done.stderr


def test_an_empty_library_says_so(vidi: Vidi, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert vidi("index", tmp_path / "nothing").returncode == 0
    rebuilt = vidi("rebuild")
    assert (rebuilt.returncode, rebuilt.stderr) == (0, "")
    assert "nothing to rebuild" in rebuilt.stdout
    done = vidi("search", "x")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "vidi index" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_a_line_in_the_readme(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ui.command_line", command, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert "--library" in done.stdout
    assert f"`vidi {command}" in (ROOT / "README.md").read_text()


def test_a_search_loads_no_model_framework_and_no_page(indexed: Path) -> None:
    script = (
        "import sys; from ui.command_line import main; code = main(sys.argv[1:]); "
        "print(code, sorted({'torch', 'sentence_transformers', 'transformers', 'gradio', 'timm', 'alembic'} "
        "& set(sys.modules)), file=sys.stderr)"
    )
    arguments = ["--library", str(indexed), "search", "a dog", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert done.stderr == "0 []\n"


def test_a_library_that_cannot_be_written_can_be_searched(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    shutil.copytree(indexed, library)
    for leftover in library.glob("catalog.sqlite-*"):
        leftover.unlink()
    before = {path: path.stat().st_mtime_ns for path in library.rglob("*")}
    # Root may write anything, so the mode of the folder alone would not show it.
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    with Library(library) as opened:
        assert opened.search("shapes", anyway=True, top=3).hits
    assert {path: path.stat().st_mtime_ns for path in library.rglob("*")} == before


def test_python_fills_and_searches_in_five_lines(tree: Path, tmp_path: Path) -> None:
    report = index([tree / "deeper"], tmp_path / "library")
    assert report.pictures == 5
    with Library(tmp_path / "library") as library:
        hits = library.search("coloured shapes", anyway=True).hits
    assert {hit.path.parent for hit in hits} == {tree / "deeper"}
