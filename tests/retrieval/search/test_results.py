"""The JSON is a contract."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from retrieval.search.results import Hit, Reason, SearchResult, Tag
from retrieval.types import MediaKind, Moment


def test_a_video_is_written_as_the_contract_says() -> None:
    moments = (Moment(1.23456, 4.5, 0.912345), Moment(9, 10, 0.8))
    hit = Hit(
        Path("/a.mp4"),
        (Path("/b.mp4"),),
        MediaKind.VIDEO,
        0.912345,
        True,
        moments,
        (Tag("tabby", 0.5, "classifier"),),
        (Reason("frames", 1.0),),
    )
    assert SearchResult("a cat", "starter", True, (hit,)).to_json() == {
        "query": "a cat",
        "space": "starter",
        "fits": True,
        "hits": [
            {
                "path": "/a.mp4",
                "copies": ["/b.mp4"],
                "kind": "video",
                "score": 0.9123,
                "fits": True,
                "start_seconds": 1.235,
                "end_seconds": 4.5,
                "moments": [
                    {"start_seconds": 1.235, "end_seconds": 4.5, "score": 0.9123},
                    {"start_seconds": 9, "end_seconds": 10, "score": 0.8},
                ],
                "tags": [{"label": "tabby", "score": 0.5, "source": "classifier"}],
                "why": [{"source": "frames", "share": 1.0, "quote": None, "start_seconds": None, "end_seconds": None}],
                "parts": [],
                "folded": 0,
            }
        ],
        "notices": [],
        "read_as": None,
        "as_of": None,
        "goes_on": False,
    }


def test_a_picture_has_no_times() -> None:
    written = Hit(Path("/a.jpg"), (), MediaKind.PICTURE, 0.5, True).to_json()
    assert (written["start_seconds"], written["end_seconds"], written["moments"]) == (None, None, [])
    assert "path_bytes" not in written


def test_names_that_are_not_utf8_survive_json() -> None:
    raw = b"/a/\xff\nname.jpg"
    written = json.loads(json.dumps(Hit(Path(os.fsdecode(raw)), (), MediaKind.PICTURE, 0.5, True).to_json()))
    assert written["path"] == "/a/\\xff\nname.jpg"
    assert base64.b64decode(written["path_bytes"]) == raw


def test_copies_whose_names_are_not_utf8_survive_json() -> None:
    copies = (b"/a/plain.jpg", b"/a/caf\xe9.jpg")
    hit = Hit(Path("/b.jpg"), tuple(Path(os.fsdecode(copy)) for copy in copies), MediaKind.PICTURE, 0.5, True)
    written = json.loads(json.dumps(hit.to_json()))
    assert written["copies"] == ["/a/plain.jpg", "/a/caf\\xe9.jpg"]
    assert tuple(map(base64.b64decode, written["copies_bytes"])) == copies
