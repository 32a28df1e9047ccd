from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import DatasetError
from retrieval.media.xmp import parse_xmp
from retrieval.tagging.xmp import SidecarTags, tagged_sidecar

DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <!-- by hand -->
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmp:Rating="4"
   darktable:note="two&#10;lines &amp; &lt;more&gt;">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Anna</rdf:li>
     <rdf:li>Dog</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Ours &amp; yours</rdf:li></rdf:Alt></dc:title>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""


def subjects(content: bytes, name: str = "dc:subject") -> list[str]:
    found = re.search(rf"<{name}\b.*?</{name}>", content.decode(), re.DOTALL)
    return re.findall(r"<rdf:li[^>]*>(.*?)</rdf:li>", found[0]) if found else []


def changed(content: bytes | None, *labels: str, hierarchy: tuple[str, ...] = ()) -> bytes:
    made = tagged_sidecar(content, SidecarTags(labels, hierarchy))
    assert made is not None
    return made


def test_a_new_sidecar_holds_the_tags_and_what_lies_above_them() -> None:
    made = changed(None, "dog", "beach", hierarchy=("animal|dog",))
    assert subjects(made) == subjects(made, "vidi:tags") == ["dog", "beach"]
    assert subjects(made, "lr:hierarchicalSubject") == ["animal|dog"]
    assert made.decode().startswith('<?xpacket begin="\ufeff"')


def test_a_tree_of_ones_own_gets_no_second_place_for_its_keywords() -> None:
    theirs = changed(None, hierarchy=("pets|Rex",)).replace(b"vidi:hierarchy", b"vidi:other")
    made = changed(theirs, "Rex", "pets", "beach", hierarchy=("Rex", "pets", "nature|beach"))
    assert subjects(made, "lr:hierarchicalSubject") == ["pets|Rex", "nature|beach"]
    assert subjects(made, "dc:subject") == ["Rex", "pets", "beach"]


def test_whatever_else_is_in_it_stays() -> None:
    made = changed(DARKTABLE.encode(), "beach").decode()
    for part in re.findall(r'\S+="[^"]*"|<!--.*?-->|<rdf:li.*?</rdf:li>', DARKTABLE.split("?>")[1]):
        assert part in made, part


def test_a_persons_keyword_is_neither_doubled_nor_removed() -> None:
    made = changed(DARKTABLE.encode(), "dog", "beach")
    assert subjects(made) == ["Anna", "Dog", "beach"]
    assert subjects(made, "vidi:tags") == ["beach"]
    again = changed(made, "dog")
    assert subjects(again) == ["Anna", "Dog"]
    assert subjects(again, "vidi:tags") == []


def test_a_tag_that_a_person_took_out_stays_out() -> None:
    made = changed(None, "dog", "beach")
    edited = re.sub(rb"<rdf:li>dog</rdf:li>", b"", made, count=1)
    assert subjects(changed(edited, "dog", "beach", "snow")) == ["beach", "snow"]


def test_what_vidi_wrote_is_not_read_back_as_what_people_said() -> None:
    made = changed(DARKTABLE.encode(), "dog", "beach", hierarchy=("nature|beach",))
    assert parse_xmp(made).keywords == parse_xmp(DARKTABLE.encode()).keywords == ("Anna", "Dog")


def test_nothing_to_change_changes_nothing() -> None:
    made = changed(DARKTABLE.encode(), "beach", hierarchy=("nature|beach",))
    assert tagged_sidecar(made, SidecarTags(("beach",), ("nature|beach",))) is None
    assert tagged_sidecar(DARKTABLE.encode(), SidecarTags(("anna",))) is None


def test_a_sidecar_with_another_prefix_for_rdf() -> None:
    other = DARKTABLE.replace("rdf:", "r:").replace("xmlns:rdf", "xmlns:r")
    made = changed(other.encode(), "beach").decode()
    assert "<r:li>beach</r:li>" in made
    assert "rdf:" not in made


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_are_read(encoding: str) -> None:
    text = DARKTABLE.replace(' encoding="UTF-8"', "")
    assert subjects(changed(text.encode(encoding), "beach")) == ["Anna", "Dog", "beach"]


BOMB = '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "it is no XML that can be read"),
        ("<x:xmpmeta", "it is no XML that can be read"),
        ("<html/>", "it is XML, but no XMP"),
        (DARKTABLE.replace("UTF-8", "klingon"), "it is no XML that can be read"),
    ],
    ids=["empty", "cut", "html", "encoding"],
)
def test_what_is_no_xmp_is_told(content: str, told: str) -> None:
    with pytest.raises(DatasetError, match=told):
        tagged_sidecar(content.encode(), SidecarTags(("dog",)))


words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn"), max_codepoint=0xFFFD), min_size=1
)


@given(st.lists(words, unique_by=str.casefold), st.lists(words, unique_by=str.casefold))
def test_any_tags_go_in_and_out_again(first: list[str], second: list[str]) -> None:
    made = tagged_sidecar(DARKTABLE.encode(), SidecarTags(tuple(first)))
    made = tagged_sidecar(made or DARKTABLE.encode(), SidecarTags(tuple(second))) or made
    emptied = tagged_sidecar(made or DARKTABLE.encode(), SidecarTags(())) or made or DARKTABLE.encode()
    assert subjects(emptied) == ["Anna", "Dog"]


def test_a_keyword_that_a_person_spelt_otherwise_is_theirs() -> None:
    ours = tagged_sidecar(None, SidecarTags(("dog",), ()))
    assert ours is not None
    theirs = ours.replace(b"<rdf:li>dog</rdf:li>", b"<rdf:li>Dog</rdf:li>", 1)
    assert theirs != ours
    after = tagged_sidecar(theirs, SidecarTags(("cat",), ()))
    assert after is not None
    assert b"<rdf:li>Dog</rdf:li>" in after


