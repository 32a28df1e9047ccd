"""An MMT with small random weights as a space, upon the shipped starter."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retrieval.errors import ModelError, UnknownSpaceError, WeightsError
from retrieval.experts.appearance import Appearance
from retrieval.models.mmt import Mmt
from retrieval.models.mmt_config import AlignedTerm, AlignedText, FrameTerm, Missing, MmtConfig, TokenText, mmt_small
from retrieval.models.mmt_folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, folder_files, read_mmt_folder
from retrieval.models.mmt_inputs import Window, mean_frame, prepare_windows
from retrieval.spaces import mmt as mmt_module
from retrieval.spaces.mmt import MmtSpace
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import JudgedByLibrary, JudgesHits, Space
from retrieval.spaces.starter import StarterSpace
from retrieval.types import FeatureTrack, Float32Array, Span
from tests.retrieval.models.mmt_cases import noise, track

STARTER = StarterSpace()
DIMS = {"appearance": STARTER.dim, "audio": 8, "speech": 384}


def config(**options: Any) -> MmtConfig:
    aligned = (
        AlignedTerm(name="event 1", expert="appearance", text=AlignedText.PICTURES),
        AlignedTerm(name="what is said", expert="speech", text=AlignedText.SENTENCES),
    )
    small = mmt_small(
        DIMS,
        frames=FrameTerm(space="starter", dim=STARTER.dim),
        aligned=aligned,
        width=16,
        heads=4,
        feed_forward=24,
        text=TokenText(layers=1, heads=6, feed_forward=16, most_tokens=20),
    )
    return replace(small, **options)


def write(folder: Path, those: MmtConfig, card: dict[str, Any] | None = None) -> Path:
    torch.manual_seed(3)
    model = Mmt(those, picture_text=lambda rows: rows)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    files = folder_files(
        those,
        weights,
        dict.fromkeys(those.names, "1"),
        {"name": "mine", **(card or {})},
        pictures_version=STARTER.version if those.frames else None,
    )
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("models") / "mine", config())


@pytest.fixture(scope="module")
def space(folder: Path) -> MmtSpace:
    found = get_space(f"mmt/{folder}")
    assert isinstance(found, MmtSpace)
    return found


def kept(seconds: int) -> dict[str, FeatureTrack]:
    """Tracks as indexing keeps them: of appearance the pooled features, half a second apart."""
    times = np.arange(2 * seconds, dtype=np.float32)[:, None] / 2 + np.array([[0, 0.5]], np.float32)
    features = np.maximum(noise(2 * seconds, Appearance.dim, seed=1), 0).astype(np.float16)
    return {
        "appearance": FeatureTrack(times, features),
        "audio": track(seconds, 8, seed=2),
        "speech": FeatureTrack(np.array([[2, 5]], np.float32), noise(1, 384, seed=3)),
    }


def starter_vectors(features: np.ndarray[Any, Any]) -> Float32Array:
    return STARTER.embed_segments(Appearance().recall(features.astype(np.float32)).rows)


def test_it_is_a_space_whose_vectors_are_not_of_length_one(space: MmtSpace, folder: Path) -> None:
    assert isinstance(space, Space)
    assert isinstance(space, JudgedByLibrary)
    assert not space.normalized
    assert space.name == f"mmt{folder}"
    assert space.needs == ("appearance", "audio", "speech")
    assert space.expert_versions == {"appearance": "1", "audio": "1", "speech": "1"}
    assert space.dim == space.embed_text(["a dog"]).shape[1] == 3 * 16 + STARTER.dim + 384 + STARTER.dim
    assert space.embed_text([]).shape == (0, space.dim)


def test_windows_are_the_models_vectors_of_what_was_kept(space: MmtSpace, folder: Path) -> None:
    """The last window holds no speech."""
    tracks, windows = kept(20), [Span(0, 10), Span(4, 20), Span(15, 20)]
    vectors = starter_vectors(tracks["appearance"].features).astype(np.float16)
    model = Mmt(read_mmt_folder(folder).config, picture_text=lambda rows: rows).eval()
    model.load_state_dict({n: torch.tensor(w) for n, w in read_mmt_folder(folder).weights().items()}, strict=False)

    found = space.embed_windows(tracks, windows)

    for row, window in enumerate(windows):
        begin, end = int(2 * window.start_seconds), int(2 * window.end_seconds)
        part: dict[str, FeatureTrack] = {
            "appearance": FeatureTrack(tracks["appearance"].times[begin:end], vectors[begin:end]),
            "audio": FeatureTrack(*(array[begin // 2 : end // 2] for array in _arrays(tracks["audio"]))),
        }
        if row == 0:
            part["speech"] = tracks["speech"]
        if row == 1:
            part["speech"] = FeatureTrack(np.array([[4, 5]], np.float32), tracks["speech"].features)
        frame = mean_frame(vectors[begin:end].astype(np.float32), STARTER.dim)
        batch = prepare_windows([Window(part, window.start_seconds, frame)], model.config)
        with torch.inference_mode():
            expected = model.embed_videos(batch.map(torch.from_numpy)).joined().numpy()
        np.testing.assert_allclose(found[row], expected[0], rtol=0, atol=1e-5)


def _arrays(track: FeatureTrack) -> tuple[Any, Any]:
    return track.times, track.features


def test_the_frame_term_is_the_mean_of_the_starters_frames(space: MmtSpace) -> None:
    tracks = kept(10)

    (vector,) = space.embed_windows(tracks, [Span(0, 10)])

    mean = starter_vectors(tracks["appearance"].features).mean(axis=0)
    np.testing.assert_allclose(vector[-STARTER.dim :], mean / np.linalg.norm(mean), atol=2e-3)
    (frames,) = (term for term in space.explain("a dog", vector[None])[0] if term.term == "frames")
    assert frames.agreement == pytest.approx(float(STARTER.embed_text(["a dog"])[0] @ vector[-STARTER.dim :]), abs=1e-5)


def test_an_expert_that_is_missing_leaves_the_others_terms(space: MmtSpace) -> None:
    tracks = kept(10)
    alone = {"appearance": tracks["appearance"]}

    (vector,) = space.embed_windows(alone, [Span(0, 10)])

    assert np.isfinite(vector).all()
    assert not vector[16:48].any()  # audio and speech
    assert vector[:16].any()
    assert space.embed_windows({}, [Span(0, 10)]).any() == False  # noqa: E712 - numpy's own


def test_features_that_are_no_numbers_are_left_out(space: MmtSpace) -> None:
    tracks = kept(10)
    clean = space.embed_windows(tracks, [Span(0, 9)])
    features = tracks["appearance"].features.copy()
    features[19] = np.nan

    spoilt = space.embed_windows(
        tracks | {"appearance": FeatureTrack(tracks["appearance"].times, features)}, [Span(0, 9)]
    )

    # Frames' vectors are kept in float16, of which a batch of another size may give the neighbour.
    np.testing.assert_allclose(spoilt, clean, atol=1e-4)


def test_a_video_is_cut_on_its_shots(space: MmtSpace) -> None:
    tracks = kept(60)
    features = np.repeat(tracks["appearance"].features[[0, 40]], [44, 76], axis=0)
    tracks["appearance"] = FeatureTrack(tracks["appearance"].times, features)

    windows = space.cut(tracks, 60.0)

    assert windows[0] == Span(0, 22)
    assert space.cut({}, 20.0) == [Span(0, 20)]


def test_cut_and_vectors_come_in_one_pass_too(space: MmtSpace) -> None:
    tracks = kept(60)

    windows, vectors = space.embed_video(tracks, 60.0)

    assert windows == space.cut(tracks, 60.0)
    np.testing.assert_allclose(vectors, space.embed_windows(tracks, windows), atol=1e-6)


def test_many_threads_get_the_same(space: MmtSpace) -> None:
    tracks, windows = kept(60), [Span(start, start + 20) for start in range(40)]
    alone = space.embed_windows(tracks, windows)

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: space.embed_windows(tracks, windows), range(8)):
            np.testing.assert_allclose(found, alone, atol=1e-3)  # frames are kept in float16, as below


def test_many_threads_make_each_side_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(side: Any, name: str) -> Any:
        def make(*arguments: Any) -> Any:
            made.append(name)
            time.sleep(0.1)
            return side(*arguments)

        return make

    monkeypatch.setattr(mmt_module, "VideoSide", counted(mmt_module.VideoSide, "video"))
    monkeypatch.setattr(mmt_module, "TextSide", counted(mmt_module.TextSide, "text"))
    space = MmtSpace("mmt/mine", read_mmt_folder(folder), StarterSpace())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: (space.embed_video(kept(3), 3.0), space.embed_text(["a dog"])), range(4)))

    assert sorted(made) == ["text", "video"]


def test_a_picture_is_a_window_of_one_frame(space: MmtSpace) -> None:
    features = np.maximum(noise(3, Appearance.dim, seed=5), 0)

    found = space.embed_segments(Appearance().recall(features).rows)

    times = np.array([[0, 1]], np.float32)
    expected = [
        space.embed_windows({"appearance": FeatureTrack(times, features[row : row + 1])}, [Span(0, 1)])[0]
        for row in range(3)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-3)  # kept in float16, at whose edges batches differ


def test_shares_sum_to_the_score_and_name_their_experts(space: MmtSpace) -> None:
    (vector,) = space.embed_windows(kept(10), [Span(0, 10)])
    text = "a dog runs, then a man sings"

    (terms,) = space.explain(text, vector[None])

    assert sum(term.share for term in terms) == pytest.approx(float(space.embed_text([text])[0] @ vector), abs=1e-5)
    assert sum(term.weight for term in terms) == pytest.approx(1, abs=1e-5)
    assert {(term.term, term.expert) for term in terms} == {
        ("appearance", "appearance"),
        ("audio", "audio"),
        ("speech", "speech"),
        ("event 1", "appearance"),
        ("what is said", "speech"),
        ("frames", "appearance"),
    }
    assert [term.share for term in terms] == sorted((term.share for term in terms), reverse=True)


def test_a_long_text_is_said_to_be_cut(space: MmtSpace) -> None:
    assert not space.is_cut("word " * 18)
    assert space.is_cut("word " * 19)


def test_the_version_is_of_model_and_picture_space(space: MmtSpace, tmp_path: Path) -> None:
    other = get_space(f"mmt/{write(tmp_path / 'other', config(layers=1))}")

    assert other.version != space.version
    assert get_space(space.name).version == space.version


def test_the_chance_is_the_cards(space: MmtSpace, tmp_path: Path) -> None:
    card = {"chance": {"even": 0.4, "steepness": 20}}
    told = get_space(f"mmt/{write(tmp_path / 'told', config(), card)}")
    query = np.zeros(told.dim, np.float32)

    chances = told.chance(np.array([0.4, 0.5, 0.2], np.float32), query, 10)

    assert chances[0] == pytest.approx(0.5)
    assert chances[1] > 0.8 > 0.1 > chances[2]
    assert space.fits_from == told.fits_from == 0.5
    broken = get_space(f"mmt/{write(tmp_path / 'broken', config(), {'chance': {'even': 'x'}})}")
    with pytest.raises(WeightsError, match="tells its chances by"):
        broken.chance(np.zeros(1, np.float32), query, 1)


def test_a_window_that_can_not_be_seen_is_judged_by_what_it_has(tmp_path: Path) -> None:
    """Its score is divided by the weight of its terms and a fifth; one with frames keeps its own."""
    space = get_space(f"mmt/{write(tmp_path / 'told', config(), {'chance': {'even': 0.4, 'steepness': 20}})}")
    assert isinstance(space, MmtSpace)
    tracks, text = kept(10), "someone says that it will rain"
    query = space.embed_text([text])[0]
    whole = space.embed_windows(tracks, [Span(0, 10)])
    sound = space.embed_windows({name: tracks[name] for name in ("audio", "speech")}, [Span(0, 10)])
    scores = np.array([0.3, 0.3], np.float32)
    evened = space.evened(scores, np.concatenate([whole, sound]), query)
    (terms,) = space.explain(text, sound)
    weight = sum(term.weight for term in terms if term.agreement)
    assert 0 < weight < 0.8
    np.testing.assert_allclose(evened, [0.3, 0.3 / (weight + 0.2)], rtol=1e-4)
    chances = space.hit_chance(scores, np.concatenate([whole, sound]), query, 10)
    np.testing.assert_allclose(chances, space.chance(evened, query, 10))
    assert chances[1] > chances[0]
    assert isinstance(space, JudgesHits)


def test_without_a_frame_term_no_picture_space_is_needed(tmp_path: Path) -> None:
    bare = config(frames=None, aligned=())
    bare = replace(bare, experts=tuple(replace(expert, dim=8) for expert in bare.experts))
    space = get_space(f"mmt/{write(tmp_path / 'bare', bare)}")
    assert isinstance(space, MmtSpace)

    vectors = space.embed_windows({"audio": track(10, 8)}, [Span(0, 10)])

    assert vectors.shape == (1, 3 * 16)
    assert (vectors @ space.embed_text(["a dog"]).T).shape == (1, 1)


# ---------------------------------------------------------------------------------------------------------- bad folders


def test_the_starter_that_is_not_here_is_a_plain_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmt_module, "MMT_STARTER", tmp_path / "absent")

    with pytest.raises(WeightsError, match="mmt/starter is not here: expected its weights in"):
        get_space("mmt/starter")


def test_names_without_a_model_are_told_what_is_expected() -> None:
    with pytest.raises(UnknownSpaceError, match=r"'mmt' names no model: expected mmt/starter, or mmt/FOLDER"):
        get_space("mmt")
    with pytest.raises(UnknownSpaceError, match="did you mean mmt/starter"):
        get_space("mnt/starter")


def test_a_folder_that_is_none_is_a_plain_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"is no trained MMT \(No such file or directory: card\.json\)"):
        get_space(f"mmt/{tmp_path}")


def test_a_folder_has_one_name_however_it_is_given(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    given = [f"mmt/{folder}", f"mmt{folder}", f"mmt/{folder.name}", f"mmt/./{folder.name}", f"mmt/{folder}/"]
    assert {get_space(name).name for name in given} == {f"mmt{folder}"}
    monkeypatch.chdir(tmp_path)
    assert get_space(f"mmt{folder}").name == f"mmt{folder}"


def test_a_name_that_could_be_two_folders_is_the_nearer_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = write(tmp_path / str(folder).lstrip("/"), config(layers=1))
    monkeypatch.chdir(tmp_path)
    assert get_space(f"mmt{folder}").name == f"mmt{near}"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (CARD_FILE, b"{", r"card\.json is damaged"),
        (CARD_FILE, b"[]", r"card\.json is something else"),
        (CARD_FILE, b"{}", r"model\.safetensors is not the file of its card: expected sha256 None"),
        (CONFIG_FILE, b"{}", r"config\.json is not the file of its card"),
        (WEIGHTS_FILE, b"other", r"model\.safetensors is not the file of its card"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    folder = write(tmp_path / "mine", config())
    (folder / name).write_bytes(content)

    with pytest.raises(WeightsError, match=message):
        get_space(f"mmt/{folder}")


def forge(folder: Path, change: dict[str, Any]) -> None:
    """Another configuration, with the digest that goes with it."""
    import hashlib

    told = json.loads((folder / CONFIG_FILE).read_bytes()) | change
    card = json.loads((folder / CARD_FILE).read_bytes())
    (folder / CONFIG_FILE).write_text(json.dumps(told))
    card["sha256"][CONFIG_FILE] = hashlib.sha256((folder / CONFIG_FILE).read_bytes()).hexdigest()
    (folder / CARD_FILE).write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "was written in format 2, expected 1; update vidi"),
        ({"model": {}}, r"config\.json is no configuration of an MMT \(KeyError"),
        ({"experts": {}}, r"config\.json is no configuration of an MMT \(KeyError: 'appearance'\)"),
        ({"pictures_version": "old"}, "was trained upon version old of the picture space starter"),
    ],
)
def test_configurations_that_dont_fit_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = write(tmp_path / "mine", config())
    forge(folder, change)

    with pytest.raises(WeightsError, match=message):
        get_space(f"mmt/{folder}")


def test_a_model_upon_a_model_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", config())
    model = json.loads((folder / CONFIG_FILE).read_bytes())["model"]
    forge(folder, {"model": model | {"frames": {"space": f"mmt/{folder}", "dim": STARTER.dim}}})

    with pytest.raises(WeightsError, match="which is no picture space"):
        get_space(f"mmt/{folder}")


def test_a_variant_for_ablation_is_no_space(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", config(missing=Missing.RENORMALISED, aligned=()))

    with pytest.raises(ModelError, match="can't be searched with"):
        get_space(f"mmt/{folder}")


def test_versions_of_all_experts_and_of_the_pictures_are_asked_for() -> None:
    with pytest.raises(ValueError, match=r"versions of \['audio'\], expected those of"):
        folder_files(config(), {}, {"audio": "1"}, {})
    with pytest.raises(ValueError, match="go together"):
        folder_files(config(), {}, dict.fromkeys(DIMS, "1"), {})


def test_neither_side_imports_torch(folder: Path) -> None:
    """In a new process."""
    script = f"""
import sys
import time
import numpy as np
from retrieval.spaces.registry import get_space
from retrieval.types import FeatureTrack, Span
space = get_space("mmt/{folder}")
track = FeatureTrack(np.array([[0, 1]], np.float32), np.ones((1, 8), np.float32))
assert (space.embed_windows({{"audio": track}}, [Span(0, 1)]) @ space.embed_text(["a dog"]).T).shape == (1, 1)
heavy = {{"torch", "sentence_transformers", "transformers", "gradio", "timm", "onnx", "av", "cv2"}}
print(sorted(heavy & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
