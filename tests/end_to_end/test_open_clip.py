"""A second space beside the first, from a folder that holds a model of open_clip: indexed, searched, chosen."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexer import index
from retrieval.errors import QueryError
from retrieval.evaluation.retrieval_protocol import evaluate_retrieval
from retrieval.library import Library
from retrieval.spaces.registry import get_space

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tiny_models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as its publisher's folder has it: any process can read it."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copy(tiny_models["tiny-vit"].file, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": tiny_models["tiny-vit"].config}))
    return folder


@pytest.fixture(scope="module")
def space(folder: Path) -> str:
    return f"open_clip/ViT-B-32/{folder}"


@pytest.fixture(scope="module")
def library(tree: Path, space: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree in both spaces."""
    library = tmp_path_factory.mktemp("both") / "library"
    first = index([tree], library)
    second = index([tree], library, space=space)
    assert second.indexed == first.indexed > 0
    assert second.failed == second.new == second.changed == 0
    return library


def test_both_spaces_are_searched(library: Path, space: str, tree: Path) -> None:
    """Unfolded: to random weights all pictures are near-identical."""
    with Library(library) as opened:
        first = opened.search("coloured shapes", anyway=True, top=50, unfolded=True)
        second = opened.search("coloured shapes", anyway=True, top=50, space=space, unfolded=True)
    assert (first.space, second.space) == ("starter", space)
    assert {hit.path for hit in first.hits} == {hit.path for hit in second.hits}
    assert any(hit.moments for hit in second.hits)


def test_a_picture_finds_itself(library: Path, space: str, tree: Path) -> None:
    with Library(library) as opened:
        hits = opened.search(image=tree / "2.jpg", space=space, anyway=True).hits
    assert hits[0].path == tree / "2.jpg"


