"""The library tab, where the test says what becomes of a job, and when."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.browser import Visit

NEWS = """() => {
  const Real = window.EventSource;
  window.EventSource = function (address) {
    if (!address.startsWith("/api/v1/jobs/")) return new Real(address);
    const listeners = {};
    window.news = this;
    this.addEventListener = (name, listener) => { listeners[name] = listener; };
    this.close = () => { this.isClosed = true; };
    this.tell = (name, data) => listeners[name]({ data: JSON.stringify(data) });
  };
  window.EventSource.CLOSED = Real.CLOSED;
}"""
FAILURE = {"path": "/media/bad.jpg", "path_bytes": None, "stage": "decode", "reason": "no picture", "permanent": True}


def job_of(state: str, **more: Any) -> dict[str, Any]:
    """A job as the programming interface tells it."""
    told = {"id": 1, "state": state, "paths": ["/media"], "space": None, "retry_failed": False, "progress": None}
    told |= {"started_at": "2026-01-01T00:00:00+00:00", "ended_at": None, "failures": [], "notices": []}
    return told | {"report": None, "error": None} | more


def progress_of(done: int, **more: Any) -> dict[str, Any]:
    told = {"done": done, "total": 100, "pictures": done, "video_seconds": 0.0, "failed": 0, "elapsed_seconds": 9.0}
    return told | {"files_per_second": 2.0, "seconds_left": 30.0, "video_at_seconds": None} | more


class Server:
    """Stands in for the routes of jobs and the state of the library."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.jobs: list[dict[str, Any]] = []
        self.status: dict[str, Any] = {}
        self.sent: list[tuple[str, Any]] = []
        """What was posted and put: the path, and what it said."""
        visit.evaluate(NEWS)
        visit.tab.route("**/api/v1/*", self._answer)
        visit.tab.route("**/api/v1/jobs/*/stop", self._answer)

    def _answer(self, route: Route) -> None:
        path, request = urlsplit(route.request.url).path.removeprefix("/api/v1"), route.request
        if request.method != "GET":
            self.sent.append((path, request.post_data_json))
            if path == "/space":
                self.status["default_space"] = request.post_data_json["name"]
            route.fulfill(json=self.jobs[0] if self.jobs else {})
        elif path == "/jobs":
            route.fulfill(json=self.jobs)
        elif path == "/status":
            route.fulfill(json=route.fetch().json() | self.status)
        else:
            route.continue_()

    def open(self) -> None:
        """The library tab."""
        self.visit.tab.get_by_role("tab", name="Library").click()
        expect(self.visit.tab.locator(".vidi-holds")).to_contain_text("pictures")

    def tell(self, event: str, data: Any) -> None:
        """News of the job that is followed."""
        self.visit.evaluate("([event, data]) => window.news.tell(event, data)", [event, data])

    def button(self, name: str) -> Locator:
        return self.visit.tab.locator("#vidi-library").get_by_role("button", name=name)

    @property
    def state(self) -> Locator:
        return self.visit.tab.locator(".vidi-job-state")


@pytest.fixture
def server(visit: Visit) -> Server:
    return Server(visit)


def test_a_button_stays_under_the_hand_while_a_job_goes_on(server: Server) -> None:
    """News come twice a second; a button that is drawn anew loses the focus, and a press that has begun."""
    tab = server.visit.tab
    server.jobs = [job_of("running")]
    server.open()
    expect(server.state).to_have_text("Indexing /media")
    stop = server.button("Stop")
    stop.focus()
    for done in (3, 6):
        server.tell("progress", progress_of(done))
        expect(tab.locator(".vidi-progress")).to_have_text(
            f"{done} of 100 files · 2.0 files a second · 30 s left", use_inner_text=True
        )
        expect(stop).to_be_focused()
    place = stop.bounding_box()
    assert place is not None
    server.jobs = [job_of("stopping", progress=progress_of(9))]
    tab.mouse.move(place["x"] + 5, place["y"] + 5)
    tab.mouse.down()
    server.tell("progress", progress_of(9))
    tab.mouse.up()
    expect(server.state).to_have_text("Stopping; what is finished is kept /media")
    assert server.sent == [("/jobs/1/stop", {})]
    expect(stop).to_be_disabled()
    expect(stop).to_be_focused()
    tab.keyboard.press("Enter")
    server.jobs = [job_of("stopped", progress=progress_of(9))]
    server.tell("done", server.jobs[0])
    expect(stop).to_be_hidden()
    expect(server.button("Continue")).to_be_focused()
    server.jobs = [job_of("running", id=2)]
    tab.keyboard.press("Enter")
    expect(stop).to_be_focused()
    assert server.sent[1:] == [("/jobs", {"paths": ["/media"], "space": None, "retry_failed": False})]
    server.tell("done", job_of("finished", id=2, report={"pictures": 3}))
    expect(server.state).to_have_text("Done /media")
    expect(tab.locator(".vidi-job")).to_be_focused()
    assert server.visit.complaints == []


