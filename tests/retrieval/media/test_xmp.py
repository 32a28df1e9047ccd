"""XMP as programs write it, and as nobody should: whatever the bytes are, there are words or a plain reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retrieval.errors import BadMediaError, MediaError, MediaLimitError
from retrieval.media.files import open_media
from retrieval.media.plain import CAPTION_MOST, NAMES_MOST
from retrieval.media.xmp import XMP_BYTES_MOST, parse_xmp, read_sidecar
from retrieval.types import Words

NAMES = """
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" xmlns:MP="http://ns.microsoft.com/photo/1.2/"
 xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#" xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
"""


def xmp(inside: str, attributes: str = "") -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {NAMES}><rdf:Description rdf:about="" {attributes}>{inside}'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def bag(name: str, *items: str, form: str = "Bag") -> str:
    listed = "".join(f"<rdf:li>{item}</rdf:li>" for item in items)
    return f"<{name}><rdf:{form}>{listed}</rdf:{form}></{name}>"


def test_title_and_caption_are_those_of_the_default_language() -> None:
    for name, word in (("dc:title", "title"), ("dc:description", "caption")):
        alternatives = (
            f'<{name}><rdf:Alt><rdf:li xml:lang="fr">Un chien</rdf:li>'
            f'<rdf:li xml:lang="x-default">A dog</rdf:li></rdf:Alt></{name}>'
        )
        assert getattr(parse_xmp(xmp(alternatives)), word) == "A dog"
        assert getattr(parse_xmp(xmp(f"<{name}>plain</{name}>")), word) == "plain"


def test_keywords_are_one_list_with_every_level() -> None:
    packet = xmp(bag("dc:subject", "dog", "Paris", " ") + bag("lr:hierarchicalSubject", "Places|France|Paris"))
    assert parse_xmp(packet).keywords == ("dog", "Paris", "France", "Places")


@pytest.mark.parametrize(
    ("text", "rating"), [("4", 4), ("3.0", 3), ("-1", -1), ("0", 0), ("99", None), ("good", None), ("nan", None)]
)
def test_a_rating_is_an_attribute_or_an_element(text: str, rating: int | None) -> None:
    assert parse_xmp(xmp("", f'xmp:Rating="{text}"')).rating == rating
    assert parse_xmp(xmp(f"<xmp:Rating>{text}</xmp:Rating>")).rating == rating


def test_people_are_named_at_regions_and_in_lists() -> None:
    working_group = bag(
        "mwg-rs:Regions",
        '<rdf:Description mwg-rs:Name="Anna" mwg-rs:Type="Face"/>',
        '<rdf:Description mwg-rs:Type="Pet" mwg-rs:Name="Rex"/>',
        "<mwg-rs:Name>Ben</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type>",
    )
    microsoft = bag("MP:RegionInfo", bag("MPRI:Regions", '<rdf:Description MPReg:PersonDisplayName="Carl"/>'))
    listed = bag("Iptc4xmpExt:PersonInImage", "Anna", "Dora")
    assert parse_xmp(xmp(working_group + microsoft + listed)).people == ("Anna", "Ben", "Carl", "Dora")


def test_what_is_said_of_the_pictures_that_this_one_was_made_from_is_not_of_this_one() -> None:
    other = f"<xmpMM:Pantry><rdf:Bag><rdf:li>{bag('dc:subject', 'cat')}</rdf:li></rdf:Bag></xmpMM:Pantry>"
    assert parse_xmp(xmp(other)) == Words()


def test_the_packet_s_wrapper_and_padding_do_no_harm() -> None:
    packet = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0"?>' + xmp("", 'xmp:Rating="5"') + b'<?xpacket end="w"?>  \n\0\0'
    assert parse_xmp(packet).rating == 5
    assert parse_xmp(xmp("<dc:title>é</dc:title>").decode().encode("utf-16")).title == "é"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not XML", r"is not XML \(syntax error"),
        (b"", "is not XML"),
        (b"<a>", "is not XML"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "is not XML"),
        (b"<a/>", "no XMP"),
        (b'<!DOCTYPE a [<!ENTITY b "bbb">]><a>&b;</a>', "declares entities or a document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "declares entities or a document type"),
    ],
)
def test_what_is_no_xmp_or_could_harm_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadMediaError, match=reason):
        parse_xmp(data)


def test_too_large_a_sidecar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xmp"
    path.write_bytes(xmp("").ljust(XMP_BYTES_MOST + 1))
    with open_media(path) as media, pytest.raises(MediaLimitError, match="more than 8 MiB"):
        read_sidecar(media)
    path.write_bytes(xmp("", 'xmp:Rating="2"').ljust(XMP_BYTES_MOST))
    with open_media(path) as media:
        assert read_sidecar(media).rating == 2


def test_endless_words_are_cut() -> None:
    packet = xmp(
        f"<dc:description>{'long ' * 20_000}</dc:description><dc:title>{'t' * 5000}</dc:title>"
        + bag("dc:subject", *(f"{number:0200d}" for number in range(1000)))
    )
    words = parse_xmp(packet)
    assert len(words.caption or "") <= CAPTION_MOST
    assert len(words.title or "") == 1024
    assert sum(map(len, words.keywords)) == NAMES_MOST


def answer(data: bytes) -> str:
    """The words, or the reason why there are none."""
    try:
        return repr(parse_xmp(data))
    except MediaError as error:
        return str(error)


@given(st.binary())
@example(xmp("\0"))
@example(xmp("<dc:title><rdf:Alt/></dc:title>"))
@example(b"\xff\xfe<\0a\0")
def test_any_bytes_are_words_or_a_reason(data: bytes) -> None:
    assert answer(data)


@given(st.data())
def test_a_damaged_packet_is_words_or_a_reason(data: st.DataObject) -> None:
    packet = bytearray(xmp(bag("dc:subject", "dog", "cat"), 'xmp:Rating="3"'))
    for _ in range(data.draw(st.integers(1, 4))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    assert answer(bytes(packet))
