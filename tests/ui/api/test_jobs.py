"""Index jobs: allowed, followed, stopped, one at a time; and what befalls a job befalls it alone."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import TypeAdapter
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from retrieval.client.answers import Job, JobEvent
from retrieval.errors import AccessError, LibraryBusyError, QueryError, UsageError
from retrieval.store.catalog import Catalog
from retrieval.store.census import indexed_roots, take_census
from retrieval.store.intake import Intake
from retrieval.store.schema import Failure
from tests.ui.api.conftest import Ask, detail_of
from tests.ui.page.conftest import Collection
from ui.api.services import Services
from ui.index_jobs import Event, IndexJob, IndexJobs, JobState, _NewFailures
from ui.trust.roots import AllowedRoots

PATIENCE_SECONDS = 120


def wait(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def events_of(text: str) -> list[JobEvent]:
    """Server-sent events, by the letter."""
    blocks = [block.split("\n") for block in text.split("\n\n") if block and not block.startswith(":")]
    named = [dict(line.split(": ", 1) for line in block) for block in blocks]
    return [JobEvent(id=int(each["id"]), event=each["event"], data=json.loads(each["data"])) for each in named]


def test_a_job_is_started_followed_and_stopped(ask: Ask, collection: Collection) -> None:
    started = ask("/jobs", "POST", json={"paths": [str(collection.media)]})
    assert (started.status_code, started.headers["location"]) == (201, "/api/v1/jobs/1")
    job = TypeAdapter(Job).validate_python(started.json())
    assert (job.state, job.paths) == ("running", [str(collection.media)])
    wait(lambda: ask("/jobs/1").json()["notices"] == ["waiting"])
    again = detail_of(ask("/jobs", "POST", json={"paths": [str(collection.media)]}), 409)
    assert again == "an index job is running; wait until it is done, or stop it"
    assert ask("/jobs/1/stop", "POST").status_code == 202
    events = events_of(ask("/jobs/1/events").text)
    assert [(event.id, event.event) for event in events] == [(1, "notice"), (2, "done")]
    assert events[-1].data == ask("/jobs/1").json()
    assert (events[-1].data["state"], events[-1].data["error"]) == ("stopped", None)
    assert [job["id"] for job in ask("/jobs").json()] == [1]
    assert set(ask("/jobs/1").json()) == {field.name for field in fields(Job)}


# ---------------------------------------------------------------------------------------------- what failed, once more

TOLD = """
import json, sys
asked = json.loads(sys.stdin.readline())
print(json.dumps({"event": "report", "data": {"interrupted": False, "paths": asked["paths"]}}), flush=True)
"""
"""An index run that tells what it was asked for."""


def retried(catalog: Catalog, roots: list[bytes], allowed: list[Path]) -> dict[str, Any]:
    """The job of a retry that names no paths, where ``roots`` are indexed and ``allowed`` may be."""
    Intake(catalog, ("frames", "1")).add_roots(roots)
    jobs = IndexJobs(catalog, AllowedRoots(allowed), command=(sys.executable, "-c", TOLD))
    job = jobs.start([], retry_failed=True)
    wait(lambda: job.state.is_over)
    return job.snapshot()


@pytest.fixture
def own_catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "library", create=True) as catalog:
        yield catalog


def test_without_paths_what_failed_is_tried_again_below_all_roots(own_catalog: Catalog, tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    told = retried(own_catalog, [bytes(a), bytes(b), bytes(a / "once tried again.jpg")], [tmp_path])
    assert (told["paths"], told["retry_failed"], told["notices"]) == ([], True, [])
    assert told["report"]["paths"] == [str(a), str(b)]


def test_roots_that_are_not_allowed_keep_none_of_the_others_waiting(own_catalog: Catalog, tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    odd = bytes(tmp_path) + b"/new/\xff"
    told = retried(own_catalog, [bytes(old), bytes(old / "x"), bytes(new), odd], [new])
    assert told["report"]["paths"] == [str(new)]
    assert [line.partition(";")[0] for line in told["notices"]] == [f"{old} may not be indexed from here"]


def test_where_no_root_is_allowed_nothing_is_begun(own_catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="old may not be indexed from here"):
        retried(own_catalog, [bytes(tmp_path / "old")], [tmp_path / "new"])
    empty = IndexJobs(own_catalog, AllowedRoots([tmp_path]))
    with pytest.raises(UsageError, match="there is no path to index"):
        empty.start([])


def test_a_path_that_is_no_text(ask: Ask) -> None:
    sent = rb'{"paths": ["/home/\ud800"]}'
    said = detail_of(ask("/jobs", "POST", content=sent, headers={"Content-Type": "application/json"}), 400)
    assert said.startswith(r"'/home/\ud800' is no text")


def test_events_begin_after_the_last_one_that_was_heard(ask: Ask, collection: Collection) -> None:
    ask("/jobs", "POST", json={"paths": [str(collection.media)]})
    ask("/jobs/1/stop", "POST")
    whole = events_of(ask("/jobs/1/events").text)
    later = events_of(ask("/jobs/1/events", headers={"Last-Event-ID": "1"}).text)
    assert later == whole[1:]
    assert ask("/jobs/1/events", headers={"Last-Event-ID": "99"}).text == ""
    assert events_of(ask("/jobs/1/events", headers={"Last-Event-ID": "x"}).text) == whole
    assert events_of(ask("/jobs/1/events", headers={"Last-Event-ID": "9" * 5000}).text) == whole


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"paths": ["/etc"]}, 403, "/etc may not be indexed from here"),
        ({"paths": ["pictures"]}, 400, "'pictures' is no absolute path"),
        ({"paths": ["{media}/Hollidays"]}, 400, "there is no /"),
        ({"paths": []}, 400, "there is no path to index; give that of a folder, such as"),
        ({}, 400, "there is no path to index"),
        ({"paths": ["/a"] * 101}, 422, "paths: List should have at most 100 items"),
        ({"paths": [7]}, 422, "paths.0: Input should be a valid string"),
        ({"paths": ["{media}"], "space": "open_clip/x//etc/passwd"}, 400, "can't index into 'open_clip/x//etc/passwd'"),
    ],
)
def test_jobs_that_cant_be(ask: Ask, collection: Collection, sent: dict[str, object], status: int, said: str) -> None:
    filled = json.loads(json.dumps(sent).replace("{media}", str(collection.media)))
    assert detail_of(ask("/jobs", "POST", json=filled), status).startswith(said)
    assert ask("/jobs").json() == []


def test_jobs_that_are_not_there(ask: Ask) -> None:
    for path, method in (("/jobs/7", "GET"), ("/jobs/7/events", "GET"), ("/jobs/7/stop", "POST")):
        assert detail_of(ask(path, method), 404).startswith("there is no index job 7; `GET /api/v1/jobs` lists")


# ------------------------------------------------------------------------------------- processes that behave badly


def run_script(services: Services, collection: Collection, script: str) -> IndexJob:
    jobs = IndexJobs(services.catalog, AllowedRoots([collection.media]), command=(sys.executable, "-c", script))
    job = jobs.start([str(collection.media)])
    wait(lambda: job.state.is_over)
    return job


@pytest.mark.parametrize(
    "script",
    ["import os; os._exit(3)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit(1)"],
)
def test_a_process_that_dies_is_a_job_that_failed(services: Services, collection: Collection, script: str) -> None:
    told = run_script(services, collection, script).snapshot()
    assert (told["state"], told["error"]) == (
        "failed",
        "the index run ended before it was done; what was finished is kept, run it again",
    )


def test_an_error_is_told_in_its_own_words(services: Services, collection: Collection) -> None:
    script = """print('{"event": "error", "data": {"detail": "the disk is full"}}')"""
    told = run_script(services, collection, script).snapshot()
    assert (told["state"], told["error"]) == ("failed", "the disk is full")


def test_lines_that_mean_nothing_are_passed_over(services: Services, collection: Collection) -> None:
    script = """print("hello"); print('{"event": "report", "data": {"interrupted": false}}')"""
    assert run_script(services, collection, script).state is JobState.FINISHED


@pytest.mark.parametrize(
    "script",
    [
        "print(5)",
        "print([])",
        """print('{"event": "notice"}')""",
        """print('{"event": "notice", "data": 5}')""",
        """print('{"event": "notice", "data": {}}')""",
        """print('{"event": [], "data": null}')""",
        """print('{"event": "report", "data": {}}')""",
        "import sys; sys.stdout.buffer.write(bytes([255, 10]))",
    ],
)
def test_news_in_no_form_that_is_known_dont_keep_a_job_from_its_end(
    services: Services, collection: Collection, script: str
) -> None:
    assert run_script(services, collection, script).state is JobState.FINISHED


def test_a_catalog_that_cant_be_read_doesnt_keep_a_job_from_its_end(
    services: Services, collection: Collection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr("ui.index_jobs.failures_since", fail)
    script = """print('{"event": "report", "data": {"interrupted": false}}')"""
    assert run_script(services, collection, script).state is JobState.FINISHED
    assert "news of index job 1 can't be used: OperationalError" in caplog.text


def test_of_very_many_failures_each_is_told_once(own_services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that failed in the second that was looked at already."""
    monkeypatch.setattr("ui.index_jobs._READ_AT_ONCE", 1)
    told: list[str] = []

    class Heard:
        started_at = datetime(2024, 5, 1, tzinfo=UTC)

        def fail_file(self, failure: dict[str, Any]) -> None:
            told.append(failure["reason"])

    def fail(*files: int, second: int) -> None:
        at = datetime(2024, 5, 1, 0, 0, second)
        values = {"stage": "decode", "permanent": True, "tried_with": "x", "failed_at": at}
        with own_services.catalog.engine.begin() as connection:
            connection.execute(insert(Failure), [{"file_id": file, "reason": str(file), **values} for file in files])

    news = _NewFailures(own_services.catalog, Heard())  # type: ignore[arg-type]
    fail(3, 4, second=1)
    news.look(now=True)
    fail(1, 2, second=1)
    news.look(now=True)
    fail(5, second=2)
    news.look(now=True)
    news.look(now=True)
    assert told == ["3", "4", "1", "2", "5"]