def test_changes_of_state_alone_are_told_to_a_screen_reader(server: Server) -> None:
    tab = server.visit.tab
    server.open()
    assert server.state.evaluate("(line) => line.role === 'status' && line.checkVisibility()")  # before it says a word
    server.jobs = [job_of("running")]
    server.open()
    expect(server.state).to_have_text("Indexing /media")
    server.visit.evaluate(
        """() => {
          window.told = [];
          const watched = document.querySelectorAll(".vidi-job [role], .vidi-job [aria-live]");
          for (const each of watched)
            new MutationObserver(() => window.told.push(each.textContent))
              .observe(each, { childList: true, subtree: true, characterData: true });
        }"""
    )
    server.tell("progress", progress_of(3))
    server.tell("notice", {"line": "/media/x was passed over"})
    server.tell("failure", FAILURE)
    server.tell("progress", progress_of(4, failed=1))
    expect(tab.locator(".vidi-job")).to_contain_text("/media/bad.jpg")
    expect(tab.locator(".vidi-job")).to_contain_text("/media/x was passed over")
    server.tell("done", job_of("finished", report={"pictures": 4}))
    expect(tab.locator(".vidi-job-report")).to_have_text("4 pictures indexed")
    assert server.visit.evaluate("window.told") == ["Done /media"]


def test_a_list_of_failures_stays_where_it_was_scrolled_to(server: Server) -> None:
    server.jobs = [job_of("running", failures=[FAILURE])]
    server.open()
    for number in range(250):
        server.tell("failure", FAILURE | {"path": f"/media/{number}.jpg"})
    server.tell("failure", FAILURE)  # which its state has told
    failures = server.visit.tab.locator(".vidi-job .vidi-failures")
    expect(failures.locator("li")).to_have_count(200)
    expect(failures.locator("li").first).to_contain_text("/media/50.jpg")
    failures.evaluate("(list) => { list.scrollTop = 1000 }")
    server.tell("progress", progress_of(4, failed=251))
    assert failures.evaluate("(list) => list.scrollTop") == 1000


def test_a_job_that_went_with_the_server_stands_no_longer(server: Server) -> None:
    """vidi was started anew: the new one counts its jobs from 1 again."""
    server.jobs = [job_of("running")]
    server.open()
    expect(server.state).to_have_text("Indexing /media")
    server.jobs = []
    server.visit.evaluate("() => { window.news.readyState = EventSource.CLOSED; window.news.onerror(); }")
    expect(server.state).to_be_empty()
    expect(server.button("Stop")).to_be_hidden()
    expect(server.visit.tab.locator(".vidi-add-told")).to_contain_text("vidi was started anew")
    server.jobs = [job_of("running", started_at="2026-01-02T00:00:00+00:00", paths=["/other"])]
    server.open()
    expect(server.state).to_have_text("Indexing /other")


