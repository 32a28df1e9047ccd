"""A run on real media: what is new, copied, moved, re-embedded, failed for good or for the moment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pillow_heif
import pytest
from PIL import Image
from sqlalchemy import func, select, update

from indexer import IndexReport, Progress, index, run
from indexer.batch import Batch, Committed
from retrieval.errors import LibraryError, TransientMediaError
from retrieval.experts.appearance import LOGITS_ROWS, Appearance
from retrieval.experts.expert import Rows
from retrieval.media.tasks import DecodedFrame, Failed, Finished
from retrieval.media.worker import MediaWorkers
from retrieval.store import tracks
from retrieval.store.catalog import Catalog
from retrieval.store.schema import Asset, Embedding, Failure, File, Result, Segment, Segmentation, Space, Track
from retrieval.types import Float32Array


class SliceSpace:
    """A space whose vector is the first few features."""

    name, dim, normalized, needs, languages, fits_from = "starter", 6, False, ("appearance",), ("en",), 0.5

    def __init__(self, version: str = "v1") -> None:
        self.version = version

    def embed_segments(self, rows: Rows) -> Float32Array:
        assert rows[LOGITS_ROWS].shape == (len(rows["appearance"]), 1000)
        return rows["appearance"][:, : self.dim]


Index = Callable[..., IndexReport]


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    for seed in range(4):
        generator = np.random.default_rng(seed)
        pixels = generator.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC).save(folder / f"{seed}.jpg")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def run_index(media: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    def run_it(*, version: str = "v1", **options: object) -> IndexReport:
        monkeypatch.setattr(run, "get_space", lambda _name: SliceSpace(version))
        return index([media], library, **options)  # type: ignore[arg-type]

    return run_it


def _count(library: Path, table: type) -> int:
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_copies_are_decoded_once_even_in_one_run(run_index: Index, media: Path, library: Path) -> None:
    shutil.copy(media / "0.jpg", media / "copy.jpg")
    report = run_index()
    assert (report.new, report.indexed, report.copied, report.failed) == (5, 4, 1, 0)
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        waiting = select(func.count()).where(File.needs_reading | File.asset_id.is_(None))
        assert connection.scalar(waiting) == 0
    assert (_count(library, Asset), _count(library, Embedding), _count(library, File)) == (4, 4, 5)


def test_a_moved_file_is_not_embedded_again(run_index: Index, media: Path, library: Path) -> None:
    run_index()
    (media / "0.jpg").rename(media / "renamed.jpg")
    report = run_index()
    assert (report.new, report.indexed, report.copied, report.moved, report.missing) == (0, 0, 0, 1, 0)
    assert _count(library, Embedding) == 4


def test_a_changed_file_is_embedded_again(run_index: Index, media: Path, library: Path) -> None:
    run_index()
    shutil.copy(media / "1.jpg", media / "other.png")
    Image.new("RGB", (90, 60), "green").save(media / "0.jpg")
    report = run_index()
    assert (report.changed, report.indexed) == (1, 1)


def test_a_new_version_of_the_space_is_embedded_without_decoding(
    run_index: Index, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_index()
    monkeypatch.setattr(Appearance, "encode", None)  # nothing is decoded, so nothing is encoded
    report = run_index(version="v2")
    assert (report.indexed, report.embedded, report.failed) == (0, 4, 0)
    assert (_count(library, Space), _count(library, Result), _count(library, Embedding)) == (2, 8, 8)
    assert _count(library, Track) == 8
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        vectors = connection.execute(select(Embedding.segment_id, Embedding.vector)).all()
    by_segment: dict[int, list[Float32Array]] = {}
    for segment_id, vector in vectors:
        by_segment.setdefault(segment_id, []).append(np.frombuffer(vector, "<f2").astype(np.float32))
    assert all(np.allclose(first, second, atol=2e-3) for first, second in by_segment.values())


def test_rehash_reads_everything_and_changes_nothing(run_index: Index, library: Path) -> None:
    run_index()
    report = run_index(rehash=True)
    assert (report.unchanged, report.indexed, report.copied, report.failed) == (4, 0, 0, 0)
    assert _count(library, Embedding) == 4


def test_a_failure_for_good_is_left_alone_until_asked(run_index: Index, media: Path) -> None:
    (media / "broken.jpg").write_bytes(b"\xff\xd8 broken")
    shutil.copy(media / "broken.jpg", media / "broken copy.jpg")
    assert run_index().failed == 2
    again = run_index()
    assert (again.failed, again.still_failed) == (0, 2)
    retried = run_index(retry_failed=True)
    assert (retried.failed, retried.still_failed) == (2, 0)


def test_a_failure_of_the_moment_is_tried_again(
    run_index: Index, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = MediaWorkers.map

    def fail_one(self: MediaWorkers, tasks: object) -> object:
        for outcome in real(self, tasks):  # type: ignore[arg-type]
            yield Failed(outcome.key, TransientMediaError("the disk was away")) if outcome.key == 1 else outcome

    monkeypatch.setattr(MediaWorkers, "map", fail_one)
    assert run_index().failed == 1
    monkeypatch.undo()
    report = run_index()
    assert (report.indexed, report.failed) == (1, 0)
    assert _count(library, Failure) == 0


def test_a_twin_is_decoded_when_the_first_could_not_be(
    run_index: Index, media: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 4):
        (media / f"{number}.jpg").unlink()
    for name in ("twin.jpg", "zwilling.jpg"):
        shutil.copy(media / "0.jpg", media / name)
    real, decoded = MediaWorkers.map, []

    def fail_first(self: MediaWorkers, tasks: object) -> object:
        for outcome in real(self, tasks):  # type: ignore[arg-type]
            if isinstance(outcome, DecodedFrame) and not decoded:
                decoded.append(outcome.key)
            elif isinstance(outcome, Finished) and outcome.key == decoded[0]:
                yield Failed(outcome.key, TransientMediaError("the file vanished"))
            else:
                yield outcome

    monkeypatch.setattr(MediaWorkers, "map", fail_first)
    report = run_index()
    assert (report.indexed, report.copied, report.failed) == (1, 1, 1)
    assert _count(library, Asset) == 1


def test_a_touched_file_is_read_again_and_is_no_copy(run_index: Index, media: Path, library: Path) -> None:
    run_index()
    os.utime(media / "0.jpg", ns=(1, 1))
    report = run_index()
    assert (report.changed, report.indexed, report.copied) == (1, 0, 0)
    assert run_index().unchanged == 4


def test_a_damaged_track_file_is_mended_by_decoding(
    run_index: Index, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracks, "PACKED_BYTES_MOST", 0)
    run_index()
    broken = sorted((library / "tracks").glob("*/*-appearance-*.safetensors"))[0]
    broken.write_bytes(broken.read_bytes()[:50])
    report = run_index(version="v2")
    assert (report.embedded, report.indexed, report.failed) == (3, 1, 0)
    assert any("decoded again" in notice for notice in report.notices)


def _flip_a_bit(path: Path) -> None:
    """In the last number but one, where it makes another number of the same size."""
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)


def test_a_flipped_bit_in_a_track_file_never_becomes_a_vector(
    run_index: Index, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracks, "PACKED_BYTES_MOST", 0)
    run_index()
    _flip_a_bit(sorted((library / "tracks").glob("*/*-appearance-*.safetensors"))[0])
    report = run_index(version="v2")
    assert (report.embedded, report.indexed, report.failed) == (3, 1, 0)
    (notice,) = report.notices
    assert "not those that were written" in notice


@pytest.mark.parametrize("expert", ["appearance", "imagenet_classes"])
def test_reading_everything_again_mends_a_flipped_bit_and_keeps_vectors(
    run_index: Index, library: Path, monkeypatch: pytest.MonkeyPatch, expert: str
) -> None:
    monkeypatch.setattr(tracks, "PACKED_BYTES_MOST", 0)
    run_index()
    before = {path: path.read_bytes() for path in (library / "tracks").rglob("*.safetensors")}
    _flip_a_bit(sorted((library / "tracks").glob(f"*/*-{expert}-*.safetensors"))[0])
    report = run_index(rehash=True)
    assert (report.indexed, report.failed, len(report.notices), report.accounts.indexed) == (1, 0, 1, 4)
    assert {path: path.read_bytes() for path in (library / "tracks").rglob("*.safetensors")} == before
    assert (_count(library, Embedding), _count(library, Track)) == (4, 8)
    assert (run_index(rehash=True).indexed, run_index().has_news) == (0, False)


def _film(path: Path, grey: int) -> None:
    with av.open(str(path), "w") as target:
        stream = target.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            pixels = np.full((48, 64, 3), 100 * grey + 10 * number, np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        target.mux(stream.encode())


def test_a_track_file_that_is_gone_is_made_again_by_the_next_run(
    run_index: Index, media: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        _film(media / f"{number}.mp4", number)
    monkeypatch.setattr(tracks, "PACKED_BYTES_MOST", 0)
    run_index()
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        films = select(Track.path).join(Asset).where(Asset.kind == "video", Track.expert == "appearance")
        first, second = (library / str(path) for path in connection.scalars(films))
    before = _count(library, Embedding), _count(library, Track)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-100])
    report = run_index()
    assert (report.indexed, report.failed, len(report.notices)) == (2, 0, 2)
    assert first.exists()
    assert (_count(library, Embedding), _count(library, Track)) == before
    assert not run_index().has_news


def test_a_flipped_bit_in_a_row_that_makes_no_number_is_mended(run_index: Index, library: Path) -> None:
    run_index()
    with Catalog(library) as catalog, catalog.engine.begin() as connection:
        row = connection.execute(select(Track.id, Track.features).where(Track.expert == "appearance")).first()
        assert row is not None
        spoilt = np.frombuffer(row.features, "<f2").copy()
        spoilt[3] = np.nan
        connection.execute(update(Track).where(Track.id == row.id).values(features=spoilt.tobytes()))
    report = run_index(version="v2")
    assert (report.embedded, report.indexed, report.failed) == (3, 1, 0)
    assert "not finite" in report.notices[0]


def test_the_library_is_never_indexed_by_whatever_name(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "get_space", lambda _name: SliceSpace())
    (tmp_path / "link").symlink_to(media)
    inside = media / "library" / "thumbnails"
    inside.mkdir(parents=True)
    shutil.copy(media / "0.jpg", inside / "t.jpg")
    with Catalog(tmp_path / "other", create=True):
        for item in (tmp_path / "other").iterdir():
            shutil.move(item, media / "library" / item.name)
    report = index([tmp_path / "link"], tmp_path / "link" / "library")
    assert report.new == 4


def test_progress_ends_at_the_total_and_rates_are_told(run_index: Index) -> None:
    states: list[Progress] = []
    report = run_index(progress=states.append)
    assert (states[-1].done, states[-1].total, states[-1].pictures) == (4, 4, 4)
    assert report.to_json()["pictures_per_second"] == pytest.approx(4 / report.elapsed_seconds, rel=0.05)


def test_an_interrupt_keeps_what_is_finished(run_index: Index, library: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done == 0 and not raised:
            raised.append(True)
            raise KeyboardInterrupt

    raised: list[bool] = []
    assert run_index(progress=interrupt).interrupted
    report = run_index()
    assert not report.interrupted
    assert _count(library, Result) == 4


def test_searching_sees_what_is_committed_while_a_run_goes_on(
    run_index: Index, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = Batch.commit

    def commit(self: Batch) -> Committed:
        done = real(self)
        seen.append(_count(library, Embedding))  # another connection, as another process would have
        return done

    monkeypatch.setattr(Batch, "commit", commit)
    run_index()
    assert seen[-1] == 4


def test_no_path_that_exists_is_a_plain_line(library: Path, tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="there is no file or folder to index"):
        index([tmp_path / "nowhere"], library)
    assert not library.exists()


def test_one_root_of_two_that_is_away_is_a_notice(run_index: Index, media: Path, library: Path) -> None:
    run_index()
    report = index([media, media.parent / "away"], library)
    assert any("away" in notice for notice in report.notices)
    assert report.unchanged == 4


def test_names_of_any_bytes_are_indexed(run_index: Index, media: Path, library: Path) -> None:
    for name in (b"new\nline.jpg", b"latin-\xe9.jpg"):
        shutil.copy(media / "0.jpg", os.fsencode(media) + b"/" + name)
    report = run_index()
    assert (report.new, report.indexed, report.copied, report.failed) == (6, 4, 2, 0)


def test_what_failed_for_want_of_a_decoder_is_tried_again_once_it_is_there(
    run_index: Index, media: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pillow_heif.register_heif_opener()
    Image.new("RGB", (90, 60), "green").save(media / "phone.heic", "HEIF")
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "pillow_heif.py").write_text("raise ImportError('not installed')\n")
    with monkeypatch.context() as without:
        without.syspath_prepend(tmp_path / "hidden")
        real = run.version
        without.setattr(run, "version", lambda name: real("no-such-package" if name == "pillow-heif" else name))
        assert run_index().failed == 1
        again = run_index()
        assert (again.failed, again.still_failed) == (0, 1)  # not tried in vain at each run
        with Catalog(library) as catalog, catalog.engine.connect() as connection:
            reason, tried_with = connection.execute(select(Failure.reason, Failure.tried_with)).one()
        assert "pip install 'vidi[heif]'" in reason
        assert "pillow-heif absent" in tried_with
    found = run_index()
    assert (found.indexed, found.failed, found.still_failed) == (1, 0, 0)
    assert _count(library, Failure) == 0


def test_a_picture_that_moves_is_a_video_with_its_moments(run_index: Index, media: Path, library: Path) -> None:
    colours = [(220, 30, 30), (30, 60, 220), (240, 240, 240)]
    frames = [Image.new("RGB", (96, 64), colour) for colour in colours]
    frames[0].save(media / "moving.gif", save_all=True, append_images=frames[1:], duration=2000)
    frames[0].save(media / "still.gif")
    report = run_index()
    assert (report.indexed, report.pictures, report.videos, report.failed) == (6, 5, 1, 0)
    assert report.video_seconds == pytest.approx(6.0)
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        facts = select(Asset.id, Asset.duration_seconds, Asset.codec).where(Asset.kind == "video")
        asset_id, *told = connection.execute(facts).one()
        spans = (
            select(Segment.start_seconds, Segment.end_seconds)
            .join(Segmentation, Segment.segmentation_id == Segmentation.id)
            .where(Segmentation.asset_id == asset_id, Segmentation.method == "frames")
            .order_by(Segment.position)
        )
        assert connection.execute(spans).all() == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]
        kind = connection.scalar(select(File.kind).where(File.asset_id == asset_id))
    assert told == [6.0, "gif"]
    assert kind == "picture"  # what its name promises
    assert run_index().indexed == 0


def test_a_damaged_picture_that_moves_is_used_and_told_of(run_index: Index, media: Path) -> None:
    generator = np.random.default_rng(5)
    frames = [Image.fromarray(generator.integers(0, 255, (64, 96, 3), dtype=np.uint8)) for _ in range(4)]
    frames[0].save(media / "moving.gif", save_all=True, append_images=frames[1:], duration=2000)
    content = (media / "moving.gif").read_bytes()
    (media / "moving.gif").write_bytes(content[: len(content) * 4 // 5])
    report = run_index()
    assert (report.videos, report.failed) == (1, 0)
    assert any("moving.gif: damaged or cut short after 6.0 s" in notice for notice in report.notices)


def _deep(folder: Path, length: int) -> bytes:
    """Make folders within ``folder`` until a file in the last has a path of ``length`` bytes; that path."""
    path, deepest = os.fsencode(folder), os.open(folder, os.O_RDONLY)
    while (left := length - len(path) - len(b"/x.jpg")) > 1:
        name = b"d" * min(200, left - 1 if left <= 201 else 200)
        os.mkdir(name, dir_fd=deepest)
        below = os.open(name, os.O_RDONLY, dir_fd=deepest)
        os.close(deepest)
        path, deepest = path + b"/" + name, below
    file = os.open(b"x.jpg", os.O_WRONLY | os.O_CREAT, dir_fd=deepest)
    with os.fdopen(file, "wb") as target:
        Image.new("RGB", (60, 60 + length % 97), "orange").save(target, "JPEG")
    os.close(deepest)
    return path + b"/x.jpg"


def test_a_path_of_four_thousand_bytes_is_indexed(run_index: Index, media: Path, library: Path) -> None:
    path = _deep(media, 4000)
    assert len(path) in (3999, 4000)
    report = run_index()
    assert (report.indexed, report.failed, report.notices) == (5, 0, [])
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        assert connection.scalar(select(File.asset_id).where(File.path == path)) is not None


def test_a_path_beyond_what_the_system_opens_is_told_and_the_rest_goes_on(run_index: Index, media: Path) -> None:
    path = _deep(media, 6000)
    with pytest.raises(OSError, match="File name too long"):
        os.stat(path)
    report = run_index()
    assert (report.indexed, report.failed) == (4, 0)
    (notice,) = report.notices
    assert "can't be listed (File name too long)" in notice or "can't be read (File name too long)" in notice
    assert run_index().missing == 0
