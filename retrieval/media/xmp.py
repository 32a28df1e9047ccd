"""XMP: what people and their programs write of a picture, as XML, inside it or in a sidecar beside it.

ISO 16684-1 (the RDF form); names of properties by Dublin Core, XMP basic, Lightroom, the Metadata Working Group's
regions (MWG 2.0, 5.9), Microsoft's people tags and IPTC's extension.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.errors import BadMediaError, MediaLimitError
from retrieval.media.files import OpenMedia
from retrieval.media.plain import make_words
from retrieval.types import Words

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # a type; parsing is defusedxml's

__all__ = ["XMP_BYTES_MOST", "parse_xmp", "read_sidecar"]

XMP_BYTES_MOST = 8 << 20
"""Programs that keep a picture's whole history write some hundred KiB."""

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"
_MP = "{http://ns.microsoft.com/photo/1.2/}"
_MP_REGION = "{http://ns.microsoft.com/photo/1.2/t/Region#}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_TITLE = f"{_DC}title"
_CAPTION = f"{_DC}description"
_SUBJECT = f"{_DC}subject"
_RATING = "{http://ns.adobe.com/xap/1.0/}Rating"
_HIERARCHY = "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject"
_PERSON = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}PersonInImage"
_REGIONS = (f"{_MWG}Regions", f"{_MP}RegionInfo")
_OURS = {_SUBJECT: "{urn:vidi:xmp:1}tags", _HIERARCHY: "{urn:vidi:xmp:1}hierarchy"}
"""What `vidi tag --xmp` wrote itself is nothing that people said (retrieval/tagging/xmp.py)."""
_WANTED = frozenset({_TITLE, _CAPTION, _SUBJECT, _RATING, _HIERARCHY, _PERSON, *_OURS.values()})
_FACES = frozenset({"", "face"})
"""Types of a region that show a person: others are pets, barcodes, and points of focus."""


def read_sidecar(media: OpenMedia) -> Words:
    """The words of an XMP file.

    Raises:
        BadMediaError: it is not XML, declares entities or a document type, or holds no XMP.
        MediaLimitError: it is too large.
        TransientMediaError: it changed while it was read.
    """
    data = media.file.read(XMP_BYTES_MOST + 1)
    media.check_unchanged()
    return parse_xmp(data)


def parse_xmp(data: bytes) -> Words:
    """The words of an XMP packet.

    Raises:
        BadMediaError: it is not XML, declares entities or a document type, or holds no XMP.
        MediaLimitError: it is too large.
    """
    if len(data) > XMP_BYTES_MOST:
        raise MediaLimitError(f"XMP of more than {XMP_BYTES_MOST >> 20} MiB is not read; export it anew")
    rdf = next(_parsed(_unpadded(data)).iter(f"{_RDF}RDF"), None)
    if rdf is None:
        raise BadMediaError("it is XML, but no XMP (there is no rdf:RDF in it); export it anew")
    found: dict[str, list[str]] = {}
    people: list[str] = []
    # Descriptions further down are of other pictures, from which this one was made.
    for description in rdf.findall(f"{_RDF}Description"):
        for name, values in _properties(description):
            found.setdefault(name, []).extend(values)
        people += _people(description)
    return make_words(
        title=_first(found, _TITLE),
        caption=_first(found, _CAPTION),
        rating=_first(found, _RATING),
        keywords=[*_theirs(found, _SUBJECT), *_levels(_theirs(found, _HIERARCHY))],
        people=[*people, *found.get(_PERSON, ())],
    )


def _unpadded(data: bytes) -> bytes:
    """Some programs fill a packet up with zeros; in UTF-16 they belong to the letters."""
    return data if data.startswith((b"\xff\xfe", b"\xfe\xff")) else data.rstrip(b"\0 \t\r\n")


def _parsed(data: bytes) -> Element:
    # Here, since most workers never meet XMP, and it loads a second XML parser.
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as exc:
        raise BadMediaError(
            "it declares entities or a document type, which could harm and XMP never needs; export it anew"
        ) from exc
    except (ParseError, ValueError, LookupError) as exc:
        raise BadMediaError(f"it is not XML ({exc}); export it anew") from exc
    return root


def _properties(description: Element) -> Iterator[tuple[str, list[str]]]:
    """Those that are wanted, written as attributes or as elements."""
    yield from ((name, [value]) for name, value in description.attrib.items() if name in _WANTED)
    yield from ((element.tag, _values(element)) for element in description if element.tag in _WANTED)


def _values(element: Element) -> list[str]:
    """The items of a list (of languages: the default one first), or the plain value."""
    items = list(element.iter(f"{_RDF}li"))
    items.sort(key=lambda item: item.get(_LANGUAGE) != "x-default")
    return [item.text or "" for item in items] if items else [element.text or ""]


def _first(found: dict[str, list[str]], name: str) -> str | None:
    return next((value for value in found.get(name, ()) if value.strip()), None)


def _theirs(found: dict[str, list[str]], name: str) -> list[str]:
    """A list without what vidi wrote into it."""
    ours = frozenset(found.get(_OURS[name], ()))
    return [value for value in found.get(name, ()) if value not in ours]


def _levels(subjects: Iterable[str]) -> Iterator[str]:
    """ "Places|France|Paris" is a picture of each."""
    for subject in subjects:
        yield from reversed(subject.split("|"))


def _people(description: Element) -> Iterator[str]:
    """Names at marked regions, wherever in the list's nesting they stand."""
    for regions in (element for element in description if element.tag in _REGIONS):
        for region in regions.iter():
            if _property(region, f"{_MWG}Type").strip().casefold() in _FACES:
                yield _property(region, f"{_MWG}Name")
            yield _property(region, f"{_MP_REGION}PersonDisplayName")


def _property(element: Element, name: str) -> str:
    return element.get(name) or element.findtext(name) or ""
