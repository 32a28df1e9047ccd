"""Words of people in every form that carries them, and which of them goes first."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import ExifTags, Image

from retrieval.media.descriptions import container_words
from retrieval.media.files import open_media
from retrieval.media.opening import open_picture
from retrieval.media.picture import decode_picture, probe
from retrieval.media.tasks import Failed, Probed, ProbeTask
from retrieval.media.video import probe_open_video, sample_video
from retrieval.media.worker import MediaWorkers
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import MediaKind, Words

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    b'xmp:Rating="4"><dc:title>By XMP</dc:title><dc:description>Un \xc3\xa9t\xc3\xa9</dc:description>'
    b"<dc:subject><rdf:Bag><rdf:li>dog</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def iptc(*datasets: tuple[int, int, bytes]) -> bytes:
    """IPTC-IIM 4.2, 1.5: a marker, record, dataset and length before each value."""
    return b"".join(struct.pack(">BBBH", 0x1C, record, number, len(data)) + data for record, number, data in datasets)


def add_iptc(path: Path, block: bytes) -> None:
    """Into a JPEG's APP13, as a Photoshop resource 0x0404."""
    resource = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(block)) + block + b"\0" * (len(block) % 2)
    segment = b"Photoshop 3.0\0" + resource
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + data[2:])


def words_of(path: Path) -> Words:
    """As decoding reads them, which is as probing does."""
    words = decode_picture(path, 32, MediaLimits())[0].words
    with open_media(path) as media, open_picture(media, MediaLimits()) as picture:
        assert probe(picture) == words
    return words


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.tif", "a.png", "a.avif"])
def test_xmp_is_read_from_every_format_that_carries_it(make: Any, name: str) -> None:
    options: dict[str, Any] = {"xmp": XMP}
    if name.endswith("tif"):
        options = {"tiffinfo": {700: XMP}}
    elif name.endswith("png"):
        from PIL.PngImagePlugin import PngInfo

        chunk = PngInfo()
        chunk.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"pnginfo": chunk}
    assert words_of(make.picture(name, **options)) == Words("By XMP", "Un été", 4, ("dog",))


def test_xmp_in_heic(make: Any) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    path = make.folder / "a.heic"
    pillow_heif.from_pillow(make.halves()).save(path, xmp=XMP)
    assert words_of(path) == Words("By XMP", "Un été", 4, ("dog",))


@pytest.mark.parametrize(
    ("charset", "caption", "expected"),
    [
        (b"\x1b%G", "Café".encode(), "Café"),
        (None, "Café".encode("latin-1"), "Café"),
        (None, "Café".encode(), "Café"),  # undeclared, as many programs write it
        (b"\x1b%G", b"Caf\xe9", "Caf\ufffd"),
    ],
)
def test_iptc_is_read_in_its_letters(make: Any, charset: bytes | None, caption: bytes, expected: str) -> None:
    path = make.picture("a.jpg")
    declared = [] if charset is None else [(1, 90, charset)]
    add_iptc(path, iptc(*declared, (2, 5, b"Title"), (2, 25, b"dog"), (2, 25, b"beach"), (2, 120, caption)))
    assert words_of(path) == Words("Title", expected, None, ("dog", "beach"))


def exif(**texts: Any) -> Image.Exif:
    tags = {"description": ExifTags.Base.ImageDescription, "rating": 0x4746, "title": 0x9C9B, "comment": 0x9C9C}
    made = Image.Exif()
    for name, value in texts.items():
        wide = name in ("title", "comment", "keywords")
        made[tags.get(name, 0x9C9E)] = value.encode("utf-16-le") + b"\0\0" if wide else value
    return made


def test_exif_is_read_with_the_fields_of_windows(make: Any) -> None:
    path = make.picture("a.jpg", exif=exif(description="A day out", rating=3, title="Été", keywords="dog;cat"))
    assert words_of(path) == Words("Été", "A day out", 3, ("dog", "cat"))
    path = make.picture("b.jpg", exif=exif(description="OLYMPUS DIGITAL CAMERA         ", comment="Nous"))
    assert words_of(path).caption == "Nous"


