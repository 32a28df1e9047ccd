"""An XMP file whose lists of texts can be changed: prefixes, comments, white space and all else stay as they are.

Properties are those of the picture itself: right below an rdf:Description that is right below rdf:RDF. Deeper ones are
of the pictures from which this one was made. ISO 16684-1, 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.dom import Node, minidom
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape, quoteattr

from retrieval.errors import DatasetError

__all__ = ["ListName", "XmpDocument"]

_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LISTS: Final = ("Bag", "Seq", "Alt")


@dataclass(frozen=True, slots=True)
class ListName:
    """Of a property that is a list of texts; ``prefix`` is the one that is declared where the list is made."""

    uri: str
    prefix: str
    name: str

    def __str__(self) -> str:
        return f"{self.prefix}:{self.name}"


class XmpDocument:
    """A parsed XMP file."""

    def __init__(self, content: bytes) -> None:
        """Raises DatasetError where ``content`` is no XMP that can be read; the message says why."""
        self._document = _parse(content)
        roots = self._document.getElementsByTagNameNS(_RDF, "RDF")
        if not roots:
            raise DatasetError("it is XML, but no XMP (it has no rdf:RDF)")
        self._root: minidom.Element = roots[0]

    def texts(self, name: ListName) -> list[str]:
        """The items of a list; none where it is absent.

        Raises:
            DatasetError: it is written as something other than a list.
        """
        return [_text(item) for item in self._items(name)]

    def set_texts(self, name: ListName, texts: Sequence[str]) -> None:
        """Make the list hold ``texts``: items that stay are not touched, so that their attributes stay, too.

        Raises: as :meth:`texts`.
        """
        left = list(texts)
        for item in self._items(name):
            if _text(item) in left:
                left.remove(_text(item))
            else:
                _remove(item)
        if left:
            bag = self._bag(name)
            for text in left:
                item = self._made("li")
                item.appendChild(self._document.createTextNode(text))
                bag.appendChild(item)
        if not texts:
            for owner in self._owners(name):
                _remove(owner)

    def to_bytes(self) -> bytes:
        """The file, in UTF-8."""
        return "".join(_written(self._document)).encode()

    def _owners(self, name: ListName) -> list[minidom.Element]:
        found = []
        for description in self._descriptions():
            if description.hasAttributeNS(name.uri, name.name):
                raise DatasetError(f"it has {name} as an attribute, expected a list; save it anew by another program")
            found += [child for child in _children(description) if _is(child, name.uri, name.name)]
        return found

    def _items(self, name: ListName) -> list[minidom.Element]:
        bags = [_bag_in(owner, name) for owner in self._owners(name)]
        return [item for bag in bags if bag is not None for item in _children(bag)]

    def _bag(self, name: ListName) -> minidom.Element:
        """The list's container; made where there is none."""
        owners = self._owners(name)
        for owner in owners:
            if (bag := _bag_in(owner, name)) is not None:
                return bag
        if owners:
            owner = owners[0]
        else:
            owner = self._document.createElementNS(name.uri, str(name))
            owner.setAttribute(f"xmlns:{name.prefix}", name.uri)
            self._description().appendChild(owner)
        made = self._made("Bag")
        owner.appendChild(made)
        return made

    def _descriptions(self) -> list[minidom.Element]:
        return [child for child in _children(self._root) if _is(child, _RDF, "Description")]

    def _description(self) -> minidom.Element:
        """Where a new property goes."""
        if found := self._descriptions():
            return found[0]
        made = self._made("Description")
        made.setAttribute(f"{made.tagName.partition(':')[0]}:about", "")
        self._root.appendChild(made)
        return made

    def _made(self, name: str) -> minidom.Element:
        """An element of RDF, by the prefix that the file has for it; where that is none, one is declared."""
        prefix = self._root.prefix
        if not prefix:
            prefix = "rdf"
            self._root.setAttribute("xmlns:rdf", _RDF)
        return self._document.createElementNS(_RDF, f"{prefix}:{name}")


def _parse(content: bytes) -> minidom.Document:
    from defusedxml import DefusedXmlException
    from defusedxml.minidom import parseString

    try:
        document: minidom.Document = parseString(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise DatasetError("it declares entities or a document type, which could harm and XMP never needs") from error
    except (ExpatError, ValueError, LookupError, RecursionError) as error:
        raise DatasetError(f"it is no XML that can be read ({error})") from error
    return document


def _children(element: minidom.Element) -> list[minidom.Element]:
    return [child for child in element.childNodes if isinstance(child, minidom.Element)]


def _is(element: minidom.Element, uri: str, *names: str) -> bool:
    return element.namespaceURI == uri and element.localName in names


def _bag_in(owner: minidom.Element, name: ListName) -> minidom.Element | None:
    """The container of the list ``owner``; None where that is empty."""
    inside = _children(owner)
    if not inside and not _text(owner).strip() and not _says_more(owner):
        return None
    if len(inside) == 1 and _is(inside[0], _RDF, *_LISTS):
        items = _children(inside[0])
        if all(_is(item, _RDF, "li") and not _children(item) for item in items):
            return inside[0]
    raise DatasetError(f"it has {name} in a form that is no plain list; save it anew by another program")


def _says_more(owner: minidom.Element) -> bool:
    """Such as by rdf:resource."""
    return any(attribute.namespaceURI == _RDF for attribute in owner.attributes.values())


def _text(element: minidom.Element) -> str:
    return "".join(child.data for child in element.childNodes if isinstance(child, minidom.Text))


def _remove(node: minidom.Element) -> None:
    """With the white space before it."""
    parent: Any = node.parentNode
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
