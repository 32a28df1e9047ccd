"""Tags in an XMP sidecar: into one, or out of it again, and nothing else of it changed.

Keywords go into ``dc:subject``, and with what lies above them into ``lr:hierarchicalSubject``. The sidecar itself
remembers what vidi wrote into a list, so that only that is ever removed; what of it somebody took out elsewhere, which
stays out; and what people had told vidi by then, so that what they tell it later is written all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from retrieval.errors import DatasetError
from retrieval.tagging.xmp_document import ListName, XmpDocument

__all__ = ["SidecarTags", "is_tagged", "tagged_sidecar"]

_DC: Final = "http://purl.org/dc/elements/1.1/"
_LR: Final = "http://ns.adobe.com/lightroom/1.0/"
_VIDI: Final = "urn:vidi:xmp:1"
_EMPTY: Final = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
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
    by_people: frozenset[str] = frozenset()
    """Those of both that people told vidi, not machines."""


@dataclass(frozen=True, slots=True)
class _Lists:
    """A property and what vidi remembers of it: what it wrote, what was taken out, and what people had said."""

    listed: ListName
    ours: ListName
    taken_out: ListName
    said: ListName


_SUBJECT: Final = _Lists(
    ListName(_DC, "dc", "subject"), *(ListName(_VIDI, "vidi", name) for name in ("tags", "tagsTakenOut", "tagsSaid"))
)
_HIERARCHY: Final = _Lists(
    ListName(_LR, "lr", "hierarchicalSubject"),
    *(ListName(_VIDI, "vidi", name) for name in ("hierarchy", "hierarchyTakenOut", "hierarchySaid")),
)


def tagged_sidecar(content: bytes | None, tags: SidecarTags) -> bytes | None:
    """The sidecar ``content`` (None: a new one) with ``tags``; None where nothing changes.

    Raises:
        DatasetError: it is no XMP that can be read, or its keywords are no list; the message says why.
    """
    document = XmpDocument(_EMPTY.encode() if content is None else content)
    said = _keys(tags.by_people)
    hierarchy = _unplaced(document, tags.hierarchy)
    wanted = _brought(document, tags.subjects, said, _SUBJECT) | _brought(document, hierarchy, said, _HIERARCHY)
    changed = [(name, texts) for name, texts in wanted.items() if texts != document.texts(name)]
    if not changed:
        return None
    for name, texts in changed:
        document.set_texts(name, texts)
    written = document.to_bytes()
    if not _holds(written, wanted):  # what can't be read again must never take the place of what can
        raise DatasetError("it is written so that it can't be changed safely; save it anew by another program")
    return written


def _unplaced(document: XmpDocument, hierarchy: Sequence[str]) -> list[str]:
    """``hierarchy`` without what somebody's own tree holds already: a keyword has one place, and theirs counts."""
    ours = set(document.texts(_HIERARCHY.ours))
    theirs = (text for text in document.texts(_HIERARCHY.listed) if text not in ours)
    placed = _keys(part for text in theirs for part in text.split("|"))
    return [text for text in hierarchy if text.rpartition("|")[2].casefold() not in placed]


def _holds(content: bytes, wanted: Mapping[ListName, list[str]]) -> bool:
    try:
        document = XmpDocument(content)
        return all(document.texts(name) == texts for name, texts in wanted.items())
    except DatasetError:
        return False


def is_tagged(content: bytes) -> bool:
    """Whether vidi has written into this sidecar.

    Raises: as :func:`tagged_sidecar`.
    """
    document = XmpDocument(content)
    memories = (name for lists in (_SUBJECT, _HIERARCHY) for name in (lists.ours, lists.taken_out))
    return any(map(document.texts, memories))


def _brought(
    document: XmpDocument, wanted: Sequence[str], by_people: frozenset[str], lists: _Lists
) -> dict[ListName, list[str]]:
    """What the lists should hold. Compared without regard to case; ``by_people`` is case folded."""
    listed, ours = document.texts(lists.listed), document.texts(lists.ours)
    known_out = document.texts(lists.taken_out)
    named = {text.casefold(): text for text in wanted}
    there = _keys(listed)
    told_anew = by_people - _keys(document.texts(lists.said))
    out = (_keys(ours) | _keys(known_out)) - there - (told_anew & named.keys())
    stale = {text for text in ours if text.casefold() not in named}  # as vidi spelt it: "Dog" is a person's own
    added = [text for key, text in named.items() if key not in there and key not in out]
    own = [text for text in ours if text.casefold() in there and text not in stale] + added
    taken_out = {text.casefold(): text for text in (*known_out, *ours) if text.casefold() in out}
    said = [text for key, text in named.items() if key in by_people and key in _keys(own) | out]
    return {
        lists.listed: [text for text in listed if text not in stale] + added,
        lists.ours: own,
        lists.taken_out: list(taken_out.values()),
        lists.said: said,
    }


def _keys(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(text.casefold() for text in texts)
