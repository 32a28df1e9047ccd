"""Experts whose weights vidi doesn't ship, in an index run: random weights in the published layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sqlalchemy import select

from indexer import index, run
from retrieval.errors import UsageError, WeightsError
from retrieval.experts.appearance import Appearance
from retrieval.experts.foreign import foreign_experts
from retrieval.experts.registry import Experts
from retrieval.media.pieces import Stream
from retrieval.models.mmt import Mmt
from retrieval.models.mmt_config import FrameTerm, TokenText, mmt_small
from retrieval.models.mmt_folder import folder_files
from retrieval.settings import IndexSettings, Settings
from retrieval.spaces import mmt
from retrieval.spaces.starter import StarterSpace
from retrieval.store.catalog import Catalog
from retrieval.store.schema import Asset, Embedding, Segment, Space, Track
from tests.indexer.test_listening import Small, film, tone
from tests.retrieval.models.foreign_files import places_file, torchvision_file


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = torchvision_file(tmp_path_factory.mktemp("motion") / "r2plus1d_18.pth")
    return f"motion=torchvision/r2plus1d_18:{path}"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"scene=places365/resnet18:{places_file(tmp_path_factory.mktemp('scene') / 'places.pth.tar')}"


@pytest.fixture
def experts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Small]:
    here = {"motion": Small("motion", Stream.PAIRS), "speech": Small("speech", Stream.SOUND)}
    monkeypatch.setattr(run, "time_experts", lambda **_: Experts(list(here.values())))
    monkeypatch.setattr(mmt, "MMT_STARTER", Path("nothing"))
    return here


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    film(folder / "film.mp4", frames=25)
    tone(folder / "tone.wav")
    return folder


def asking(*models: str) -> Settings:
    return Settings(index=IndexSettings(expert_models=models))


def tracks(library: Path, kind: str = "video") -> dict[tuple[str, str], tuple[int, int]]:
    """(expert, version without its digest) to (rows, width)."""
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        columns = select(Track.expert, Track.version, Track.count, Track.dim).join(Asset, Asset.id == Track.asset_id)
        rows = connection.execute(columns.where(Asset.kind == kind)).all()
    return {(row[0], row[1].partition("-")[0]): (row[2], row[3]) for row in rows}


def vectors(library: Path, space: str) -> list[bytes]:
    statement = (
        select(Embedding.vector)
        .join(Space, Space.id == Embedding.space_id)
        .join(Segment, Segment.id == Embedding.segment_id)
        .where(Space.name == space)
        .order_by(Embedding.segment_id)
    )
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        return list(connection.scalars(statement))


def test_both_motions_stand_side_by_side(
    media: Path, library: Path, experts: dict[str, Small], motion: str, scene: str
) -> None:
    report = index([media], library, settings=asking(motion, scene))

    assert (report.videos, report.sounds, report.failed, report.notices) == (1, 1, 0, [])
    found = tracks(library)
    assert found["motion", "1"] == (1, 1)
    assert found["motion", "torchvision.r2plus1d_18"] == (1, 512)
    assert found["scene", "places365.resnet18"] == (found["appearance", "efficientnet"][0], 512)
    assert tracks(library, "sound")["motion", "torchvision.r2plus1d_18"] == (0, 512)
    assert index([media], library, settings=asking(motion, scene)).heard == 0
    assert index([media], library).heard == 0


def test_one_that_is_asked_later_is_caught_up_with_alone(
    media: Path, library: Path, experts: dict[str, Small], motion: str, scene: str
) -> None:
    index([media], library)
    before = vectors(library, "starter")

    report = index([media], library, settings=asking(motion, scene))

    assert (report.indexed, report.heard, report.failed) == (0, 2, 0)
    assert [expert.asked for expert in experts.values()] == [2, 2]
    assert tracks(library)["motion", "torchvision.r2plus1d_18"] == (1, 512)
    assert tracks(library)["scene", "places365.resnet18"][1] == 512
    assert vectors(library, "starter") == before


def test_what_is_wrong_with_one_is_told_before_anything_is_done(
    media: Path, library: Path, experts: dict[str, Small], tmp_path: Path
) -> None:
    other = torchvision_file(tmp_path / "mc3.pth", "mc3_18")

    with pytest.raises(WeightsError, match=r"mc3\.pth is of another model than VideoResNet"):
        index([media], library, settings=asking(f"motion=torchvision/r3d_18:{other}"))
    with pytest.raises(UsageError, match="no expert's model"):
        index([media], library, settings=asking("motion=nothing"))
    assert not library.exists()


def test_frames_in_another_form_are_not_shown_to_it(
    media: Path, library: Path, experts: dict[str, Small], scene: str
) -> None:
    class Wide(Appearance):
        form = property(lambda self: run.Settings().sampling.form or object())  # type: ignore[assignment]

    seen = run._seeing(Experts(foreign_experts([scene])), Wide())

    assert seen.present == []
    assert [absent.name for absent in seen.absent] == ["scene (places365/resnet18)"]
    assert "`vidi index --space starter` asks it" in seen.absent[0].reason
    assert len(run._seeing(Experts(foreign_experts([scene])), Appearance()).present) == 1


def write_model(folder: Path, versions: dict[str, str], dims: dict[str, int]) -> Path:
    starter = StarterSpace()
    config = mmt_small(
        {"appearance": starter.dim, **dims}, frames=FrameTerm(space="starter", dim=starter.dim), width=16, heads=4,
        feed_forward=24, text=TokenText(layers=1, heads=6, feed_forward=16, most_tokens=20),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        weights = {name: tensor.numpy() for name, tensor in Mmt(config).state_dict().items()}
    folder.mkdir(parents=True)
    told = {"appearance": Appearance.version, **versions}
    for name, content in folder_files(
        config, weights, told, {"name": "mine"}, pictures_version=starter.version
    ).items():
        (folder / name).write_bytes(content)
    return folder


def test_windows_over_vidis_own_motion_stay_the_same(
    media: Path, tmp_path: Path, experts: dict[str, Small], motion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write_model(tmp_path / "own", {"motion": "1", "speech": "1"}, {"motion": 1, "speech": 1})
    monkeypatch.setattr(mmt, "MMT_STARTER", own)
    alone, beside = tmp_path / "alone", tmp_path / "beside"

    index([media], alone)
    index([media], beside, settings=asking(motion))

    assert len(vectors(alone, "mmt/starter")) == 2
    assert sorted(vectors(alone, "mmt/starter")) == sorted(vectors(beside, "mmt/starter"))


def test_a_space_over_a_foreign_expert_says_which_it_needs_and_uses_it(
    media: Path, library: Path, tmp_path: Path, experts: dict[str, Small], motion: str
) -> None:
    (expert,) = foreign_experts([motion])
    folder = write_model(tmp_path / "mine", {"motion": expert.version}, {"motion": expert.dim})
    space = f"mmt{folder}"  # as it is told
    needed = (
        f"{space} was trained over the motion expert {expert.version}, which this run does not ask: windows of what "
        f"it never saw go without it; give --expert motion=torchvision/r2plus1d_18:FILE"
    )
    lines: list[str] = []

    index([media], library, space=space, notice=lines.append)
    without = vectors(library, space)
    assert lines == [needed, needed]  # at the beginning and, of what is lacking now, at the end

    lines.clear()
    report = index([media], library, space=space, settings=asking(motion), notice=lines.append)
    assert (lines, report.heard, report.windowed) == ([], 2, 2)
    assert len(without) == 1
    assert without[0] not in vectors(library, space)

    film(media / "new.mp4", seed=1, frames=25)
    index([media], library, notice=lines.append)  # a picture space; the windows are filled beside it
    assert lines == [needed]
