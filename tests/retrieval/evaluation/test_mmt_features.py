from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.errors import DatasetError, MissingExtraError
from retrieval.evaluation.mmt_features import FeatureFiles, read_split
from retrieval.models.mmt_inputs import UNKNOWN_TIME
from tests.retrieval.evaluation.authors_features import DIMS, VIDEOS, content_of, write_data_set, write_video


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    return write_data_set(tmp_path)


def read(folder: Path, content: dict[str, Any]) -> dict[str, Any]:
    write_video(folder, "video1", content)
    return dict(FeatureFiles(folder).read("video1", DIMS).tracks)


def test_features_and_captions_are_read(data_set: Path) -> None:
    video = FeatureFiles(data_set).read(VIDEOS[1], DIMS)
    written = content_of(1)

    assert video.captions == tuple(
        b" ".join(written[f"raw_captions.{n}"].tolist()).decode()
        if isinstance(written[f"raw_captions.{n}"][0], bytes)
        else " ".join(written[f"raw_captions.{n}"].tolist())
        for n in range(3)
    )
    np.testing.assert_array_equal(video.tracks["rgb"].features, written["features.rgb"])


@pytest.mark.parametrize("part", ["", "symlinked-feats", "vid_feat_files/mult_h5"])
def test_any_of_its_folders_will_do(data_set: Path, part: str) -> None:
    folder = data_set / part

    assert FeatureFiles(folder).read(VIDEOS[0], DIMS).video == VIDEOS[0]
    assert len(read_split(folder, "jsfusion")) == 6


def test_an_expert_is_missing_where_it_is_empty_absent_or_begins_with_nan(data_set: Path) -> None:
    video = FeatureFiles(data_set).read(VIDEOS[3], DIMS)

    assert "face" not in video.tracks  # NaN
    assert "speech" not in video.tracks  # empty
    content = content_of(0)
    del content["features.rgb"]
    assert "rgb" not in read(data_set, content)


def test_times_are_stored_recomputed_or_unknown(data_set: Path) -> None:
    content = content_of(0)
    tracks = read(data_set, content)

    np.testing.assert_allclose(tracks["s3d"].times, content["features_t.s3d"])
    np.testing.assert_allclose(tracks["vggish"].times, content["features_t.vggish"])
    np.testing.assert_allclose(tracks["rgb"].times[3], [0.6, 0.8], atol=1e-6)
    np.testing.assert_allclose(tracks["scene"].times[3], [3, 4])
    for name in ("face", "ocr"):
        assert (tracks[name].times == UNKNOWN_TIME).all()


def test_more_times_than_features_are_cut(data_set: Path) -> None:
    content = content_of(0)
    content["features.s3d"] = content["features.s3d"][:1]

    assert len(read(data_set, content)["s3d"]) == 1


