"""`vidi tag` as a person types it, over a library that is filled straight through the schema."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from retrieval.experts.appearance import Appearance
from retrieval.media.xmp import parse_xmp
from retrieval.store.catalog import Catalog
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.results import MediaRecord, SegmentRecord
from retrieval.tagging.imagenet import ImageNetTagger
from retrieval.types import FeatureTrack, MediaFacts, MediaKind
from ui.command_line import main
from ui.exit_codes import EXIT_FAILURE, EXIT_USAGE

Captured = pytest.CaptureFixture[str]
GOLDEN, ZEBRA, WINDSOR_TIE = 207, 340, 906
PICTURES = {"dog.jpg": GOLDEN, "zebra.jpg": ZEBRA, "aunt.jpg": WINDSOR_TIE}
"""A golden retriever, a zebra, and a person who is taken for a tie."""
SHARING = {"x.jpg": GOLDEN, "x.png": ZEBRA}
"""Two that share one sidecar where endings are replaced."""


def fill(
    library: Path, media: Path, names: dict[str, int] = PICTURES, version: str = f"{Appearance.version}+cut"
) -> None:
    """Pictures, and the class that each was given."""
    times = np.zeros((1, 2), np.float32)
    with Catalog(library, create=True) as catalog:
        intake = Intake(catalog, ("frames", "test"))
        space = catalog.space("plain", "1", 2, normalized=True)
        found = [FoundFile(bytes(media / name), "picture", 1, 1, place) for place, name in enumerate(names)]
        ids = intake.take_in(found, [], [])
        records = []
        for place, (file_id, number) in enumerate(zip(ids, names.values(), strict=True)):
            classes = [number, *range(100, 109), 0.98, *[0.0] * 9]
            tracks = {
                (ImageNetTagger.source.expert, version): FeatureTrack(times, np.array([classes], np.float16)),
                (Appearance.name, version): FeatureTrack(times, np.zeros((1, 1280), np.float16)),
            }
            facts, hashed = MediaFacts(MediaKind.PICTURE), bytes([place] * 32)
            vectors = np.zeros((1, 2), np.float32)
            records.append(MediaRecord(file_id, hashed, facts, [SegmentRecord()], vectors, tracks))
        intake.write(space, records, [])


def test_tracks_of_another_tower_are_not_read(tmp_path: Path, capsys: Captured) -> None:
    fill(tmp_path / "library", tmp_path, version="another-1")
    assert main(["--library", str(tmp_path / "library"), "tag"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "Nothing has a tag.\n"
    for tagger in ("photo", "imagenet"):
        assert f"{tagger} can't see 3 files; run `vidi index` on them again" in shown.err


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    for name in ("dog.jpg", "zebra.jpg", "aunt.jpg"):
        (folder / name).touch()
    return folder


@pytest.fixture
def vidi(tmp_path: Path, media: Path) -> Callable[..., int]:
    library = tmp_path / "library"
    fill(library, media)
    return lambda *arguments: main(["--library", str(library), *map(str, arguments)])


def test_the_most_frequent_tags_and_how_many_bear_them(vidi: Callable[..., int], capsys: Captured) -> None:
    assert vidi("tag", "--classifier", "imagenet") == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["1  dog", "1  Golden Retriever", "1  zebra"]
    assert "imagenet: 3 tags for 2 of 3 pictures and videos" in shown.err
    assert vidi("tag", "--classifier", "imagenet", "--top", "1") == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["1  dog", "   and 2 other tags; --top shows more"]
    assert shown.err == "imagenet: nothing new\n"


def test_one_picture_is_one(vidi: Callable[..., int], media: Path, capsys: Captured) -> None:
    assert vidi("tag", "--classifier", "imagenet", media / "zebra.jpg") == 0
    assert "imagenet: 1 tag for 1 of 1 picture or video (" in capsys.readouterr().err


def test_both_taggers_are_used_when_nothing_is_asked_for(vidi: Callable[..., int], capsys: Captured) -> None:
    assert vidi("tag") == 0
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["photo", "imagenet"]


def test_named_files_are_shown_one_by_one(vidi: Callable[..., int], media: Path, capsys: Captured) -> None:
    assert vidi("tag", "--classifier", "imagenet", media / "aunt.jpg", media / "dog.jpg") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{media}/aunt.jpg: no tag"
    assert lines[1].startswith(f"{media}/dog.jpg: dog (")


def test_by_hand_and_hidden(vidi: Callable[..., int], media: Path, capsys: Captured) -> None:
    vidi("tag", "--classifier", "imagenet")
    assert vidi("tag", "--add", "Anna", "--remove", "dog", media / "dog.jpg") == 0
    assert vidi("tag", "--json", "--classifier", "imagenet", media / "dog.jpg") == 0
    printed = json.loads("{" + capsys.readouterr().out.split("{", 1)[1])
    (file,) = printed["files"]
    assert [(tag["label"], tag["source"]) for tag in file["tags"]] == [
        ("Anna", "people"),
        ("Golden Retriever", "imagenet"),
    ]
    assert printed["taggers"][0]["assets"] == 0


def test_a_removed_tag_that_no_file_bore_is_told(vidi: Callable[..., int], media: Path, capsys: Captured) -> None:
    vidi("tag", "--classifier", "imagenet")
    capsys.readouterr()
    assert vidi("tag", "--remove", "dgo", "--remove", "dog", media) == 0
    assert capsys.readouterr().err == "vidi: no file bore 'dgo'; it is refused all the same\n"


def test_the_tags_of_one_classifier_are_withdrawn(vidi: Callable[..., int], media: Path, capsys: Captured) -> None:
    vidi("tag", "--classifier", "imagenet")
    vidi("tag", "--add", "Anna", media / "dog.jpg")
    capsys.readouterr()
    assert vidi("tag", "--withdraw", "imagnet") == EXIT_FAILURE
    assert capsys.readouterr().err == "vidi: no tagger is called 'imagnet'; did you mean imagenet?\n"
    assert vidi("tag", "--withdraw", "imagenet") == 0
    assert capsys.readouterr().err == "3 tags of imagenet withdrawn\n"
    assert vidi("tag", "--add", "Anna", media / "dog.jpg") == 0
    assert capsys.readouterr().out == f"{media}/dog.jpg: Anna\n"
    assert vidi("tag", "--classifier", "imagenet") == 0  # to it, all is unseen again
    assert "imagenet: 3 tags for 2 of 3" in capsys.readouterr().err


def test_csv_has_a_row_a_tag(vidi: Callable[..., int], media: Path, tmp_path: Path) -> None:
    assert vidi("tag", "--classifier", "imagenet", "--csv", tmp_path / "tags.csv") == 0
    with (tmp_path / "tags.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["path", "label", "score", "source"]
    assert [row[:2] for row in rows[1:]] == [
        [f"{media}/dog.jpg", "dog"],
        [f"{media}/dog.jpg", "Golden Retriever"],
        [f"{media}/zebra.jpg", "zebra"],
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [("dog.jpg", "is a picture by its name"), ("dog.jpg.xmp", "is there and no table by its name")],
)
def test_a_table_is_never_written_over_a_picture_or_another_file(
    vidi: Callable[..., int], media: Path, capsys: Captured, name: str, told: str
) -> None:
    (media / name).write_bytes(b"a person's own")
    assert vidi("tag", "--classifier", "imagenet", "--csv", media / name, media / "zebra.jpg") == EXIT_USAGE
    assert (media / name).read_bytes() == b"a person's own"
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.err.count("\n") == 1


def test_a_table_takes_the_place_of_the_last_one(vidi: Callable[..., int], tmp_path: Path) -> None:
    for _ in range(2):
        assert vidi("tag", "--classifier", "imagenet", "--csv", tmp_path / "tags.csv") == 0


def test_sidecars_are_told_before_they_are_written(vidi: Callable[..., int], media: Path, capsys: Captured) -> None:
    command = ("tag", "--classifier", "imagenet", "--xmp")
    assert vidi(*command) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 sidecars would be made, 0 would be changed.",
        f"  in {media}",
        "Nothing is written yet: add --write.",
    ]
    assert not list(media.glob("*.xmp"))
    assert vidi(*command, "--write", "--xmp-name", "replaced") == 0
    assert capsys.readouterr().out.splitlines()[0] == "2 sidecars made, 0 changed."
    assert sorted(path.name for path in media.glob("*.xmp")) == ["dog.xmp", "zebra.xmp"]
    assert "animal|dog|Golden Retriever" in (media / "dog.xmp").read_text()


def test_a_refused_tag_stands_above_no_other_in_a_sidecar(vidi: Callable[..., int], media: Path) -> None:
    vidi("tag", "--classifier", "imagenet")
    assert vidi("tag", "--remove", "Dog", media / "dog.jpg") == 0
    assert vidi("tag", "--classifier", "imagenet", "--xmp", "--write", media / "dog.jpg") == 0
    written = (media / "dog.jpg.xmp").read_text()
    assert "animal|Golden Retriever" in written
    assert "dog" not in written


def test_sidecars_may_lie_elsewhere(vidi: Callable[..., int], tmp_path: Path, media: Path) -> None:
    assert vidi("tag", "--classifier", "imagenet", "--xmp", "--write", "--xmp-to", tmp_path / "out") == 0
    below = tmp_path / "out" / media.relative_to("/")
    assert sorted(path.name for path in below.iterdir()) == ["dog.jpg.xmp", "zebra.jpg.xmp"]
    assert not list(media.glob("*.xmp"))


def test_one_sidecar_that_stays_is_told_as_one(vidi: Callable[..., int], media: Path, capsys: Captured) -> None:
    command = ("tag", "--classifier", "imagenet", "--xmp", "--write")
    for paths, told in (
        ((media / "dog.jpg",), "1 sidecar already holds what it should."),
        ((), "2 sidecars already hold what they should."),
    ):
        vidi(*command, *paths)
        capsys.readouterr()
        assert vidi(*command, *paths) == 0
        assert told in capsys.readouterr().out.splitlines()


def test_a_shared_sidecar_holds_the_tags_of_both_though_one_is_asked_for(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for name in SHARING:
        (media / name).touch()
    fill(tmp_path / "library", media, SHARING)
    command = ["--library", str(tmp_path / "library"), "tag", "--classifier", "imagenet", "--xmp", "--write"]
    command += ["--xmp-name", "replaced"]
    assert main(command) == 0
    both = (media / "x.xmp").read_bytes()
    assert b"zebra" in both
    assert b"dog" in both
    assert main([*command, str(media / "x.jpg")]) == 0
    assert (media / "x.xmp").read_bytes() == both
    assert not (media / "x.xmp.bak").exists()


def test_a_keyword_that_was_deleted_elsewhere_is_written_again_once_a_person_adds_it(
    vidi: Callable[..., int], media: Path
) -> None:
    write = ("tag", "--classifier", "imagenet", "--xmp", "--write", media / "dog.jpg")
    sidecar = media / "dog.jpg.xmp"
    assert vidi(*write) == 0
    sidecar.write_text(sidecar.read_text().replace("<rdf:li>dog</rdf:li>", "", 1))
    assert vidi(*write) == 0
    assert parse_xmp(sidecar.read_bytes()).keywords == ()
    assert "<dc:subject" in sidecar.read_text()
    assert "<rdf:li>dog</rdf:li>" not in sidecar.read_text().partition("</dc:subject>")[0]
    assert vidi("tag", "--add", "dog", media / "dog.jpg") == 0
    assert vidi(*write) == 0
    assert "<rdf:li>dog</rdf:li>" in sidecar.read_text().partition("</dc:subject>")[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--add", "x"), "--add and --remove need the files to tag"),
        (("--add", "x", "--labels", "f", "p"), "by hand; leave out --classifier"),
        (("--add", " ", "MEDIA"), "the label is empty; give a name such as dog"),
        (("--add", "x", "--remove", "X", "MEDIA"), "'x' is both to be added and to be removed"),
        (("--add", "x", "--json", "MEDIA"), "run `vidi tag --json PATH...`"),
        (("--space", "starter"), "--space chooses what compares the labels"),
        (("--write",), "--write, --xmp-name and --xmp-to are about sidecars; add --xmp"),
        (("--xmp-to", "d"), "--write, --xmp-name and --xmp-to are about sidecars; add --xmp"),
        (("--xmp-name", "replaced"), "--write, --xmp-name and --xmp-to are about sidecars; add --xmp"),
        (("--csv", "MEDIA"), "is a folder; give --csv the name of a file"),
        (("--withdraw", "imagenet", "MEDIA"), "--withdraw takes away all tags of one classifier"),
        (("--csv", "-"), "--csv writes a file, not standard output"),
    ],
)
def test_wrong_usage(
    vidi: Callable[..., int], media: Path, capsys: Captured, arguments: tuple[str, ...], told: str
) -> None:
    assert vidi("tag", *(str(media) if each == "MEDIA" else each for each in arguments)) == EXIT_USAGE
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--classifier", "phot"), "there is no classifier 'phot'"),
        (("--labels", "/nowhere.txt"), "/nowhere.txt can't be read"),
        (("--withdraw", "imagenet"), "no tagger is called 'imagenet'; nothing has been tagged yet"),
        (("/nowhere",), "nothing that is indexed lies at /nowhere"),
    ],
)
def test_expected_failures(vidi: Callable[..., int], capsys: Captured, arguments: tuple[str, ...], told: str) -> None:
    assert vidi("tag", *arguments) == EXIT_FAILURE
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