def test_a_space_that_is_complete_is_left_alone(
    library: Path, space: str, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.models.clip.towers.ClipModel.embed_pictures", None)
    again = index([tree], library, space=space)
    assert (again.indexed, again.embedded, again.failed) == (0, 0, 0)


def test_vectors_are_made_from_kept_tracks_without_decoding(
    space: str, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index([tree / "deeper"], tmp_path / "library", space=space)
    catalog = tmp_path / "library" / "catalog.sqlite"
    with sqlite3.connect(catalog) as connection:
        before = connection.execute("SELECT vector FROM embedding ORDER BY segment_id").fetchall()
        connection.execute("DELETE FROM embedding")
        connection.execute("DELETE FROM result")
    connection.close()
    monkeypatch.setattr("retrieval.models.clip.towers.ClipModel.embed_pictures", None)
    report = index([tree / "deeper"], tmp_path / "library", space=space)
    assert (report.indexed, report.embedded) == (0, len(before))


def test_the_space_of_a_search_is_chosen_and_index_follows(
    library: Path, space: str, tmp_path: Path, vidi: Callable[..., Any], draw_pictures: Callable[..., None]
) -> None:
    own = tmp_path / "library"
    shutil.copytree(library, own)
    done = vidi("models", "--use", space)
    assert (done.returncode, done.stdout) == (0, f"A search takes {space} now, unless --space names another.\n")
    with Library(own) as opened:
        assert opened.search("shapes", anyway=True).space == space
        assert opened.search("shapes", anyway=True, space="starter").space == "starter"
    draw_pictures(tmp_path / "more", count=2)
    assert index([tmp_path / "more"], own).indexed == 2
    with Library(own) as opened:
        hits = opened.search("shapes", anyway=True, under=tmp_path / "more", unfolded=True).hits
        counts = {use.name: use.assets for use in opened.status().census.spaces}
        assert opened.use("starter") == "starter"
        assert opened.search("shapes", anyway=True).space == "starter"
    assert len(hits) == 2
    assert counts[space] == counts["starter"] + 2


def test_a_library_that_is_all_in_this_space_stays_so(
    space: str, tmp_path: Path, vidi: Callable[..., Any], draw_pictures: Callable[..., None]
) -> None:
    """Filling the starter with what came later would turn searches away from all that came before."""
    for name, first in (("first", 3000), ("later", 4000)):
        draw_pictures(tmp_path / name, count=1, first=first)
    assert vidi("index", tmp_path / "first", "--space", space).returncode == 0
    assert vidi("index", tmp_path / "later").returncode == 0
    with Library(tmp_path / "library") as opened:
        assert opened.default_space == space
        assert [(use.name, use.assets) for use in opened.status().census.spaces] == [(space, 2)]
        assert len(opened.search("shapes", anyway=True, unfolded=True).hits) == 2


def test_status_says_which_of_several_spaces_a_search_takes(
    library: Path, space: str, vidi: Callable[..., Any]
) -> None:
    lines = [line for line in vidi("status", library=library).stdout.splitlines() if line.startswith("Space")]
    assert [line.split()[1] for line in lines if line.endswith("; what a search takes")] == ["starter"]
    assert len(lines) == 2
    assert json.loads(vidi("status", "--json", library=library).stdout)["default_space"] == "starter"


def test_two_spaces_are_filled_by_one_command_with_a_report_a_line(
    space: str, tmp_path: Path, vidi: Callable[..., Any], draw_pictures: Callable[..., None]
) -> None:
    draw_pictures(tmp_path / "media", count=2, first=5000)
    done = vidi("index", tmp_path / "media", "--space", space, "--space", "starter", "--space", space, "--json")
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [report["indexed"] for report in reports] == [2, 2]
    with Library(tmp_path / "library") as opened:
        assert {use.name: use.assets for use in opened.status().census.spaces} == {space: 2, "starter": 2}


def test_a_second_space_that_can_not_be_had_is_told_before_the_first_is_filled(
    tmp_path: Path, vidi: Callable[..., Any], draw_pictures: Callable[..., None]
) -> None:
    draw_pictures(tmp_path / "media", count=1)
    absent = "open_clip/ViT-B-32/laion2b_s34b_b79k"
    done = vidi("index", tmp_path / "media", "--space", "starter", "--space", absent)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert line.startswith(f"vidi: the model {absent} is not on this machine, and the hub that has it can't be reached")
    assert "connect and try again, or copy its file here and name it: --space open_clip/ViT-B-32/PATH" in line
    assert not (tmp_path / "library").exists()


def test_what_is_not_indexed_is_not_chosen(library: Path) -> None:
    with (
        Library(library) as opened,
        pytest.raises(QueryError, match=r"nothing is indexed in the space open_clip/"),
    ):
        opened.use("open_clip/ViT-B-32/laion2b_s34b_b79k")


def test_a_search_loads_no_torch(library: Path, space: str) -> None:
    with Library(library) as opened:
        opened.search("warm", space=space)  # writes the graph of texts, if nobody has yet
    script = (
        "import sys; from ui.command_line import main; code = main(sys.argv[1:]); "
        "print(code, sorted({'torch', 'open_clip', 'transformers', 'onnx'} & set(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, "--library", str(library), "search", "a dog", "--space", space, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert done.stderr == "0 []\n"
    assert json.loads(done.stdout)["space"] == space


def test_it_is_measured_as_the_starter_is(space: str, tree: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"{tree / f'{number}.jpg'},shapes {number}" for number in (0, 2, 4))
    (tmp_path / "captions.csv").write_text(f"path,caption\n{rows}\n")
    figures = evaluate_retrieval(tmp_path / "captions.csv", get_space(space)).to_json()
    assert (figures["space"], figures["items"], figures["unreadable"]) == (space, 3, [])


def test_its_card_is_listed(library: Path, space: str, vidi: Callable[..., Any]) -> None:
    cards = {card["name"]: card for card in json.loads(vidi("models", "--json").stdout)}
    assert (cards[space]["dim"], cards[space]["available"], cards[space]["languages"]) == (24, True, ["en"])
    listed = vidi("models").stdout
    assert f"{space}  (here, " in listed
    assert "vidi models --open-clip" in listed