def test_a_list_that_was_read_before_a_job_began_is_no_news_of_it(server: Server) -> None:
    tab = server.visit.tab
    late: list[Route] = []

    def keep_first(route: Route) -> None:
        if late or route.request.method != "GET":
            route.fallback()
        else:
            late.append(route)

    tab.route("**/api/v1/jobs", keep_first)
    tab.get_by_role("tab", name="Library").click()
    server.jobs = [job_of("running")]
    tab.get_by_label("Path of a folder on this machine").fill("/media")
    server.button("Index").click()
    expect(server.state).to_have_text("Indexing /media")
    late[0].fulfill(json=[])
    expect(tab.locator(".vidi-holds")).to_contain_text("pictures")
    expect(server.state).to_have_text("Indexing /media")
    expect(tab.locator(".vidi-add-told")).to_be_empty()


def test_news_that_can_be_had_no_more_are_looked_for(visit: Visit) -> None:
    """By the browser's own source of events, which a status of 404 ends."""
    server = Server(visit)
    visit.reload()
    visit.tab.wait_for_selector(".vidi-notice")
    server.jobs = [job_of("running")]

    def end(route: Route) -> None:
        server.jobs = [job_of("finished", report={"pictures": 4})]
        route.fulfill(status=404, body="there is no index job 1")

    visit.tab.route("**/api/v1/jobs/1/events", end)
    server.open()
    expect(server.state).to_have_text("Done /media")


def test_who_leaves_the_tab_hears_no_news_and_comes_back_to_them(server: Server) -> None:
    server.jobs = [job_of("running", failures=[FAILURE])]
    server.open()
    expect(server.state).to_have_text("Indexing /media")
    assert not server.visit.evaluate("window.news.isClosed")
    server.visit.tab.get_by_role("tab", name="Search").click()
    assert server.visit.evaluate("window.news.isClosed")
    server.jobs = [job_of("running", failures=[FAILURE], progress=progress_of(50))]
    server.open()
    expect(server.visit.tab.locator(".vidi-progress")).to_contain_text("50 of 100 files")
    expect(server.visit.tab.locator(".vidi-job .vidi-failures li")).to_have_count(1)
    assert not server.visit.evaluate("window.news.isClosed")


def test_what_failed_is_tried_again_whole_and_goes_on_as_such(server: Server) -> None:
    """However much failed: the server knows what."""
    server.status = {"failures": [FAILURE]}
    server.open()
    again = server.button("Try again")
    again.focus()
    server.jobs = [job_of("running", paths=[], retry_failed=True)]
    server.visit.tab.keyboard.press("Enter")
    expect(server.state).to_have_text("Indexing what failed before")
    assert server.sent == [("/jobs", {"retry_failed": True})]
    expect(again).to_be_disabled()
    expect(again).to_be_focused()
    server.jobs = [job_of("stopped", paths=[], retry_failed=True, progress=progress_of(1))]
    server.tell("done", server.jobs[0])
    expect(again).to_be_enabled()
    server.jobs = [job_of("running", id=2, paths=[], retry_failed=True)]
    server.button("Continue").click()
    expect(server.button("Stop")).to_be_visible()
    assert server.sent[1:] == [("/jobs", {"paths": [], "space": None, "retry_failed": True})]
    again.focus()
    server.status = {"failures": []}
    server.tell("done", job_of("finished", id=2, paths=[], retry_failed=True, report={"pictures": 1}))
    expect(again).to_be_hidden()
    expect(server.visit.tab.locator(".vidi-job")).to_be_focused()


def test_another_space_is_chosen_by_its_radio_button(server: Server) -> None:
    spaces = [{"name": name, "version": "1", "assets": 3, "vectors": 9} for name in ("starter", "open_clip/x/y")]
    server.status = {"spaces": spaces, "default_space": "starter"}
    server.open()
    first, other = (server.visit.tab.get_by_label(f"Search in {space['name']}") for space in spaces)
    expect(first).to_be_checked()
    first.focus()
    server.visit.tab.keyboard.press("ArrowDown")
    expect(server.visit.tab.locator(".vidi-space-told")).to_have_text("A search takes open_clip/x/y now.")
    expect(other).to_be_checked()
    expect(other).to_be_focused()
    assert server.sent == [("/space", {"name": "open_clip/x/y"})]
    first.click()
    expect(server.visit.tab.locator(".vidi-space-told")).to_have_text("A search takes starter now.")
    expect(first).to_be_checked()
    assert server.sent[1:] == [("/space", {"name": "starter"})]
