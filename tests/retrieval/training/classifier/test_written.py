"""What a training writes: its curve, and a folder that is its own and whole."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from retrieval.errors import DatasetError, UsageError
from retrieval.training.classifier import out_folder
from retrieval.training.classifier.curve import curve_csv, curve_svg
from retrieval.training.classifier.out_folder import OutFolder
from retrieval.training.heads_file import unfinished

ENTRIES = [
    {"epoch": 1, "train_loss": 2.0, "dev_loss": 1.5, "dev_accuracy": 0.25},
    {"epoch": 2, "train_loss": 1.0, "dev_loss": None, "dev_accuracy": None},
    {"epoch": 3, "train_loss": 0.5, "dev_loss": 1.0, "dev_accuracy": 0.75},
]
SVG = "{http://www.w3.org/2000/svg}"


def test_the_curve_as_data() -> None:
    assert curve_csv(ENTRIES).splitlines() == [
        "epoch,train_loss,dev_loss,dev_accuracy",
        "1,2.0,1.5,0.25",
        "2,1.0,,",
        "3,0.5,1.0,0.75",
    ]


def test_the_curve_as_a_picture_shows_what_was_measured_and_no_more() -> None:
    drawn = ElementTree.fromstring(curve_svg("cats & <dogs>", "epoch", ENTRIES))
    assert drawn.findtext(f"{SVG}title") == "cats & <dogs>"
    lines = [line.attrib["points"].split() for line in drawn.iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [3, 2, 2]
    heights = [float(point.split(",")[1]) for point in lines[0]]
    assert heights == sorted(heights)  # a loss that falls goes down, where y grows
    assert float(lines[2][0].split(",")[1]) > float(lines[2][1].split(",")[1])


def test_one_entry_is_a_dot() -> None:
    drawn = ElementTree.fromstring(curve_svg("mine", "epoch", ENTRIES[:1]))
    assert len(list(drawn.iter(f"{SVG}circle"))) == 3


def test_a_folder_without_its_card_is_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up, or the power fails, between the weights and the card."""
    true_write = out_folder.write_whole

    def full(path: Path, content: bytes) -> None:
        if path.name == "card.json":
            raise OSError(28, "No space left on device")
        true_write(path, content)

    folder = OutFolder(tmp_path / "out", {"seed": 1})
    (folder.cache / "state.pt").write_bytes(b"state")
    monkeypatch.setattr(out_folder, "write_whole", full)
    with pytest.raises(UsageError, match=r"out can't be written: No space left on device; free some space"):
        folder.write(b"weights", {"name": "mine"}, {})
    monkeypatch.undo()
    folder.close()

    again = OutFolder(tmp_path / "out", {"seed": 1})
    assert again.finished() is None
    assert (again.cache / "state.pt").exists()
    again.write(b"weights", {"name": "mine"}, {"learning_curve.csv": "epoch\n"})
    again.close()
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    with OutFolder(tmp_path / "out", {"seed": 1}) as finished:
        assert finished.finished() == card
    assert not again.cache.exists()


def test_only_a_folder_made_for_useless_data_is_removed(tmp_path: Path) -> None:
    OutFolder(tmp_path / "out", {"seed": 1}).close()
    found = OutFolder(tmp_path / "out", {"seed": 1})  # by the same command again
    with pytest.raises(DatasetError, match="useless"), found, found.undone_without_data():
        raise DatasetError("useless")
    assert (tmp_path / "out").exists()
    made = OutFolder(tmp_path / "new", {"seed": 1})
    with pytest.raises(DatasetError, match="useless"), made, made.undone_without_data():
        raise DatasetError("useless")
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match=r"out can't be written: Not a directory; free some space there, or choose"):
        OutFolder(tmp_path / "out", {})


def test_two_at_once_do_not_write_into_one_folder(tmp_path: Path) -> None:
    busy = r"another process is training into .*out; wait until it is done, or choose another --out"
    with OutFolder(tmp_path / "out", {"seed": 1}), pytest.raises(UsageError, match=busy):
        OutFolder(tmp_path / "out", {"seed": 1})
    with OutFolder(tmp_path / "out", {"seed": 1}) as again:
        assert again.finished() is None


@pytest.mark.parametrize("left", [".training.json.part", ".training.json.a1b2.part.json"])
def test_what_a_kill_left_before_the_mark_is_passed_over(tmp_path: Path, left: str) -> None:
    (tmp_path / left).touch()
    with OutFolder(tmp_path, {"seed": 1}) as folder:
        assert sorted(path.name for path in folder.path.iterdir()) == ["cache", "training.json"]


def test_what_a_kill_left_of_a_state_is_removed(tmp_path: Path) -> None:
    with OutFolder(tmp_path, {"seed": 1}) as folder:
        (folder.cache / ".state.pt.a1b2.part.pt").touch()
    with OutFolder(tmp_path, {"seed": 1}) as folder:
        assert not list(folder.cache.iterdir())


def test_writers_of_one_file_do_not_share_their_unfinished_ones(tmp_path: Path) -> None:
    with unfinished(tmp_path / "a.mp4") as one, unfinished(tmp_path / "a.mp4") as other:
        assert one != other
        assert one.suffix == ".mp4"
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert (tmp_path / "a.mp4").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_what_fails_to_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), unfinished(tmp_path / "a.mp4"):
        raise OSError("full")
    assert not list(tmp_path.iterdir())
