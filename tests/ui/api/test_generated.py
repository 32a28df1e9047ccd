"""Requests generated from the OpenAPI: whatever comes, the answer is as promised, and never an error of ours."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from retrieval.media.worker import MediaWorkers
from tests.ui.api.conftest import services_of
from tests.ui.page.conftest import Collection
from ui.api.app import build_api
from ui.api.services import Services

EXAMPLES = 25
OPERATIONS = [
    "GET /search", "POST /search", "GET /facets", "GET /saved", "POST /saved", "DELETE /saved",
    "GET /assets/{asset_id}", "GET /assets/{asset_id}/segments",
    "GET /segments/{segment_id}", "GET /assets/{asset_id}/file", "GET /assets/{asset_id}/thumbnail",
    "GET /assets/{asset_id}/preview", "GET /assets/{asset_id}/texts", "GET /assets/{asset_id}/tags",
    "PATCH /assets/{asset_id}/tags", "GET /jobs", "POST /jobs", "GET /jobs/{job_id}", "POST /jobs/{job_id}/stop",
    "GET /jobs/{job_id}/events", "GET /status", "GET /models", "PUT /space",
]  # fmt: skip

READ_WORDS = ("GET /search", "POST /search", "GET /facets", "POST /saved")
TIMES = ("0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "0000", "2024-02-30", "1e308")
FOLDERS = ("~nobody-at-all", "~", "~/..", "//", "a" * 5000)
ODD = st.fixed_dictionaries(
    {},
    optional={
        "q": st.one_of(
            st.sampled_from([*(f"under:{folder}" for folder in FOLDERS), *(f"after:{time}" for time in TIMES)]),
            st.sampled_from(["near:91,181,1km", "duration:>1e999s", "sunset^1e999", 'said:"', "-", "(", "tag:", "*"]),
        ),
        "under": st.sampled_from(FOLDERS),
        "after": st.sampled_from(TIMES),
        "before": st.sampled_from(TIMES),
    },
)
"""Values that no letter of the OpenAPI tells from others, and that a person types in passing."""


@pytest.fixture(scope="module")
def operations(
    collection: Collection, workers: MediaWorkers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, object]]:
    folder = tmp_path_factory.mktemp("kept")
    own = shutil.copytree(collection.library, folder / "library")  # searches are saved in it
    with services_of(replace(collection, library=own), folder, workers) as services:
        _run_a_job(services, replace(collection, library=own))
        schema = schemathesis.openapi.from_asgi("/openapi.json", build_api(services))
        found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
        yield {f"{each.method.upper()} {each.path}": each for each in found}


def _run_a_job(services: Services, collection: Collection) -> None:
    """So that job 1 is there, and is over: else its events would have no end."""
    job = services.jobs.start([str(collection.media)])
    job.stop()
    while not job.is_told:
        time.sleep(0.02)


def test_every_operation_is_tried(operations: dict[str, object]) -> None:
    assert sorted(operations) == sorted(OPERATIONS)


def _ask_for(case: schemathesis.Case, odd: dict[str, str]) -> None:
    if case.method == "POST" and isinstance(case.body, dict):
        case.body = {**case.body, **odd}
    elif odd:
        case.query = {**(case.query or {}), **odd}


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_makes_it_fail(operations: dict[str, object], name: str) -> None:
    operation = operations[name]
    valid = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)  # type: ignore[attr-defined]
    wrong = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)  # type: ignore[attr-defined]

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=st.one_of(valid, wrong), of_a_real_job=st.booleans(), odd=ODD)
    def check(case: schemathesis.Case, *, of_a_real_job: bool, odd: dict[str, str]) -> None:
        if of_a_real_job and "job_id" in (case.path_parameters or {}):
            case.path_parameters["job_id"] = 1
        if name in READ_WORDS:
            _ask_for(case, odd)
        response = case.call()
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            assert response.headers["content-type"][0] == "application/problem+json"

    check()
