"""Killed at any instant, a run loses nothing that it had committed, and the next one ends as if nothing had been."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from sqlalchemy import select

from indexer import index
from retrieval.spaces.registry import get_space
from retrieval.store.catalog import Catalog
from retrieval.store.database import CATALOG_NAME
from retrieval.store.faiss_index import open_index
from retrieval.store.schema import Asset, Embedding, Failure, File, Segment, Segmentation, Space

ROOT = Path(__file__).parents[2]
Key = tuple[bytes, int, str]


class DrawPictures(Protocol):
    """The fixture that draws so many pictures into a folder."""

    def __call__(self, folder: Path, *, count: int, first: int = 1000) -> None: ...


def _contents(library: Path) -> tuple[dict[Key, np.ndarray], set[tuple[str, str]]]:
    """Vectors by (content, position, space), each once; and (file, reason) of every failure."""
    keys = select(Asset.content_hash, Segment.position, Space.version, Embedding.vector).select_from(Embedding)
    keys = keys.join(Segment, Segment.id == Embedding.segment_id).join(
        Segmentation, Segmentation.id == Segment.segmentation_id
    )
    keys = keys.join(Asset, Asset.id == Segmentation.asset_id).join(Space, Space.id == Embedding.space_id)
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        rows = connection.execute(keys).all()
        failures = connection.execute(select(File.display, Failure.reason).join(Failure)).all()
    vectors = {(row[0], row[1], row[2]): np.frombuffer(row[3], dtype="<f2").astype(np.float32) for row in rows}
    assert len(vectors) == len(rows), "a vector was kept twice"
    assert len(set(failures)) == len(failures)
    return vectors, {(row[0], row[1]) for row in failures}


def _vary(folder: Path, count: int) -> None:
    """Add copies that differ in content, by a number behind the picture's end."""
    there = sorted(folder.iterdir())
    for number in range(len(there), len(there) + count):
        content = there[number % len(there)].read_bytes() + number.to_bytes(8, "big")
        (folder / f"varied {number}.jpg").write_bytes(content)


def _kill_after(seconds: float, library: Path, *trees: Path, once_it_commits: bool = False) -> bool:
    """Run the index command and kill it, and nothing else, after so long. False if it was done before.

    With ``once_it_commits`` the time counts from its first commit: two seconds pass before that.
    """
    command = [sys.executable, "-m", "ui.command_line", "--library", str(library), "index", *map(str, trees)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = _count_vectors(library / CATALOG_NAME)
    while once_it_commits and process.poll() is None and _count_vectors(library / CATALOG_NAME) == before:
        time.sleep(0.02)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def _assert_faiss_equals_brute_force(library: Path) -> None:
    space = get_space("starter")
    with Catalog(library) as catalog:
        row = catalog.space(space.name, space.version, space.dim, normalized=space.normalized)
        with catalog.engine.connect() as connection:
            pairs = connection.execute(
                select(Embedding.vector_id, Embedding.vector).where(Embedding.space_id == row.id)
            ).all()
        ids = np.array([vector_id for vector_id, _ in pairs])
        vectors = np.stack([np.frombuffer(vector, dtype="<f2") for _, vector in pairs]).astype(np.float32)
        queries = np.random.default_rng(0).normal(size=(20, space.dim)).astype(np.float32)
        scores, found = open_index(catalog, row).search(queries, 5)
    products = queries @ vectors.T
    # Pictures that are alike have one score: which of them stands last is not defined.
    np.testing.assert_allclose(scores, -np.sort(-products, axis=1)[:, :5], atol=1e-4)
    places = {vector_id: place for place, vector_id in enumerate(ids.tolist())}
    own = np.array(
        [[products[row, places[vector_id]] for vector_id in line] for row, line in enumerate(found.tolist())]
    )
    np.testing.assert_allclose(scores, own, atol=1e-4)
    assert all(len(set(line)) == 5 for line in found.tolist())


@pytest.mark.parametrize(
    "kills",
    [pytest.param(3, id="three-kills"), pytest.param(20, id="twenty-kills", marks=pytest.mark.long)],
)
def test_kills_at_random_moments_change_nothing(
    tree: Path, tmp_path: Path, draw_pictures: DrawPictures, kills: int
) -> None:
    undisturbed, disturbed, more = tmp_path / "undisturbed", tmp_path / "disturbed", tmp_path / "more"
    more.mkdir()
    moments = random.Random(20)
    kept = set()
    for number in range(kills):
        draw_pictures(more / str(number), count=100, first=1000 + 100 * number)
        late = number % 3 > 0  # while it starts and scans; or while it commits, and saves the index
        while not _kill_after(
            moments.uniform(0, 0.8) if late else moments.uniform(0.3, 1.5), disturbed, tree, more, once_it_commits=late
        ):
            _vary(more / str(number), 100)  # it was done before: give it more to do
        kept.add(_count_vectors(disturbed / CATALOG_NAME))
    assert len(kept) > kills // 3, "hardly a kill met a run that had committed"
    index([tree, more], undisturbed)
    index([tree, more], disturbed)
    expected, expected_failures = _contents(undisturbed)
    found, found_failures = _contents(disturbed)
    assert found.keys() == expected.keys()
    assert found_failures == expected_failures
    for key, vector in expected.items():
        assert float(vector @ found[key]) / float(np.linalg.norm(vector) * np.linalg.norm(found[key])) > 0.9999
    _assert_faiss_equals_brute_force(disturbed)


def test_workers_die_with_a_killed_run(tree: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ui.command_line", "--library", str(tmp_path / "library"), "index", str(tree)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children: set[int] = set()
    deadline = time.monotonic() + 30
    while not children and time.monotonic() < deadline and process.poll() is None:
        children = {int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()}
        for thread in Path(f"/proc/{process.pid}/task").iterdir():
            children |= {int(pid) for pid in (thread / "children").read_text().split()}
        time.sleep(0.02)
    assert children
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]


def test_two_runs_at_once_one_is_told_to_wait(tree: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    command = [sys.executable, "-m", "ui.command_line", "--library", str(library), "index", str(tree)]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_for_a_commit(library, first)
    first.send_signal(signal.SIGSTOP)  # in the middle, however quick the machine is
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=120)
    assert (first.returncode, second.returncode) == (0, 1)
    assert "another vidi is writing" in second.stderr
    assert "Traceback" not in second.stderr


def _wait_for_a_commit(library: Path, process: subprocess.Popen[str]) -> None:
    """Until the run has committed something: how long that takes depends on the machine."""
    deadline = time.monotonic() + 120
    while not _count_vectors(library / CATALOG_NAME):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)


def _count_vectors(catalog: Path) -> int:
    if not catalog.exists():
        return 0
    with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM embedding").fetchone()[0])
        except sqlite3.OperationalError:  # its tables are being made
            return 0


def test_ctrl_c_keeps_what_is_done_and_the_next_run_continues(
    tree: Path, tmp_path: Path, draw_pictures: DrawPictures
) -> None:
    library, more = tmp_path / "library", tmp_path / "more"
    draw_pictures(more, count=30)
    _vary(more, 870)
    command = [sys.executable, "-m", "ui.command_line", "--library", str(library), "index", str(tree), str(more)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_for_a_commit(library, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to continue" in errors
    assert 0 < len({content for content, _, _ in _contents(library)[0]}) < 911
    index([tree, more], library)
    vectors, failures = _contents(library)
    assert len({content for content, _, _ in vectors}) == 911
    assert len(failures) == 4