def test_times_that_are_no_numbers_are_unknown(data_set: Path) -> None:
    content = content_of(0)
    content["features_t.s3d"][0] = np.nan

    assert read(data_set, content)["s3d"].times[0].tolist() == [UNKNOWN_TIME, UNKNOWN_TIME]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("features.rgb", np.zeros((2, 7), np.float32), r"features\.rgb is float32 \[2, 7\], expected numbers \[n, 8\]"),
        ("features.rgb", np.zeros(8, np.float32), r"features\.rgb is float32 \[8\], expected numbers"),
        ("features_t.s3d", np.zeros((0, 2)), r"features_t\.s3d is float64 \[0, 2\], expected seconds"),
        ("features_t.s3d", np.zeros((99, 3)), r"features_t\.s3d is float64 \[99, 3\], expected seconds"),
        ("raw_captions.0", "", "has no caption, or an empty one"),
        ("raw_captions.9", "a dog", "has 4 captions, no readable one of number 'raw_captions.3'"),
    ],
)
def test_what_a_file_says_wrongly_is_a_plain_line(data_set: Path, name: str, value: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read(data_set, content_of(0) | {name: value})


def test_a_caption_may_be_one_string(data_set: Path) -> None:
    write_video(data_set, "video1", content_of(0) | {"raw_captions.0": " a dog runs "})

    assert FeatureFiles(data_set).read("video1", DIMS, 0).captions == ("a dog runs",)


@pytest.mark.parametrize(("content", "reason"), [(None, "there is no such file"), (b"no hdf5", "it is no HDF5 file")])
def test_a_video_that_cant_be_read_is_named(data_set: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        write_video(data_set, "video1", {}).write_bytes(content)

    with pytest.raises(DatasetError, match=rf"video1\.h5 can't be read \({reason}"):
        FeatureFiles(data_set).read("video1", DIMS)


def test_a_folder_without_features_is_a_plain_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no feature files: expected vid_feat_files/mult_h5/v/i/d/vid\.h5"):
        FeatureFiles(tmp_path)


def test_without_h5py_the_install_command_is_named(data_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)

    with pytest.raises(MissingExtraError, match=r"pip install vidi\[train\]"):
        FeatureFiles(data_set)


def test_the_splits_tell_their_captions(data_set: Path) -> None:
    assert [number for _, number in read_split(data_set, "jsfusion")] == [2, 1, 0, 0, 0, 0]
    assert {number for _, number in read_split(data_set, "miech")} == {0}
    assert {number for _, number in read_split(data_set, "full")} == {None}
    own = data_set / "mine.txt"
    own.write_text(f"{VIDEOS[2]}\n\n{VIDEOS[0]}\n")
    assert read_split(data_set, str(own)) == [(VIDEOS[2], None), (VIDEOS[0], None)]


def test_an_unknown_split_names_those_that_there_are(data_set: Path) -> None:
    with pytest.raises(DatasetError, match="there is no split 'val': expected jsfusion, miech, full, or a file"):
        read_split(data_set, "val")


@pytest.mark.parametrize(
    ("text", "message"), [("", "names 0 videos"), ("a\na\n", "names 2 videos, 1 of them different")]
)
def test_an_odd_list_is_refused(data_set: Path, text: str, message: str) -> None:
    (data_set / "symlinked-feats" / "val_list_jsfusion.txt").write_text(text)

    with pytest.raises(DatasetError, match=message):
        read_split(data_set, "jsfusion")


def test_a_list_that_is_not_there_is_named(data_set: Path) -> None:
    (data_set / "symlinked-feats" / "test_list.txt").unlink()

    with pytest.raises(DatasetError, match=r"test_list\.txt is not in"):
        read_split(data_set, "full")


class Harm:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_code_among_the_caption_numbers_is_refused_and_never_runs(data_set: Path) -> None:
    path, target = data_set / "symlinked-feats" / "jsfusion_val_caption_idx.pkl", data_set / "harm"
    path.write_bytes(pickle.dumps({VIDEOS[0]: Harm(target)}))

    with pytest.raises(DatasetError, match=r"jsfusion_val_caption_idx\.pkl was not read \(it names"):
        read_split(data_set, "jsfusion")
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"x", pickle.dumps([1]), pickle.dumps({"a": "b"})])
def test_other_caption_numbers_are_refused(data_set: Path, content: bytes) -> None:
    (data_set / "symlinked-feats" / "jsfusion_val_caption_idx.pkl").write_bytes(content)

    with pytest.raises(DatasetError, match="was not read"):
        read_split(data_set, "jsfusion")


def test_a_video_without_a_caption_number_is_named(data_set: Path) -> None:
    (data_set / "symlinked-feats" / "jsfusion_val_caption_idx.pkl").write_bytes(pickle.dumps({VIDEOS[0]: 0}))

    with pytest.raises(DatasetError, match=f"names no caption of {VIDEOS[1]} and 4 more"):
        read_split(data_set, "jsfusion")
