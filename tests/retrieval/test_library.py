"""The library as a person's program sees it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import retrieval
from retrieval.errors import LibraryBusyError, LibraryError, QueryError, UnknownSpaceError
from retrieval.experts.expert import Rows
from retrieval.library import Library
from retrieval.search import searcher
from retrieval.types import Float32Array


class OneAxisSpace:
    name, version, dim, normalized, needs, languages = "starter", "1", 4, True, (), ("en",)
    fits_from = 0.5

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        return np.tile(np.array([1, 0, 0, 0], np.float32), (len(texts), 1))

    def embed_segments(self, rows: Rows) -> Float32Array:
        return rows["appearance"][:, :4]

    def is_cut(self, text: str) -> bool:
        return False

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        return scores


def opened(builder: Any) -> Library:
    def embed(_space: object, paths: Sequence[Path]) -> Float32Array:
        return np.tile(np.array([0, 1, 0, 0], np.float32), (len(paths), 1))

    return Library(builder.folder, spaces=lambda _: OneAxisSpace(), embed_pictures=embed)


@pytest.fixture
def filled(library: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(searcher, "_exists", lambda _path: True)  # nobody made these files
    space = library.space()
    library.embed(library.asset("/a/text.jpg"), space, [[0.9, 0, 0, 0]])
    library.embed(library.asset("/b/image.mp4", kind="video"), space, [[0, 0.9, 0, 0]], [(0, 2)])
    library.asset("/c/sound.mp3", kind="sound")
    library.fail(library.file("/c/broken.jpg", None), "the file is empty")
    library.file(b"/c/waiting\xff.jpg", None)
    library.asset("/c/gone.jpg", present=False)
    return library


def test_it_searches_by_words_by_image_and_by_both(filled: Any) -> None:
    with opened(filled) as library:
        assert [hit.path.name for hit in library.search("a dog").hits] == ["text.jpg"]
        assert [hit.path.name for hit in library.search(image="q.jpg").hits] == ["image.mp4"]
        assert [hit.path.name for hit in library.search(image=[Path("q.jpg"), "p.jpg"]).hits] == ["image.mp4"]
        assert len(library.search("a dog", image="q.jpg", anyway=True).hits) == 2
        assert library.search("a dog", kind="video", anyway=True).hits[0].end_seconds == 2
        assert library.search("a dog", under="/b").hits == ()
        assert library.search("a dog", top=1, offset=1, anyway=True).hits[0].path.name == "image.mp4"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"query": ""}, "the query is empty"),
        ({"query": "x", "kind": "film"}, "no kind 'film'"),
        ({"query": "x", "after": "soon"}, "after 'soon' is no time"),
        ({"query": "x", "by": "smell"}, "can't rank by 'smell'"),
        ({"query": "x", "top": 0}, "top is 0"),
    ],
)
def test_a_query_that_can_not_be_answered_says_why(filled: Any, values: dict[str, Any], message: str) -> None:
    with opened(filled) as library, pytest.raises(QueryError, match=message):
        library.search(**values)


def test_there_must_be_a_library(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"there is no library at .*fill one with `vidi index FOLDER`"):
        Library(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_status_counts_what_is_there_missing_waiting_and_failed(filled: Any) -> None:
    with opened(filled) as library:
        status = library.status()
    written = json.loads(json.dumps(status.to_json()))
    assert written["assets"] == {"picture": 1, "video": 1, "sound": 1}
    assert written["files"] == {
        "present": 5,
        "missing": 1,
        "indexed": 3,
        "waiting": 1,
        "failed": 1,
        "parts": 0,
    }
    assert written["sounds_awaiting_audio_expert"] == status.sounds_awaiting == 1
    assert written["spaces"] == [{"name": "starter", "version": "1", "assets": 2, "vectors": 2}]
    assert written["failures"] == [
        {"path": "/c/broken.jpg", "stage": "decode", "reason": "the file is empty", "permanent": True}
    ]
    assert written["size_bytes"] >= (filled.folder / "catalog.sqlite").stat().st_size


def test_rebuilding_names_each_space_and_its_vectors(filled: Any) -> None:
    other = filled.space(name="other")
    filled.embed(1, other, np.ones((3, 4)))
    with opened(filled) as library:
        assert library.rebuild() == {"starter": 2, "other": 3}
        assert len(library.search("a dog").hits) == 1
    assert len(list((filled.folder / "vectors").iterdir())) == 2


def test_rebuilding_passes_over_what_is_not_searched(filled: Any) -> None:
    filled.embed(1, filled.space(version="0"), np.ones((1, 4)))
    filled.embed(1, filled.space(name="lost"), np.ones((1, 4)))
    lines: list[str] = []

    def spaces(name: str) -> OneAxisSpace:
        if name == "lost":
            raise UnknownSpaceError("there is no space 'lost'")
        return OneAxisSpace()

    with Library(filled.folder, notice=lines.append, spaces=spaces) as library:
        assert library.rebuild() == {"starter": 2}
    assert lines == [
        "version 0 of starter is passed over: this vidi searches version 1",
        "lost is passed over: there is no space 'lost'",
    ]
    assert len(list((filled.folder / "vectors").iterdir())) == 1


def test_a_failure_tells_a_path_exactly(filled: Any) -> None:
    filled.fail(filled.file(b"/c/caf\xe9.jpg", None), "the file is cut short")
    with opened(filled) as library:
        failure = library.status().to_json()["failures"][1]
    assert failure["path"] == "/c/caf\\xe9.jpg"
    assert base64.b64decode(failure["path_bytes"]) == b"/c/caf\xe9.jpg"


def test_rebuilding_waits_for_no_other_writer(filled: Any) -> None:
    with (
        opened(filled) as library,
        filled.catalog.lock(),
        pytest.raises(LibraryBusyError, match="another vidi is writ"),
    ):
        library.rebuild()


def test_a_library_that_can_not_be_written_is_searched_all_the_same(filled: Any) -> None:
    filled.catalog.close()
    with opened(filled) as library:
        library.rebuild()
    for path in [filled.folder, *filled.folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(path.name for path in filled.folder.rglob("*"))
    try:
        with opened(filled) as library:
            assert len(library.search("a dog").hits) == 1
        if os.geteuid() != 0:  # nothing is read-only to root
            assert sorted(path.name for path in filled.folder.rglob("*")) == before
    finally:
        for path in [filled.folder, *filled.folder.rglob("*")]:
            path.chmod(0o755)


def test_threads_share_a_library(filled: Any) -> None:
    answers: list[int] = []
    with opened(filled) as library:

        def ask() -> None:
            answers.append(len(library.search("a dog").hits))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [1] * 8


def test_public_names_are_those_that_are_promised() -> None:
    assert retrieval.__all__ == sorted(retrieval.__all__)
    for name in retrieval.__all__:
        assert getattr(retrieval, name).__name__ == name
        assert name in dir(retrieval)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = retrieval.nothing


def _modules_after(statement: str) -> set[str]:
    command = f"import sys; {statement}; print(chr(10).join(sys.modules))"
    found = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in found.stdout.split()} if found.returncode == 0 else set()


def test_importing_the_package_loads_nothing() -> None:
    loaded = _modules_after("import retrieval")
    assert not loaded & {"numpy", "sqlalchemy", "faiss", "torch", "onnxruntime", "av"}


def test_the_library_waits_with_what_is_heavy() -> None:
    loaded = _modules_after("from retrieval import Library")
    assert "sqlalchemy" in loaded
    assert not loaded & {"faiss", "torch", "onnxruntime", "av", "PIL", "gradio", "sentence_transformers", "alembic"}