def taken_out(content: bytes, *labels: str) -> bytes:
    """As another program leaves it."""
    edited = content
    for label in labels:
        edited = edited.replace(f"<rdf:li>{label}</rdf:li>".encode(), b"", 1)
    assert edited != content
    return edited


def test_what_was_taken_out_stays_out_though_no_machine_said_it_for_a_while() -> None:
    without = changed(taken_out(changed(None, "dog", "beach"), "dog"), "beach")
    assert tagged_sidecar(without, SidecarTags(("dog", "beach"))) is None
    assert subjects(without) == ["beach"]


def test_what_a_person_puts_back_is_theirs() -> None:
    without = changed(taken_out(changed(None, "dog", "beach"), "dog"), "beach")
    back = without.replace(b"<rdf:li>beach</rdf:li>", b"<rdf:li>beach</rdf:li><rdf:li>dog</rdf:li>", 1)
    assert subjects(changed(back)) == ["dog"]
    assert parse_xmp(back).keywords == ("dog",)


def test_what_a_person_tells_vidi_after_it_was_taken_out_is_written() -> None:
    told = SidecarTags(("dog",), ("animal|dog",), frozenset({"dog", "animal|dog"}))
    without = taken_out(changed(None, "dog", hierarchy=("animal|dog",)), "dog", "animal|dog")
    at_once = tagged_sidecar(without, told)
    assert at_once is not None
    assert subjects(at_once) == ["dog"]
    assert subjects(at_once, "lr:hierarchicalSubject") == ["animal|dog"]
    remembered = changed(without, "dog", hierarchy=("animal|dog",))
    later = tagged_sidecar(remembered, told)
    assert later is not None
    assert subjects(later) == ["dog"]


def test_what_a_person_told_vidi_before_they_took_it_out_stays_out() -> None:
    told = SidecarTags(("dog",), (), frozenset({"dog"}))
    first = tagged_sidecar(None, told)
    assert first is not None
    without = tagged_sidecar(taken_out(first, "dog"), told)
    assert without is not None
    assert subjects(without) == []
    assert tagged_sidecar(without, told) is None


def test_keywords_of_the_pictures_that_this_one_was_made_from_stay() -> None:
    other = "<dc:subject><rdf:Bag><rdf:li>cat</rdf:li></rdf:Bag></dc:subject>"
    pantry = f"<p:Pantry xmlns:p='urn:p'><rdf:Bag><rdf:li><rdf:Description>{other}</rdf:Description></rdf:li></rdf:Bag>"
    nested = DARKTABLE.replace("   <dc:subject>", f"   {pantry}</p:Pantry>\n   <dc:subject>")
    made = changed(nested.encode(), "cat")
    assert made.decode().count("<rdf:li>cat</rdf:li>") == 3  # the other's, this one's, and vidi's memory of it
    assert other in made.decode()
    assert changed(made).decode().count("<rdf:li>cat</rdf:li>") == 1


LIST = DARKTABLE[DARKTABLE.index("<dc:subject>") : DARKTABLE.index("</dc:subject>") + len("</dc:subject>")]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("<dc:subject>Anna</dc:subject>", "it has dc:subject in a form that is no plain list"),
        ('<dc:subject rdf:resource="urn:anna"/>', "it has dc:subject in a form that is no plain list"),
        (LIST.replace(">Anna<", "><rdf:value>Anna</rdf:value><"), "it has dc:subject in a form that is no plain list"),
        (LIST + "</rdf:Description><rdf:Description dc:subject='Anna'>", "it has dc:subject as an attribute"),
    ],
    ids=["text", "resource", "qualified", "attribute"],
)
def test_keywords_in_other_forms_are_left_alone(form: str, told: str) -> None:
    other = DARKTABLE.replace(LIST, form).replace("<rdf:RDF", '<rdf:RDF xmlns:dc="http://purl.org/dc/elements/1.1/"')
    with pytest.raises(DatasetError, match=told):
        tagged_sidecar(other.encode(), SidecarTags(("dog",)))


def test_rdf_may_be_the_default_name_space() -> None:
    bare = DARKTABLE.replace("rdf:about", "about").replace("rdf:", "").replace("xmlns:rdf", "xmlns")
    assert parse_xmp(changed(bare.encode(), "beach")).keywords == ("Anna", "Dog")
    root = bare[bare.index("<RDF") : bare.index(">", bare.index("<RDF")) + 1]
    made = changed(f"{root}</RDF>".encode(), "beach")
    assert subjects(made) == ["beach"]
    assert 'rdf:about=""' in made.decode()


def test_what_would_not_be_read_as_it_was_written_is_left_alone() -> None:
    other = DARKTABLE.replace("rdf:", "r:").replace("xmlns:rdf", "xmlns:r")
    rebound = other.replace("<r:Bag>", '<q:Bag xmlns:q="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:r="urn:r">')
    rebound = rebound.replace("</r:Bag>", "</q:Bag>").replace("r:li>", "q:li>", 4)
    with pytest.raises(DatasetError, match="it is written so that it can't be changed safely"):
        tagged_sidecar(rebound.encode(), SidecarTags(("beach",)))


@pytest.mark.parametrize("content", [BOMB, OUTSIDE])
def test_a_document_type_is_told_in_words(content: str) -> None:
    with pytest.raises(DatasetError, match="it declares entities or a document type, which could harm"):
        tagged_sidecar(content.encode(), SidecarTags(("dog",)))
