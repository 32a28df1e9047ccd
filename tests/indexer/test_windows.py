"""Windows as the last stage of an index run, with a small model of random weights, and the search that they join."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sqlalchemy import func, select, update

from indexer import index, run
from indexer.forget import Selection, forget, plan_forgetting
from retrieval import Library
from retrieval.errors import QueryError
from retrieval.experts.appearance import Appearance
from retrieval.experts.over_time import Told
from retrieval.experts.registry import Experts
from retrieval.media.pieces import Stream
from retrieval.models.mmt import Mmt
from retrieval.models.mmt_config import FrameTerm, TokenText, mmt_small
from retrieval.models.mmt_folder import folder_files
from retrieval.spaces import mmt
from retrieval.spaces.starter import StarterSpace
from retrieval.store.catalog import Catalog
from retrieval.store.schema import Embedding, Result, Segment, Segmentation, Space
from retrieval.types import FeatureTrack
from tests.indexer.test_listening import Small, film, tone

VERSIONS = {"appearance": Appearance.version, "motion": "1", "speech": "1"}


def write_model(folder: Path, seed: int = 3) -> Path:
    starter = StarterSpace()
    config = mmt_small(
        {"appearance": starter.dim, "motion": 1, "speech": 1},
        frames=FrameTerm(space="starter", dim=starter.dim),
        width=16,
        heads=4,
        feed_forward=24,
        text=TokenText(layers=1, heads=6, feed_forward=16, most_tokens=20),
    )
    torch.manual_seed(seed)
    weights = {name: tensor.numpy() for name, tensor in Mmt(config).state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    files = folder_files(config, weights, VERSIONS, {"name": "mine"}, pictures_version=starter.version)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def experts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Small]:
    here = {"motion": Small("motion", Stream.PAIRS), "speech": Small("speech", Stream.SOUND)}
    monkeypatch.setattr(run, "time_experts", lambda **_: Experts(list(here.values())))
    return here


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of the one that comes with vidi."""
    folder = write_model(tmp_path / "model")
    monkeypatch.setattr(mmt, "MMT_STARTER", folder)
    return folder


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    film(folder / "film.mp4")
    film(folder / "other.mp4", seed=1)
    tone(folder / "tone.wav")
    return folder


def windows(library: Path) -> dict[str, int]:
    """Vectors of windows by the name of their space."""
    statement = (
        select(Space.name, func.count())
        .join(Embedding, Embedding.space_id == Space.id)
        .join(Segment, Segment.id == Embedding.segment_id)
        .join(Segmentation, Segmentation.id == Segment.segmentation_id)
        .where(Segmentation.method == "windows")
        .group_by(Space.name)
    )
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        return dict(connection.execute(statement).all())


def test_videos_and_sounds_get_windows_and_the_second_run_makes_none(
    media: Path, library: Path, experts: dict[str, Small], model: Path
) -> None:
    assert index([media], library).windowed == 3
    assert windows(library) == {"mmt/starter": 3}
    assert index([media], library).windowed == 0


def test_an_expert_that_comes_later_makes_them_anew(
    media: Path, library: Path, experts: dict[str, Small], model: Path
) -> None:
    speech = experts.pop("speech")
    index([media], library)
    assert windows(library) == {"mmt/starter": 3}
    experts["speech"] = speech
    assert index([media], library).windowed == 3
    assert windows(library) == {"mmt/starter": 3}


class Unsound(Small):
    """What it says is no number."""

    def begin(self) -> Any:
        reading = super().begin()
        told = FeatureTrack(np.array([[0, 1]], np.float32), np.full((1, 1), np.nan, np.float16))
        reading.finish = lambda _seconds: Told(told)  # type: ignore[method-assign]
        return reading


def test_numbers_that_are_not_finite_are_told_and_the_windows_go_without_them(
    media: Path, library: Path, experts: dict[str, Small], model: Path
) -> None:
    experts["motion"] = Unsound("motion", Stream.PAIRS)
    lines: list[str] = []
    assert index([media], library, notice=lines.append).windowed == 3
    assert any("film.mp4: the motion expert failed at it" in line and "not finite" in line for line in lines)
    with Library(library) as opened:
        hits = opened.search("noise", anyway=True).hits
        assert len(hits) == 3
        assert all(np.isfinite(hit.score) for hit in hits)


def test_a_model_of_ones_own_stands_beside_and_decodes_nothing(
    media: Path, library: Path, experts: dict[str, Small], model: Path, tmp_path: Path
) -> None:
    own = write_model(tmp_path / "own", seed=4)
    index([media], library)
    asked = {name: expert.asked for name, expert in experts.items()}
    report = index([media], library, space=f"mmt/{own}")
    assert (report.windowed, report.indexed, report.heard) == (3, 0, 0)
    assert windows(library) == {"mmt/starter": 3, f"mmt{own}": 3}
    assert {name: expert.asked for name, expert in experts.items()} == asked