@pytest.mark.parametrize(
    "text",
    ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "Exif_JPEG_PICTURE", "DCIM\\100MEDIA\\DJI_0001.JPG", "default", "DSC_0001",
     "KODAK Digital Still Camera", "<KENOX S630  / Samsung S630>", "Created with GIMP", "\0\0", "   "],
)  # fmt: skip
def test_what_a_camera_writes_is_no_caption(make: Any, text: str) -> None:
    assert words_of(make.picture("a.jpg", exif=exif(description=text))) == Words()


@pytest.mark.parametrize("text", ["A digital camera on a table", "Sony and Rex", "2021", "Samsung's new office"])
def test_what_a_person_writes_of_cameras_is_a_caption(make: Any, text: str) -> None:
    assert words_of(make.picture("a.jpg", exif=exif(description=text))).caption == text


def test_xmp_goes_before_iptc_and_iptc_before_exif_and_lists_are_joined(make: Any) -> None:
    path = make.picture("a.jpg", xmp=XMP, exif=exif(description="By EXIF", rating=1, keywords="sand"))
    add_iptc(path, iptc((2, 5, b"By IPTC"), (2, 25, b"DOG"), (2, 25, b"beach"), (2, 120, b"By IPTC")))
    assert words_of(path) == Words("By XMP", "Un été", 4, ("dog", "beach", "sand"))
    path = make.picture("b.jpg", exif=exif(description="By EXIF", rating=1))
    add_iptc(path, iptc((2, 120, b"By IPTC")))
    assert words_of(path) == Words(None, "By IPTC", 1)


@pytest.mark.parametrize("packet", [b"<broken", b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>', b"\0"])
def test_a_damaged_part_costs_that_part_alone(make: Any, packet: bytes) -> None:
    path = make.picture("a.jpg", xmp=packet, exif=exif(description="By EXIF"))
    add_iptc(path, b"\x1c\x02\x78\xff\xff")
    assert words_of(path).caption == "By EXIF"


def test_the_texts_of_a_png(make: Any) -> None:
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("Title", "Alpha")
    texts.add_itxt("Description", "Ein schöner Tag")
    assert words_of(make.picture("a.png", pnginfo=texts)) == Words("Alpha", "Ein schöner Tag")


def test_words_of_a_container() -> None:
    told = {"com.apple.quicktime.title": "Holiday", "COMMENT": "By the sea", "keywords": "dog, sea;sun", "encoder": "x"}
    assert container_words(told) == Words("Holiday", "By the sea", None, ("dog", "sea", "sun"))
    assert container_words({"title": "Core Media Video", "comment": ""}) == Words()


def test_a_video_is_probed_as_it_is_decoded(make: Any) -> None:
    path = make.folder / "a.mp4"
    with av.open(str(path), "w") as target:
        target.metadata.update({"title": "Holiday", "comment": "By the sea"})
        stream = target.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(50):
            target.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        target.mux(stream.encode())
    frames = sample_video(path, SamplingSettings(), MediaLimits())
    while True:
        try:
            next(frames)
        except StopIteration as end:
            facts = end.value.facts
            break
    with open_media(path) as media:
        words, seconds = probe_open_video(media, MediaLimits())
    assert words == facts.words == Words("Holiday", "By the sea")
    assert seconds == pytest.approx(2.0, abs=0.1)


def test_workers_probe_pictures_and_sidecars(make: Any) -> None:
    picture = make.picture("a.jpg", xmp=XMP)
    sidecar, broken = make.folder / "a.xmp", make.folder / "b.xmp"
    sidecar.write_bytes(XMP)
    broken.write_bytes(b"no XML")
    tasks = [ProbeTask(1, picture, MediaKind.PICTURE), ProbeTask(2, sidecar, None), ProbeTask(3, broken, None)]
    with MediaWorkers(MediaLimits(), SamplingSettings(), processes=1) as workers:
        outcomes = {outcome.key: outcome for outcome in workers.map(iter(tasks))}
    first, second, third = outcomes[1], outcomes[2], outcomes[3]
    assert isinstance(first, Probed)
    assert isinstance(second, Probed)
    assert first.words == second.words == Words("By XMP", "Un été", 4, ("dog",))
    assert second.stat.size_bytes == len(XMP)
    assert isinstance(third, Failed)
    assert third.is_permanent
    assert third.reason.startswith("it is not XML")
