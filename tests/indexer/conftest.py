"""Runs without decoders and models: a file's bytes stand for what is in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3

from indexer import run
from indexer.job import Job
from indexer.meter import Meter
from indexer.report import IndexReport
from retrieval.experts.expert import Rows
from retrieval.store.catalog import Catalog
from retrieval.store.results import FailureRecord, MediaRecord, SegmentRecord
from retrieval.types import FeatureTrack, Float32Array, MediaFacts, MediaKind

DIM = 4


class PlainSpace:
    """A space whose vectors nobody computes."""

    name, dim, normalized, needs, languages, fits_from = "starter", DIM, True, ("appearance",), ("en",), 0.5
    version = "v1"

    def embed_segments(self, rows: Rows) -> Float32Array:
        return rows["appearance"][:, : self.dim]


class PlainWork:
    """In the place of `indexer.work.Work`. Bytes that begin with ``bad`` fail for good, with ``later`` for the moment;
    ``before_reading`` may do to a file what happens to files."""

    decoded: list[bytes]
    keeps_tracks = False
    """As the real one does, so that the real one knows its work as whole."""
    before_reading: Callable[[bytes], None] | None

    def __init__(self, job: Job, _appearance: object, report: IndexReport, meter: Meter) -> None:
        self._job, self._report, self._meter = job, report, meter

    def run(self, file_ids: Sequence[int]) -> None:
        for start in range(0, len(file_ids), 500):
            self._take([*self._job.intake.files(file_ids[start : start + 500])])
        self._meter.finish(len(file_ids))
        self._meter.tell(now=True)

    def _take(self, files: Sequence[object]) -> None:
        records: list[MediaRecord] = []
        failures: list[FailureRecord] = []
        for file in files:
            outcome = self._outcome(file.id, file.path)  # type: ignore[attr-defined]
            (records if isinstance(outcome, MediaRecord) else failures).append(outcome)  # type: ignore[arg-type]
        self._job.intake.write(self._job.space_row, records, failures)
        self._report.failed += len(failures)

    def _outcome(self, file_id: int, path: bytes) -> MediaRecord | FailureRecord:
        if self.before_reading is not None:
            self.before_reading(path)
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError as error:
            return FailureRecord(file_id, "identify", str(error.strerror), False, self._job.tried_with)
        if not content or content.startswith((b"bad", b"later")):
            permanent = not content.startswith(b"later")
            return FailureRecord(file_id, "decode", "it is damaged", permanent, self._job.tried_with)
        self.decoded.append(path)
        self._report.indexed += 1
        digest = blake3(content).digest()
        vector = np.frombuffer(digest[:DIM], np.uint8).astype(np.float32)[None] + 1
        facts = MediaFacts(MediaKind.PICTURE)
        track = FeatureTrack(np.zeros((1, 2), np.float32), vector.astype(np.float16))
        tracks = {self._job.expert: track} if self.keeps_tracks else {}
        return MediaRecord(file_id, digest, facts, [SegmentRecord()], vector / np.linalg.norm(vector), tracks)


@pytest.fixture
def plain_work(monkeypatch: pytest.MonkeyPatch) -> type[PlainWork]:
    """Runs need no decoder and no model from here on."""
    PlainWork.decoded, PlainWork.before_reading = [], None
    monkeypatch.setattr(run, "get_space", lambda _name: PlainSpace())
    monkeypatch.setattr(run, "Work", PlainWork)
    return PlainWork


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


def write(path: Path | bytes, content: bytes | None = None) -> None:
    """A file, in folders that are made; by default its path is its content."""
    raw = os.fsencode(path)
    os.makedirs(os.path.dirname(raw), exist_ok=True)
    with open(raw, "wb") as file:
        file.write(raw if content is None else content)


@pytest.fixture
def write_file() -> Callable[..., None]:
    return write


@pytest.fixture(scope="session")
def empty_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once: that takes most of a second."""
    folder = tmp_path_factory.mktemp("empty") / "library"
    Catalog(folder, create=True).close()
    return folder