def test_a_library_that_knows_it_by_a_doubled_slash_is_searched_and_indexed_on(
    media: Path, library: Path, experts: dict[str, Small], model: Path, tmp_path: Path
) -> None:
    own = write_model(tmp_path / "own", seed=4)
    index([media], library, space=f"mmt/{own}")
    with Catalog(library) as catalog, catalog.engine.begin() as connection:
        connection.execute(update(Space).where(Space.name == f"mmt{own}").values(name=f"mmt/{own}"))
    assert index([media], library, space=f"mmt/{own}").windowed == 0
    with Library(library) as opened:
        assert {space["name"] for space in opened.status().to_json()["spaces"]} == {
            "starter",
            "mmt/starter",
            f"mmt{own}",
        }
        for name in (f"mmt/{own}", f"mmt{own}"):
            found = opened.search("noise", space=name, by="space", anyway=True)
            assert (found.space, len(found.hits)) == (f"mmt{own}", 3)


def test_without_the_model_videos_are_indexed_by_their_frames(
    media: Path, library: Path, experts: dict[str, Small], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mmt, "MMT_STARTER", tmp_path / "nothing")
    report = index([media], library)
    assert (report.videos, report.windowed) == (2, 0)
    with Library(library) as opened:
        assert len(opened.search("noise", anyway=True).hits) == 2


def test_a_search_joins_windows_and_tells_the_experts(
    media: Path, library: Path, experts: dict[str, Small], model: Path
) -> None:
    index([media], library)
    with Library(library) as opened:
        assert opened.default_space == "starter"
        fused = opened.search("coloured noise", anyway=True)
        assert {hit.path.name for hit in fused.hits} == {"film.mp4", "other.mp4", "tone.wav"}
        (hit, *_) = fused.hits
        assert {reason.source for reason in hit.why} <= {"frames", "appearance", "motion", "speech"}
        assert sum(reason.share for reason in hit.why) == pytest.approx(1)
        by_frames = opened.search("coloured noise", by="frames", anyway=True)
        assert {hit.path.name for hit in by_frames.hits} == {"film.mp4", "other.mp4"}
        alone = opened.search("coloured noise", space="mmt/starter", by="space", anyway=True)
        assert alone.space == "mmt/starter"
        assert {hit.path.name for hit in alone.hits} == {"film.mp4", "other.mp4", "tone.wav"}
        filtered = opened.search("coloured noise", kind="sound", anyway=True)
        assert [hit.path.name for hit in filtered.hits] == ["tone.wav"]


@pytest.mark.parametrize("examples", [{"image": "film.png"}, {"like": ["film.png"]}, {"unlike": ["film.png"]}])
def test_windows_alone_are_not_searched_by_pictures(
    media: Path, library: Path, experts: dict[str, Small], model: Path, tmp_path: Path, examples: dict[str, Any]
) -> None:
    Image.new("RGB", (64, 48), "red").save(tmp_path / "film.png")
    index([media], library)
    given = {
        name: tmp_path / value if isinstance(value, str) else [tmp_path / each for each in value]
        for name, value in examples.items()
    }
    told = "mmt/starter compares sentences with video; leave out --by space to find by a picture"
    with Library(library) as opened:
        with pytest.raises(QueryError, match=told):
            opened.search("noise", space="mmt/starter", by="space", **given)
        assert opened.search("noise", space="mmt/starter", anyway=True, **given).hits


def test_pages_of_both_follow_one_another(media: Path, library: Path, experts: dict[str, Small], model: Path) -> None:
    index([media], library)
    with Library(library) as opened:
        whole = [hit.path for hit in opened.search("noise", anyway=True).hits]
        pages = [opened.search("noise", anyway=True, top=1, offset=place).hits[0].path for place in range(3)]
    assert pages == whole


def test_a_search_over_windows_imports_no_torch(
    media: Path, library: Path, experts: dict[str, Small], model: Path
) -> None:
    index([media], library)
    code = (
        "import sys\nfrom pathlib import Path\nfrom retrieval.spaces import mmt\n"
        f"mmt.MMT_STARTER = Path({str(model)!r})\n"
        "from retrieval import Library\n"
        f"hits = Library({str(library)!r}).search('noise', anyway=True).hits\n"
        "assert len(hits) == 3, hits\n"
        "assert not {'torch', 'sentence_transformers', 'cv2'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_file_that_is_forgotten_takes_its_windows_along(
    media: Path, library: Path, experts: dict[str, Small], model: Path
) -> None:
    index([media], library)
    selection = Selection.of([media / "film.mp4"], missing=False)
    forget(library, selection, plan_forgetting(library, selection))
    assert windows(library) == {"mmt/starter": 2}
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Result)) == 4  # two contents in two spaces
    with Library(library) as opened:
        assert len(opened.search("noise", anyway=True).hits) == 2
