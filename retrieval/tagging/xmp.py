"""Tags in an XMP sidecar: into one, or out of it again, and nothing else of it changed.

Keywords go into ``dc:subject``, and with what lies above them into ``lr:hierarchicalSubject``. What vidi wrote itself
is remembered in the sidecar (``vidi:tags``, ``vidi:hierarchy``), so that only that is ever removed. A keyword that vidi
wrote and a person took out stays out. Prefixes, comments, white space and every other property stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.dom import Node, minidom
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape, quoteattr

from retrieval.errors import DatasetError

__all__ = ["SidecarTags", "tagged_sidecar"]

_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC: Final = "http://purl.org/dc/elements/1.1/"
_LR: Final = "http://ns.adobe.com/lightroom/1.0/"
_VIDI: Final = "urn:vidi:xmp:1"
_EMPTY: Final = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="{_RDF}">
  <rdf:Description rdf:about=""/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


@dataclass(frozen=True, slots=True)
class SidecarTags:
    """The keywords that a sidecar should hold, and the same below what lies above them, as ``animal|dog``."""

    subjects: tuple[str, ...]
    hierarchy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Property:
    """A list of texts under one name: ``ours`` is the list that remembers what vidi wrote into it."""

    uri: str
    name: str
    ours: str


_SUBJECT: Final = _Property(_DC, "dc:subject", "vidi:tags")
_HIERARCHY: Final = _Property(_LR, "lr:hierarchicalSubject", "vidi:hierarchy")


def tagged_sidecar(content: bytes | None, tags: SidecarTags) -> bytes | None:
    """The sidecar ``content`` (None: a new one) with ``tags``; None where nothing changes.

    Raises:
        DatasetError: it is no XMP that can be read; the message says why.
    """
    document = _parse(_EMPTY.encode() if content is None else content)
    changed = [
        _bring(document, wanted, kind) for wanted, kind in ((tags.subjects, _SUBJECT), (tags.hierarchy, _HIERARCHY))
    ]
    if not any(changed):
        return None
    written = "".join(_written(document)).encode()
    _parse(written)  # what can't be read again must never take the place of what can
    return written


def _parse(content: bytes) -> minidom.Document:
    from defusedxml import DefusedXmlException
    from defusedxml.minidom import parseString

    try:
        document: minidom.Document = parseString(content, forbid_dtd=True)
    except (ExpatError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise DatasetError(f"it is no XML that can be read ({error})") from error
    if not document.getElementsByTagNameNS(_RDF, "RDF"):
        raise DatasetError("it is XML, but no XMP (it has no rdf:RDF)")
    return document


def _bring(document: minidom.Document, wanted: Sequence[str], kind: _Property) -> bool:
    """Bring one list to hold ``wanted``; whether anything changed."""
    listed, ours = _texts(document, kind.uri, kind.name), _texts(document, _VIDI, kind.ours)
    there = {text.casefold() for text in listed}
    named = {text.casefold(): text for text in wanted}
    taken_out = {text.casefold() for text in ours} - there
    stale = {text for text in ours if text.casefold() not in named}  # as vidi spelt it: "Dog" is a person's own
    added = [text for key, text in named.items() if key not in there and key not in taken_out]
    kept = [text for text in listed if text not in stale]
    remembered = [text for text in ours if text.casefold() in named] + added
    if kept + added == listed and remembered == ours:
        return False
    _set_texts(document, kind.uri, kind.name, kept + added)
    _set_texts(document, _VIDI, kind.ours, remembered)
    return True


def _local(name: str) -> str:
    return name.partition(":")[2]


def _items(document: minidom.Document, uri: str, name: str) -> Iterator[minidom.Element]:
    for found in document.getElementsByTagNameNS(uri, _local(name)):
        yield from found.getElementsByTagNameNS(_RDF, "li")


def _texts(document: minidom.Document, uri: str, name: str) -> list[str]:
    return [
        "".join(child.data for child in item.childNodes if child.nodeType in (Node.TEXT_NODE, Node.CDATA_SECTION_NODE))
        for item in _items(document, uri, name)
    ]


def _set_texts(document: minidom.Document, uri: str, name: str, texts: Sequence[str]) -> None:
    """Make the list hold ``texts``: items that stay are not touched, so that their attributes stay, too."""
    left = list(texts)
    for item, text in zip(list(_items(document, uri, name)), _texts(document, uri, name), strict=True):
        if text in left:
            left.remove(text)
        else:
            _remove(item)
    if left:
        bag = _bag(document, uri, name)
        for text in left:
            item = document.createElementNS(_RDF, f"{_prefix(document)}:li")
            item.appendChild(document.createTextNode(text))
            bag.appendChild(item)
    if not texts:
        for found in document.getElementsByTagNameNS(uri, _local(name)):
            _remove(found)


def _bag(document: minidom.Document, uri: str, name: str) -> minidom.Element:
    """The list's container; made where there is none."""
    prefix = _prefix(document)
    found = document.getElementsByTagNameNS(uri, _local(name))
    for kind in ("Bag", "Seq", "Alt"):
        if found and (bags := found[0].getElementsByTagNameNS(_RDF, kind)):
            return bags[0]
    if found:
        owner = found[0]
    else:
        owner = document.createElementNS(uri, name)
        owner.setAttribute(f"xmlns:{name.partition(':')[0]}", uri)
        _description(document).appendChild(owner)
    bag = document.createElementNS(_RDF, f"{prefix}:Bag")
    owner.appendChild(bag)
    return bag


def _description(document: minidom.Document) -> minidom.Element:
    """Where a new property goes: the first rdf:Description right below rdf:RDF."""
    (root, *_) = document.getElementsByTagNameNS(_RDF, "RDF")
    for child in root.childNodes:
        if child.nodeType == Node.ELEMENT_NODE and (child.namespaceURI, child.localName) == (_RDF, "Description"):
            return child
    made = document.createElementNS(_RDF, f"{_prefix(document)}:Description")
    made.setAttribute(f"{_prefix(document)}:about", "")
    root.appendChild(made)
    return made


def _prefix(document: minidom.Document) -> str:
    return document.getElementsByTagNameNS(_RDF, "RDF")[0].prefix or "rdf"


def _remove(node: minidom.Element) -> None:
    """With the white space before it."""
    parent: Any = node.parentNode
    if parent is not None:
        before = node.previousSibling
        if before is not None and before.nodeType == Node.TEXT_NODE and not before.data.strip():
            parent.removeChild(before)
        parent.removeChild(node)


def _written(node: Any) -> Iterator[str]:
    """The text of a node. minidom's own writer would turn line breaks in attributes into spaces."""
    match node:
        case minidom.Document():
            for part in node.childNodes:
                yield from _written(part)
                yield "\n"
        case minidom.Element():
            attributes = "".join(f" {name}={_quoted(value)}" for name, value in node.attributes.items())
            if not node.childNodes:
                yield f"<{node.tagName}{attributes}/>"
                return
            yield f"<{node.tagName}{attributes}>"
            for child in node.childNodes:
                yield from _written(child)
            yield f"</{node.tagName}>"
        case minidom.CDATASection():
            yield f"<![CDATA[{node.data}]]>"
        case minidom.Text():
            yield escape(node.data, {"\r": "&#13;"})
        case minidom.Comment():
            yield f"<!--{node.data}-->"
        case minidom.ProcessingInstruction():
            yield f"<?{node.target} {node.data}?>"


def _quoted(value: str) -> str:
    return quoteattr(value, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