def test_a_process_that_doesnt_stop_is_ended(
    services: Services, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.index_jobs._END_SECONDS", 0.2)
    script = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"event": "notice", "data": {"line": "ready"}}', flush=True)
time.sleep(600)
"""
    jobs = IndexJobs(services.catalog, AllowedRoots([collection.media]), command=(sys.executable, "-c", script))
    job = jobs.start([str(collection.media)])
    wait(lambda: job.snapshot()["notices"] == ["ready"])
    job.stop()
    wait(lambda: job.state.is_over)
    assert (job.state, job.process.poll()) == (JobState.STOPPED, -signal.SIGKILL)


def test_very_many_events_are_bounded(services: Services, collection: Collection) -> None:
    script = """
for number in range(3000):
    print('{"event": "notice", "data": {"line": "%d"}}' % number)
"""
    job = run_script(services, collection, script)
    events: list[Event] = job.events_after(0)
    assert len(events) == 1000
    assert [events[-1].event, events[-1].id] == ["done", 3001]
    assert len(job.snapshot()["notices"]) == 100


def test_the_last_jobs_alone_are_remembered(services: Services, collection: Collection) -> None:
    jobs = IndexJobs(services.catalog, AllowedRoots([collection.media]), command=(sys.executable, "-c", ""))
    for _ in range(22):
        job = jobs.start([str(collection.media)])
        wait(lambda job=job: job.state.is_over)  # type: ignore[misc]
    assert [job.id for job in jobs.all()] == list(range(22, 2, -1))


def test_a_job_ends_with_the_server(services: Services, collection: Collection) -> None:
    command = (sys.executable, "-c", "import sys; sys.stdin.read()")
    with IndexJobs(services.catalog, AllowedRoots([collection.media]), command=command) as jobs:
        job = jobs.start([str(collection.media)])
    assert job.state is JobState.STOPPED
    assert job.process.poll() == 0


def test_in_python_the_refusals_are_errors(services: Services, collection: Collection) -> None:
    jobs = services.jobs
    with pytest.raises(AccessError, match="may not be indexed from here"):
        jobs.start(["/"])
    with pytest.raises(QueryError, match=r"can't index into 'hats' from here; expected one of: starter; begin another"):
        jobs.start([str(collection.media)], space="hats")
    jobs.start([str(collection.media)])
    with pytest.raises(LibraryBusyError, match="an index job is running"):
        jobs.start([str(collection.media)])


# --------------------------------------------------------------------------------------------------------- the real run


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (64, 48), (60 * number, 90, 200)).save(folder / f"{number}.png")
    (folder / "bad.jpg").write_bytes(b"no picture")
    return folder


def test_a_real_run_tells_its_failures_and_its_report(tmp_path: Path, empty_library: Path, media: Path) -> None:
    with Catalog(tmp_path / "library", create=True) as catalog, IndexJobs(catalog, AllowedRoots([media])) as jobs:
        job = jobs.start([str(media)])
        wait(lambda: job.state.is_over)
        told, events = job.snapshot(), job.events_after(0)
    assert (told["state"], told["error"]) == ("finished", None)
    assert (told["report"]["indexed"], told["report"]["failed"]) == (3, 1)
    assert told["progress"]["done"] == told["progress"]["total"] == 4
    (failure,) = (event.data for event in events if event.event == "failure")
    assert failure["path"] == str(media / "bad.jpg")
    assert "not a picture" in failure["reason"]
    assert failure["permanent"]
    assert events[-1].event == "done"


def test_all_that_failed_is_tried_again_and_no_file_becomes_a_root(tmp_path: Path, media: Path) -> None:
    Path(os.fsdecode(bytes(media) + b"/b\xff.jpg")).write_bytes(b"no picture either")
    with Catalog(tmp_path / "library", create=True) as catalog, IndexJobs(catalog, AllowedRoots([media])) as jobs:
        failed = []
        for paths, retry in (([str(media)], False), ([str(media)], False), ([], True)):
            job = jobs.start(paths, retry_failed=retry)
            wait(lambda job=job: job.state.is_over)  # type: ignore[misc]
            failed.append([job.snapshot()["report"][name] for name in ("failed", "still_failed")])
        assert failed == [[2, 0], [0, 2], [2, 0]]
        assert indexed_roots(catalog) == [bytes(media)]


def test_a_library_that_another_process_writes_to(tmp_path: Path, media: Path) -> None:
    with Catalog(tmp_path / "library", create=True) as catalog, IndexJobs(catalog, AllowedRoots([media])) as jobs:
        with catalog.lock():
            job = jobs.start([str(media)])
            wait(lambda: job.state.is_over)
        assert job.state is JobState.FAILED
        assert "another vidi is writing to the library" in job.snapshot()["error"]


def test_a_real_run_that_is_stopped_keeps_what_it_has(tmp_path: Path, media: Path) -> None:
    many = 1500  # seconds of work: what is under way when the stop comes is still done
    for number in range(many):
        Image.new("RGB", (320, 240), (number % 256, number // 8, 80)).save(media / f"many{number}.jpg")
    with Catalog(tmp_path / "library", create=True) as catalog, IndexJobs(catalog, AllowedRoots([media])) as jobs:
        job = jobs.start([str(media)])
        wait(lambda: bool(job.snapshot()["progress"]) and job.snapshot()["progress"]["pictures"] > 0)
        job.stop()
        wait(lambda: job.state.is_over)
        kept = take_census(catalog).files_indexed
    told = job.snapshot()
    assert (told["state"], told["error"]) == ("stopped", None)
    assert told["report"]["interrupted"]
    assert 0 < told["report"]["indexed"] <= kept < many  # some of one colour are copies of each other
